// The grammar of uri-host [ ":" port ] (RFC 3986 section 3.2), shared by request targets and the Host field.
#pragma once
#include "chttp.h"

#pragma clang assume_nonnull begin

/// A host while it arrives. Zero it before the first byte. Fits the 32 bits that a scanner keeps between
/// calls.
typedef struct chttp_host {
    uint32_t phase : 4;
    uint32_t groups : 4; // IPv6: groups of hexadecimal digits that are complete.
    uint32_t digits : 3; // Digits of the current group, octet or port; a port counts only its first.
    uint32_t compressed : 1; // IPv6: "::" was seen.
    uint32_t octets : 3; // IPv6 that ends in IPv4: octets that are complete.
    uint32_t value : 16; // Decimal value of the current octet or of the port.
} chttp_host;

_Static_assert(sizeof(chttp_host) == sizeof(uint32_t), "a host must fit a scanner's detail");

/// Takes bytes until one is not part of the host; returns how many it took.
uint32_t chttp_host_scan(chttp_host *host, const uint8_t *bytes, uint32_t length);

/// Whether what was taken is a whole host: never empty, an address closed by its bracket, the port optional.
bool chttp_host_is_complete(const chttp_host *host);

/// Whether the host is followed by a port of at least one digit.
bool chttp_host_has_port(const chttp_host *host);

#pragma clang assume_nonnull end
