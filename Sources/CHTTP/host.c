// uri-host [ ":" port ], byte by byte. An IPv6 address is checked as RFC 3986 section 3.2.2 spells it out:
// eight groups, or fewer beside one "::", the last two perhaps as IPv4. IPvFuture and zone identifiers have
// no meaning between servers and are refused. An IPv4 address is a registered name by its bytes and needs no
// rule of its own.
#include "host.h"
#include "token.h"

enum phase {
    NAME_BEGIN = 0,
    NAME,
    NAME_PERCENT_HIGH,
    NAME_PERCENT_LOW,
    V6_BEGIN,
    V6_FIRST_COLON,
    V6_GROUP, // Digits that may still turn out to be the first octet of an IPv4 address.
    V6_HEX_GROUP, // Digits that may not.
    V6_COLON,
    V6_COMPRESSED,
    V4_BEGIN,
    V4_OCTET,
    V6_CLOSED,
    PORT,
};

/// How many groups the address may have: "::" stands for at least one.
static uint32_t groups_max(const chttp_host *host) { return host->compressed ? 7 : 8; }

static bool move(chttp_host *host, enum phase phase) {
    host->phase = phase;
    return true;
}

static bool take_name(chttp_host *host, uint8_t byte) {
    if (is_class(byte, CLASS_REG_NAME)) return move(host, NAME);
    if (byte == '%') return move(host, NAME_PERCENT_HIGH);
    if (host->phase == NAME) return byte == ':' && move(host, PORT);
    return byte == '[' && move(host, V6_BEGIN);
}

/// The first digit of a group.
static bool begin_group(chttp_host *host, uint8_t byte) {
    if (hex_value(byte) < 0 || host->groups >= groups_max(host)) return false;
    host->digits = 1;
    host->value = is_digit(byte) ? byte - '0' : 0;
    return move(host, is_digit(byte) ? V6_GROUP : V6_HEX_GROUP);
}

/// The first octet ends: an IPv4 address counts as two groups and must be the last thing.
static bool begin_ipv4(chttp_host *host) {
    bool fits = host->compressed ? host->groups <= 5 : host->groups == 6;
    if (host->phase != V6_GROUP || !fits) return false;
    host->octets = 1;
    return move(host, V4_BEGIN);
}

static bool take_group(chttp_host *host, uint8_t byte) {
    if (hex_value(byte) >= 0) {
        if (host->digits == 4) return false;
        uint32_t value = host->value * 10u + (uint32_t)(is_digit(byte) ? byte - '0' : 0);
        bool octet = host->phase == V6_GROUP && is_digit(byte) && host->value != 0 && value <= 255;
        host->value = octet ? value : 0;
        host->digits++;
        return move(host, octet ? V6_GROUP : V6_HEX_GROUP);
    }
    if (byte == '.') return begin_ipv4(host);
    host->groups++;
    if (byte == ':') return host->groups < groups_max(host) && move(host, V6_COLON);
    return byte == ']' && (host->compressed || host->groups == 8) && move(host, V6_CLOSED);
}

/// The byte after "[", a colon or "::".
static bool take_separator(chttp_host *host, uint8_t byte) {
    if (byte == ':' && host->phase == V6_BEGIN) return move(host, V6_FIRST_COLON);
    if (byte == ':' && host->phase != V6_COMPRESSED && !host->compressed) {
        host->compressed = 1;
        return move(host, V6_COMPRESSED);
    }
    if (byte == ']') return host->phase == V6_COMPRESSED && move(host, V6_CLOSED);
    return host->phase != V6_FIRST_COLON && begin_group(host, byte);
}

static bool take_octet(chttp_host *host, uint8_t byte) {
    if (is_digit(byte)) {
        bool first = host->phase == V4_BEGIN;
        uint32_t value = (first ? 0u : host->value * 10u) + (uint32_t)(byte - '0');
        if (value > 255 || (!first && host->value == 0)) return false;
        host->value = value;
        return move(host, V4_OCTET);
    }
    if (host->phase == V4_BEGIN) return false;
    host->octets++;
    if (byte == '.') return host->octets < 4 && move(host, V4_BEGIN);
    return byte == ']' && host->octets == 4 && move(host, V6_CLOSED);
}

static bool begin_port(chttp_host *host, uint8_t byte) {
    host->digits = 0;
    return byte == ':' && move(host, PORT);
}

static bool take_port(chttp_host *host, uint8_t byte) {
    if (!is_digit(byte)) return false;
    if (host->digits == 0) host->value = 0;
    uint32_t value = host->value * 10u + (byte - '0');
    if (value > 65535) return false;
    host->value = value & 0xffff;
    host->digits = 1;
    return true;
}

static bool take(chttp_host *host, uint8_t byte) {
    switch ((enum phase)host->phase) {
    case NAME_BEGIN:
    case NAME:
        return take_name(host, byte);
    case NAME_PERCENT_HIGH:
        return hex_value(byte) >= 0 && move(host, NAME_PERCENT_LOW);
    case NAME_PERCENT_LOW:
        return hex_value(byte) >= 0 && move(host, NAME);
    case V6_BEGIN:
    case V6_FIRST_COLON:
    case V6_COLON:
    case V6_COMPRESSED:
        return take_separator(host, byte);
    case V6_GROUP:
    case V6_HEX_GROUP:
        return take_group(host, byte);
    case V4_BEGIN:
    case V4_OCTET:
        return take_octet(host, byte);
    case V6_CLOSED:
        return begin_port(host, byte);
    case PORT:
        return take_port(host, byte);
    }
    return false;
}

uint32_t chttp_host_scan(chttp_host *host, const uint8_t *bytes, uint32_t length) {
    uint32_t at = 0;
    while (at < length && take(host, bytes[at])) {
        at++;
        if (host->phase == NAME) at = skip_class(bytes, at, length, CLASS_REG_NAME);
    }
    return at;
}

bool chttp_host_is_complete(const chttp_host *host) {
    return host->phase == NAME || host->phase == V6_CLOSED || host->phase == PORT;
}

bool chttp_host_has_port(const chttp_host *host) { return host->phase == PORT && host->digits > 0; }
