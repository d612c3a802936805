// A slow and obvious parser of complete request heads: it looks for the end, cuts the head into lines and the
// lines into parts, and asks of each part whether it is right. It shares nothing with the scanners.
#pragma once
#include <arpa/inet.h>
#include <strings.h>

#include "common.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define SUB_DELIMS "!$&'()*+,;="
#define UNRESERVED LETTERS DIGITS "-._~"

/// A piece of text that is not terminated.
typedef struct text {
    const char *at;
    size_t length;
} text;

static inline bool text_is(text t, const char *expected) {
    return t.length == strlen(expected) && strncasecmp(t.at, expected, t.length) == 0;
}

static inline bool consists_of(text t, const char *allowed) {
    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] == 0 || strchr(allowed, t.at[i]) == NULL) return false;
    }
    return true;
}

/// As `consists_of`, with percent-encoded bytes too.
static inline bool consists_of_or_encoded(text t, const char *allowed) {
    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] == '%') {
            bool digits = i + 2 < t.length && consists_of((text){t.at + i + 1, 2}, DIGITS "abcdefABCDEF");
            if (!digits) return false;
            i += 2;
        } else if (!consists_of((text){t.at + i, 1}, allowed)) {
            return false;
        }
    }
    return true;
}

/// The text before the first `byte`, which is cut off together with it; all of it when there is none.
static inline text cut(text *rest, char byte) {
    const char *found = rest->length > 0 ? memchr(rest->at, byte, rest->length) : NULL;
    size_t length = found != NULL ? (size_t)(found - rest->at) : rest->length;
    text first = {rest->at, length};
    size_t gone = found != NULL ? length + 1 : length;
    rest->at += gone;
    rest->length -= gone;
    return first;
}

static inline text trim(text t) {
    while (t.length > 0 && (t.at[0] == ' ' || t.at[0] == '\t')) t.at++, t.length--;
    while (t.length > 0 && (t.at[t.length - 1] == ' ' || t.at[t.length - 1] == '\t')) t.length--;
    return t;
}

static inline bool is_token_text(text t) {
    return t.length > 0 && consists_of(t, LETTERS DIGITS "!#$%&'*+-.^_`|~");
}

static inline bool is_value_text(text t) {
    for (size_t i = 0; i < t.length; i++) {
        uint8_t byte = (uint8_t)t.at[i];
        if (byte != '\t' && (byte < ' ' || byte == 127)) return false;
    }
    return true;
}

/// Whether a decimal number, leading zeros or not, is at most `max`.
static inline bool is_at_most(text digits, const char *max) {
    while (digits.length > 0 && digits.at[0] == '0') digits.at++, digits.length--;
    if (digits.length != strlen(max)) return digits.length < strlen(max);
    return memcmp(digits.at, max, digits.length) <= 0;
}

