// Where a message ends and what becomes of its connection: Host, Content-Length, Transfer-Encoding,
// Connection and Expect (RFC 9112 sections 3.2, 6 and 9; RFC 9110 sections 7.2, 7.6.1, 8.6 and 10.1.1).
//
// Fields are judged in the order in which they were sent, so that the refusal names the first that is wrong.
// A field that could be read in two ways is never read in one of them: it is refused.
#include <string.h>

#include "host.h"
#include "token.h"

/// What is known of the fields so far.
typedef struct framer {
    chttp_head *head;
    const uint8_t *bytes;
    chttp_framing *framing;
    bool request;
    bool host_seen;
    bool coding_seen; // A Transfer-Encoding field was there.
    bool chunked_seen; // Its last coding so far is chunked.
    bool other_seen; // It has a coding that is not chunked, first at `other_at`.
    uint32_t other_at;
    uint32_t coding_at; // The last coding so far.
} framer;

static bool refuse(framer *f, uint32_t at, chttp_rule rule) {
    f->head->bad_at = at;
    f->head->rule = rule;
    return false;
}

static uint32_t end_of(chttp_span span) { return span.at + span.length; }

static bool take_host(framer *f, const chttp_field *field) {
    if (f->host_seen) return refuse(f, field->name.at, CHTTP_RULE_HOST_TWICE);
    f->host_seen = true;
    chttp_host host = {0};
    uint32_t taken = chttp_host_scan(&host, f->bytes + field->value.at, field->value.length);
    bool whole = taken == field->value.length && chttp_host_is_complete(&host);
    return whole || refuse(f, field->value.at + taken, CHTTP_RULE_HOST_VALUE);
}

static bool take_content_length(framer *f, const chttp_field *field) {
    if (f->framing->has_content_length) return refuse(f, field->name.at, CHTTP_RULE_CONTENT_LENGTH_TWICE);
    if (f->coding_seen) return refuse(f, field->name.at, CHTTP_RULE_LENGTH_AMBIGUOUS);
    uint32_t at = field->value.at;
    uint32_t end = end_of(field->value);
    uint64_t length = 0;
    if (at == end) return refuse(f, at, CHTTP_RULE_CONTENT_LENGTH);
    for (; at < end && is_digit(f->bytes[at]); at++) {
        uint64_t digit = f->bytes[at] - '0';
        if (length > (INT64_MAX - digit) / 10) return refuse(f, at, CHTTP_RULE_CONTENT_LENGTH);
        length = length * 10 + digit;
    }
    if (at < end) {
        uint32_t comma = skip_space(f->bytes, at, end);
        bool list = at > field->value.at && comma < end && f->bytes[comma] == ',';
        if (list) return refuse(f, comma, CHTTP_RULE_CONTENT_LENGTH_TWICE);
        return refuse(f, at, CHTTP_RULE_CONTENT_LENGTH);
    }
    f->framing->has_content_length = true;
    f->framing->content_length = length;
    return true;
}

/// Skips a quoted-string that begins at `at` (RFC 9110 section 5.6.4). Returns `at` itself when it is not
/// closed.
static uint32_t skip_quoted(const uint8_t *bytes, uint32_t at, uint32_t end) {
    uint32_t next = at + 1;
    while (next < end) {
        next = skip_class(bytes, next, end, CLASS_QUOTED);
        if (next == end) break;
        if (bytes[next] == '"') return next + 1;
        // A backslash and the byte that it quotes: a field value holds no byte that must not be quoted.
        next += 2;
    }
    return at;
}

/// Skips `name=value` with white space around the equals sign (RFC 9112 section 7). False where it is
/// malformed, with `at` there.
static bool skip_parameter(const uint8_t *bytes, uint32_t *at, uint32_t end) {
    uint32_t name = skip_space(bytes, *at, end);
    uint32_t name_end = skip_class(bytes, name, end, CLASS_TOKEN);
    *at = skip_space(bytes, name_end, end);
    if (name_end == name || *at == end || bytes[*at] != '=') return false;
    *at = skip_space(bytes, *at + 1, end);
    if (*at == end) return false;
    bool quoted = bytes[*at] == '"';
    uint32_t next = quoted ? skip_quoted(bytes, *at, end) : skip_class(bytes, *at, end, CLASS_TOKEN);
    if (next == *at) return false;
    *at = next;
    return true;
}

/// Takes one transfer coding with its parameters, up to a comma or the end.
static bool take_coding(framer *f, uint32_t *at, uint32_t end) {
    uint32_t from = skip_space(f->bytes, *at, end);
    uint32_t to = skip_class(f->bytes, from, end, CLASS_TOKEN);
    if (to == from || f->chunked_seen) return refuse(f, from, CHTTP_RULE_TRANSFER_ENCODING);
    f->coding_at = from;
    f->chunked_seen = chttp_equals(f->bytes + from, to - from, "chunked");
    if (!f->chunked_seen && !f->other_seen) {
        f->other_seen = true;
        f->other_at = from;
    }
    *at = skip_space(f->bytes, to, end);
    while (*at < end && f->bytes[*at] == ';' && !f->chunked_seen) {
        ++*at;
        if (!skip_parameter(f->bytes, at, end)) return refuse(f, *at, CHTTP_RULE_TRANSFER_ENCODING);
        *at = skip_space(f->bytes, *at, end);
    }
    if (*at < end && f->bytes[*at] != ',') return refuse(f, *at, CHTTP_RULE_TRANSFER_ENCODING);
    return true;
}

