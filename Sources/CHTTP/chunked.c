// The chunked transfer coding (RFC 9112 section 7.1).
//
// Every byte is taken in the call that brings it, so nothing but the state is kept between two calls. Data is
// handed out as the run of the caller's bytes that it is.
#include "token.h"

enum state {
    SIZE_BEGIN = 0,
    SIZE,

    // chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS value ] )
    EXTENSION_END, // White space was there: only ";" may follow.
    EXTENSION_NAME_BEGIN,
    EXTENSION_NAME,
    EXTENSION_NAME_END, // White space was there: only ";" or "=" may follow.
    EXTENSION_VALUE_BEGIN,
    EXTENSION_VALUE,
    EXTENSION_QUOTED,
    EXTENSION_QUOTED_PAIR,
    EXTENSION_QUOTED_END,

    SIZE_LINE_END, // After the CR.
    DATA,
    DATA_END,
    DATA_LINE_END, // After the CR.

    TRAILER_BEGIN,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LINE_END, // After the CR.
    BODY_END, // After the CR.

    BODY_OK,
    BODY_BAD,
};

static bool refuse(chttp_chunked *body, chttp_rule rule) {
    body->rule = rule;
    body->_state = BODY_BAD;
    return false;
}

static bool expect(chttp_chunked *body, enum state state) {
    body->_state = state;
    return true;
}

/// The byte after a CR.
static bool take_line_feed(chttp_chunked *body, uint8_t byte, enum state next) {
    if (byte != '\n') return refuse(body, CHTTP_RULE_LINE_END);
    return expect(body, next);
}

/// The byte that ends a part of the size line, or a refusal. A bare LF is the same mistake wherever it
/// stands.
static bool take_size_line_end(chttp_chunked *body, uint8_t byte, chttp_rule rule) {
    if (byte == '\r') return expect(body, SIZE_LINE_END);
    if (byte == ';') return expect(body, EXTENSION_NAME_BEGIN);
    return refuse(body, byte == '\n' ? CHTTP_RULE_LINE_END : rule);
}

static bool take_size(chttp_chunked *body, uint8_t byte) {
    int digit = hex_value(byte);
    bool first = body->_state == SIZE_BEGIN;
    if (digit < 0) {
        if (first) return refuse(body, byte == '\n' ? CHTTP_RULE_LINE_END : CHTTP_RULE_CHUNK_SIZE);
        if (is_space(byte)) return expect(body, EXTENSION_END);
        return take_size_line_end(body, byte, CHTTP_RULE_CHUNK_SIZE);
    }
    if (body->remaining >> 59 != 0) return refuse(body, CHTTP_RULE_CHUNK_SIZE);
    body->remaining = body->remaining << 4 | (uint64_t)digit;
    return expect(body, SIZE);
}

/// White space, then the first byte of a name or of a value.
static bool begin_extension_part(chttp_chunked *body, uint8_t byte, enum state token, bool may_be_quoted) {
    if (is_space(byte)) return true;
    if (is_class(byte, CLASS_TOKEN)) return expect(body, token);
    if (byte == '"' && may_be_quoted) return expect(body, EXTENSION_QUOTED);
    return refuse(body, byte == '\n' ? CHTTP_RULE_LINE_END : CHTTP_RULE_CHUNK_EXTENSION);
}

/// A byte of an extension's name, or what may follow the name.
static bool take_extension_name(chttp_chunked *body, uint8_t byte) {
    bool ended = body->_state == EXTENSION_NAME_END;
    if (is_space(byte)) return expect(body, EXTENSION_NAME_END);
    if (is_class(byte, CLASS_TOKEN) && !ended) return true;
    if (byte == '=') return expect(body, EXTENSION_VALUE_BEGIN);
    if (byte == '\r' && ended) return refuse(body, CHTTP_RULE_CHUNK_EXTENSION);
    return take_size_line_end(body, byte, CHTTP_RULE_CHUNK_EXTENSION);
}

/// What may follow a value; after white space only another extension.
static bool end_extension(chttp_chunked *body, uint8_t byte) {
    if (is_space(byte)) return expect(body, EXTENSION_END);
    if (byte == '\r' && body->_state == EXTENSION_END) return refuse(body, CHTTP_RULE_CHUNK_EXTENSION);
    return take_size_line_end(body, byte, CHTTP_RULE_CHUNK_EXTENSION);
}

static bool take_quoted(chttp_chunked *body, uint8_t byte) {
    bool pair = body->_state == EXTENSION_QUOTED_PAIR;
    if (pair && is_class(byte, CLASS_TEXT)) return expect(body, EXTENSION_QUOTED);
    if (!pair && byte == '"') return expect(body, EXTENSION_QUOTED_END);
    if (!pair && byte == '\\') return expect(body, EXTENSION_QUOTED_PAIR);
    if (!pair && is_class(byte, CLASS_QUOTED)) return true;
    return refuse(body, byte == '\n' ? CHTTP_RULE_LINE_END : CHTTP_RULE_CHUNK_EXTENSION);
}