static inline bool is_address(text t) {
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    if (t.length >= sizeof address || memchr(t.at, 0, t.length) != NULL) return false;
    memcpy(address, t.at, t.length);
    address[t.length] = 0;
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

static inline bool is_host_and_port(text t, bool port_due) {
    bool address = t.length > 0 && t.at[0] == '[';
    text host = t;
    text port = {t.at, 0};
    bool colon;
    if (address) {
        if (memchr(t.at, ']', t.length) == NULL) return false;
        text rest = {t.at + 1, t.length - 1};
        host = cut(&rest, ']');
        if (rest.length > 0 && rest.at[0] != ':') return false;
        colon = rest.length > 0;
        if (colon) port = (text){rest.at + 1, rest.length - 1};
    } else {
        text rest = t;
        host = cut(&rest, ':');
        colon = host.length < t.length;
        port = rest;
    }
    if (port_due && port.length == 0) return false;
    if (colon && (!consists_of(port, DIGITS) || !is_at_most(port, "65535"))) return false;
    return address ? is_address(host)
                   : host.length > 0 && consists_of_or_encoded(host, UNRESERVED SUB_DELIMS);
}

static inline bool is_target(text method, text target) {
    const char *pchar = UNRESERVED SUB_DELIMS ":@/?";
    bool connect = method.length == 7 && memcmp(method.at, "CONNECT", 7) == 0;
    bool options = method.length == 7 && memcmp(method.at, "OPTIONS", 7) == 0;
    if (connect) return is_host_and_port(target, true);
    if (target.length == 1 && target.at[0] == '*') return options;
    if (target.length > 0 && target.at[0] == '/') return consists_of_or_encoded(target, pchar);
    size_t scheme = 0;
    if (target.length >= 7 && strncasecmp(target.at, "http://", 7) == 0) scheme = 7;
    if (target.length >= 8 && strncasecmp(target.at, "https://", 8) == 0) scheme = 8;
    if (scheme == 0) return false;
    text rest = {target.at + scheme, target.length - scheme};
    size_t end = 0;
    while (end < rest.length && rest.at[end] != '/' && rest.at[end] != '?') end++;
    text path = {rest.at + end, rest.length - end};
    return is_host_and_port((text){rest.at, end}, false) && consists_of_or_encoded(path, pchar);
}

/// What the fields of a head add up to.
typedef struct tally {
    bool version_1_1;
    uint32_t hosts;
    uint32_t lengths;
    uint32_t codings;
} tally;

static inline bool is_connection(text value) {
    while (value.length > 0) {
        text option = trim(cut(&value, ','));
        if (option.length > 0 && !is_token_text(option)) return false;
    }
    return true;
}

/// Whether what a field says is right; a head is well-formed without it.
static inline bool is_field_understood(text name, text value, tally *sum) {
    if (text_is(name, "host")) return ++sum->hosts == 1 && is_host_and_port(value, false);
    if (text_is(name, "connection")) return is_connection(value);
    if (text_is(name, "expect")) return !sum->version_1_1 || text_is(value, "100-continue");
    if (text_is(name, "transfer-encoding")) return ++sum->codings == 1 && text_is(value, "chunked");
    if (!text_is(name, "content-length")) return true;
    return ++sum->lengths == 1 && value.length > 0 && consists_of(value, DIGITS) &&
           is_at_most(value, "9223372036854775807");
}

typedef enum verdict { NOT_A_HEAD, A_HEAD, A_FRAMED_HEAD } verdict;

static inline bool is_start_line(text line, const chttp_limits *limits, tally *sum) {
    if (line.length > limits->start_line_bytes_max) return false;
    text version = line;
    text method = cut(&version, ' ');
    text target = cut(&version, ' ');
    if (!is_token_text(method) || method.length > 64 || !is_target(method, target)) return false;
    sum->version_1_1 = version.length == 8 && version.at[7] != '0';
    return version.length == 8 && memcmp(version.at, "HTTP/1.", 7) == 0 &&
           consists_of((text){version.at + 7, 1}, DIGITS);
}

/// Judges a message that begins with a head; `length` is set to that of the head.
static inline verdict judge(const uint8_t *bytes, size_t size, const chttp_limits *limits, size_t *length) {
    const char *message = (const char *)bytes;
    size_t start = size >= 2 && memcmp(message, "\r\n", 2) == 0 ? 2 : 0;
    const char *end = memmem(message + start, size - start, "\r\n\r\n", 4);
    if (end == NULL) return NOT_A_HEAD;
    *length = (size_t)(end - message) + 4;
    if (*length > limits->head_bytes_max) return NOT_A_HEAD;

    tally sum = {0};
    bool understood = true;
    text rest = {message + start, *length - 2 - start};
    for (uint32_t count = 0; rest.length > 0; count++) {
        text line = cut(&rest, '\n');
        if (line.length == 0 || line.at[line.length - 1] != '\r') return NOT_A_HEAD;
        line.length--;
        if (count == 0) {
            if (!is_start_line(line, limits, &sum)) return NOT_A_HEAD;
            continue;
        }
        if (count > limits->fields_max || line.length > limits->field_bytes_max) return NOT_A_HEAD;
        text value = line;
        text name = cut(&value, ':');
        if (name.length == line.length || !is_token_text(name) || !is_value_text(value)) return NOT_A_HEAD;
        understood = is_field_understood(name, trim(value), &sum) && understood;
    }
    understood = understood && (sum.hosts == 1 || !sum.version_1_1);
    understood = understood && (sum.codings == 0 || (sum.lengths == 0 && sum.version_1_1));
#ifdef FUZZ_CANARY
    understood = understood && !sum.version_1_1;
#endif
    return understood ? A_FRAMED_HEAD : A_HEAD;
}