/// Several field lines are one list. Empty elements, which a recipient may overlook elsewhere, are refused
/// here: what follows the head depends on how this list is read.
static bool take_transfer_encoding(framer *f, const chttp_field *field) {
    if (f->head->version_minor == 0) return refuse(f, field->name.at, CHTTP_RULE_TRANSFER_ENCODING_1_0);
    if (f->framing->has_content_length) return refuse(f, field->name.at, CHTTP_RULE_LENGTH_AMBIGUOUS);
    f->coding_seen = true;
    uint32_t at = field->value.at;
    uint32_t end = end_of(field->value);
    if (!take_coding(f, &at, end)) return false;
    while (at < end) {
        at++;
        if (!take_coding(f, &at, end)) return false;
    }
    return true;
}

/// A list of tokens, empty elements allowed (RFC 9110 section 5.6.1.2).
static bool take_connection(framer *f, const chttp_field *field) {
    uint32_t at = field->value.at;
    uint32_t end = end_of(field->value);
    while (at < end) {
        uint32_t from = skip_space(f->bytes, at, end);
        uint32_t to = skip_class(f->bytes, from, end, CLASS_TOKEN);
        if (chttp_equals(f->bytes + from, to - from, "close")) f->framing->close = true;
        if (chttp_equals(f->bytes + from, to - from, "keep-alive")) f->framing->keep_alive = true;
        at = skip_space(f->bytes, to, end);
        if (at < end && f->bytes[at] != ',') return refuse(f, at, CHTTP_RULE_CONNECTION);
        at++;
    }
    return true;
}

/// HTTP/1.0 knows no expectations: a recipient must ignore them there (RFC 9110 section 10.1.1).
static bool take_expect(framer *f, const chttp_field *field) {
    if (f->head->version_minor == 0) return true;
    uint32_t at = field->value.at;
    uint32_t end = end_of(field->value);
    while (at < end) {
        uint32_t from = skip_space(f->bytes, at, end);
        uint32_t to = skip_class(f->bytes, from, end, CLASS_TOKEN);
        bool is_continue = chttp_equals(f->bytes + from, to - from, "100-continue");
        if (to > from && !is_continue) return refuse(f, from, CHTTP_RULE_EXPECT);
        if (is_continue) f->framing->expect_continue = true;
        at = skip_space(f->bytes, to, end);
        if (at < end && f->bytes[at] != ',') return refuse(f, at, CHTTP_RULE_EXPECT);
        at++;
    }
    return true;
}

static bool take_field(framer *f, const chttp_field *field) {
    const uint8_t *name = f->bytes + field->name.at;
    switch (field->name.length) {
    case 4:
        return !f->request || !chttp_equals(name, 4, "host") || take_host(f, field);
    case 6:
        return !f->request || !chttp_equals(name, 6, "expect") || take_expect(f, field);
    case 10:
        return !chttp_equals(name, 10, "connection") || take_connection(f, field);
    case 14:
        return !chttp_equals(name, 14, "content-length") || take_content_length(f, field);
    case 17:
        return !chttp_equals(name, 17, "transfer-encoding") || take_transfer_encoding(f, field);
    default:
        return true;
    }
}

/// The rules that can be judged only when all fields are known.
static bool conclude(framer *f) {
    bool host_due = f->request && f->head->version_minor > 0;
    if (host_due && !f->host_seen) return refuse(f, f->head->length - 2, CHTTP_RULE_HOST_MISSING);
    if (f->coding_seen && !f->chunked_seen) return refuse(f, f->coding_at, CHTTP_RULE_TRANSFER_ENCODING);
    if (f->other_seen) return refuse(f, f->other_at, CHTTP_RULE_TRANSFER_CODING);
    f->framing->chunked = f->coding_seen;
    if (f->framing->close) f->framing->keep_alive = false;
    return true;
}

static chttp_status frame(chttp_head *head, const uint8_t *bytes, const chttp_field *fields,
                          chttp_framing *framing, bool request) {
    *framing = (chttp_framing){0};
    framer f = {.head = head, .bytes = bytes, .framing = framing, .request = request};
    for (uint32_t index = 0; index < head->field_count; index++) {
        if (!take_field(&f, &fields[index])) return CHTTP_BAD;
    }
    return conclude(&f) ? CHTTP_OK : CHTTP_BAD;
}

chttp_status chttp_request_framing(chttp_head *head, const uint8_t *bytes, const chttp_field *fields,
                                   chttp_framing *framing) {
    return frame(head, bytes, fields, framing, true);
}

chttp_status chttp_response_framing(chttp_head *head, const uint8_t *bytes, const chttp_field *fields,
                                    chttp_framing *framing) {
    return frame(head, bytes, fields, framing, false);
}

bool chttp_equals(const uint8_t *bytes, size_t length, const char *name) {
    if (length != strlen(name)) return false;
    for (size_t index = 0; index < length; index++) {
        if (lower_case(bytes[index]) != (uint8_t)name[index]) return false;
    }
    return true;
}

bool chttp_is_field_value(const uint8_t *bytes, size_t length) {
    for (size_t index = 0; index < length; index++) {
        if (!is_class(bytes[index], CLASS_TEXT)) return false;
    }
    return length == 0 || (!is_space(bytes[0]) && !is_space(bytes[length - 1]));
}

bool chttp_is_token(const uint8_t *bytes, size_t length) {
    for (size_t index = 0; index < length; index++) {
        if (!is_class(bytes[index], CLASS_TOKEN)) return false;
    }
    return length > 0;
}