static bool take_extension(chttp_chunked *body, uint8_t byte) {
    switch (body->_state) {
    case EXTENSION_NAME_BEGIN:
        return begin_extension_part(body, byte, EXTENSION_NAME, false);
    case EXTENSION_NAME:
    case EXTENSION_NAME_END:
        return take_extension_name(body, byte);
    case EXTENSION_VALUE_BEGIN:
        return begin_extension_part(body, byte, EXTENSION_VALUE, true);
    case EXTENSION_QUOTED:
    case EXTENSION_QUOTED_PAIR:
        return take_quoted(body, byte);
    case EXTENSION_VALUE:
        return is_class(byte, CLASS_TOKEN) || end_extension(body, byte);
    default:
        return end_extension(body, byte);
    }
}

/// A byte of the trailer section: field lines by the grammar of a head's, checked and dropped.
static bool take_trailer(chttp_chunked *body, uint8_t byte) {
    bool token = is_class(byte, CLASS_TOKEN);
    chttp_rule rule = CHTTP_RULE_FIELD_NAME;
    if (body->_state == TRAILER_BEGIN) {
        if (token) return expect(body, TRAILER_NAME);
        if (byte == '\r') return expect(body, BODY_END);
        if (is_space(byte)) rule = CHTTP_RULE_FIELD_FOLDED;
    } else if (body->_state == TRAILER_NAME) {
        if (token) return true;
        if (byte == ':') return expect(body, TRAILER_VALUE);
    } else {
        if (is_class(byte, CLASS_TEXT)) return true;
        if (byte == '\r') return expect(body, TRAILER_LINE_END);
        rule = CHTTP_RULE_FIELD_VALUE;
    }
    return refuse(body, byte == '\n' ? CHTTP_RULE_LINE_END : rule);
}

/// Whether a byte counts as overhead: leading zeros, extensions, field lines of the trailer with their ends.
static bool is_overhead(const chttp_chunked *body, uint8_t byte) {
    switch ((enum state)body->_state) {
    case SIZE:
        return hex_value(byte) >= 0 ? body->remaining == 0 : byte != '\r';
    case EXTENSION_QUOTED:
    case EXTENSION_QUOTED_PAIR:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LINE_END:
        return true;
    case EXTENSION_END:
    case EXTENSION_NAME_BEGIN:
    case EXTENSION_NAME:
    case EXTENSION_NAME_END:
    case EXTENSION_VALUE_BEGIN:
    case EXTENSION_VALUE:
    case EXTENSION_QUOTED_END:
    case TRAILER_BEGIN:
        return byte != '\r';
    default:
        return false;
    }
}

/// Takes a byte that is not data.
static bool take_byte(chttp_chunked *body, uint8_t byte, uint32_t overhead_max) {
    if (is_overhead(body, byte)) {
        if (body->overhead >= overhead_max) return refuse(body, CHTTP_RULE_CHUNK_OVERHEAD);
        body->overhead++;
    }
    switch ((enum state)body->_state) {
    case SIZE_BEGIN:
    case SIZE:
        return take_size(body, byte);
    case SIZE_LINE_END:
        return take_line_feed(body, byte, body->remaining > 0 ? DATA : TRAILER_BEGIN);
    case DATA_END:
        return byte == '\r' ? expect(body, DATA_LINE_END) : refuse(body, CHTTP_RULE_CHUNK_END);
    case DATA_LINE_END:
        return byte == '\n' ? expect(body, SIZE_BEGIN) : refuse(body, CHTTP_RULE_CHUNK_END);
    case TRAILER_BEGIN:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return take_trailer(body, byte);
    case TRAILER_LINE_END:
        return take_line_feed(body, byte, TRAILER_BEGIN);
    case BODY_END:
        return take_line_feed(body, byte, BODY_OK);
    case DATA:
    case BODY_OK:
    case BODY_BAD:
        return false;
    default:
        return take_extension(body, byte);
    }
}

/// Hands out the data at `at`, as much of the current chunk as there is.
static void take_data(chttp_chunked *body, uint32_t at, uint32_t end, chttp_span *data) {
    uint32_t there = end - at;
    uint32_t length = body->remaining < there ? (uint32_t)body->remaining : there;
    *data = (chttp_span){at, length};
    body->remaining -= length;
    if (body->remaining == 0) body->_state = DATA_END;
}

chttp_status chttp_scan_chunked(chttp_chunked *body, const uint8_t *bytes, size_t length,
                                uint32_t overhead_max, size_t *consumed, chttp_span *data) {
    uint32_t end = length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
    uint32_t at = 0;
    *data = (chttp_span){0, 0};
    while (at < end && body->_state < BODY_OK && data->length == 0) {
        if (body->_state == DATA) {
            take_data(body, at, end, data);
            at += data->length;
        } else if (take_byte(body, bytes[at], overhead_max)) {
            at++;
        } else {
            body->bad_offset = at;
        }
    }
    *consumed = at;
    if (body->_state == BODY_OK) return CHTTP_OK;
    return body->_state == BODY_BAD ? CHTTP_BAD : CHTTP_MORE;
}

uint64_t chttp_chunk_announced(const chttp_chunked *body) {
    return body->_state == DATA ? body->remaining : 0;
}
