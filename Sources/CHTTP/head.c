// Start lines and field lines of requests and responses (RFC 9112 sections 2 to 5).
//
// One state machine for both. Between two calls everything it knows is in the head: `_scanned` is the offset
// of the first byte not looked at, `_mark` where the current line began, `_state` what is expected next,
// `_detail` a few bits more that mean something only to the state. No byte is looked at again once it is
// behind `_scanned`, but for the method, which is compared when it is complete. A step returns whether the
// next byte is its to take.
#include <string.h>

#include "host.h"
#include "token.h"

enum state {
    HEAD_BEGIN = 0,

    // The start line of a request.
    REQUEST_BEGIN,
    METHOD, // detail: none
    TARGET_BEGIN, // detail: an enum method
    TARGET_ASTERISK,
    TARGET_SCHEME, // detail: how much of "https://" matched
    TARGET_AUTHORITY, // detail: a chttp_host
    TARGET_CONNECT, // detail: a chttp_host
    TARGET_PATH,
    TARGET_PERCENT_HIGH,
    TARGET_PERCENT_LOW,
    REQUEST_VERSION, // detail: bytes matched, and the major digit above them
    REQUEST_VERSION_END,

    // The start line of a response.
    RESPONSE_VERSION, // detail: as for a request
    RESPONSE_VERSION_END,
    STATUS, // detail: digits taken
    STATUS_END,
    REASON,

    // Field lines.
    FIELD_BEGIN,
    FIELD_NAME,
    FIELD_VALUE,

    // After a CR: only a LF may follow.
    EMPTY_LINE_END,
    START_LINE_END,
    FIELD_LINE_END,
    HEAD_END,

    HEAD_OK,
    HEAD_BAD,
};

/// The methods that decide about the form of the target.
enum method { METHOD_OTHER, METHOD_OPTIONS, METHOD_CONNECT };

/// The longest method registered with IANA has 17 bytes; nothing that is longer than this means well.
enum { METHOD_BYTES_MAX = 64 };

/// One call of a scanner.
typedef struct scan {
    chttp_head *head;
    const uint8_t *bytes;
    const chttp_limits *limits;
    uint32_t at; // The next byte to look at.
    uint32_t end; // The end of the bytes there are, or the ceiling of the head.
    uint32_t line_stop; // The end of the bytes there are, or the ceiling of the current line.
} scan;

static uint8_t byte_at(const scan *s) { return s->bytes[s->at]; }

/// Refuses the head for the byte at `at`. Always false: there is no further step.
static bool refuse(scan *s, uint32_t at, chttp_rule rule) {
    s->head->bad_at = at;
    s->head->rule = rule;
    s->head->_state = HEAD_BAD;
    return false;
}

/// Refuses the head for the current byte; a bare LF is one and the same mistake wherever it stands.
static bool refuse_byte(scan *s, chttp_rule rule) {
    return refuse(s, s->at, byte_at(s) == '\n' ? CHTTP_RULE_LINE_END : rule);
}

/// Says what comes next. Always true.
static bool expect(scan *s, enum state state, uint32_t detail) {
    s->head->_state = state;
    s->head->_detail = detail;
    return true;
}

/// Takes the current byte.
static bool advance(scan *s, enum state state, uint32_t detail) {
    s->at++;
    return expect(s, state, detail);
}

/// Works out where the current line must end at the latest.
static void set_line_stop(scan *s) {
    bool field = s->head->_state >= FIELD_BEGIN;
    uint32_t line_max = field ? s->limits->field_bytes_max : s->limits->start_line_bytes_max;
    uint32_t room = s->end - s->head->_mark;
    s->line_stop = line_max < room ? s->head->_mark + line_max : s->end;
}

static bool begin_line(scan *s, enum state state) {
    s->head->_mark = s->at;
    expect(s, state, 0);
    set_line_stop(s);
    return true;
}

/// Whether there is a byte to judge. At the ceiling of the line only its CR may stand; all else is refused
/// here.
static bool has_byte(scan *s) {
    if (s->at == s->end) return false;
    if (s->at < s->line_stop || byte_at(s) == '\r') return true;
    bool field = s->head->_state >= FIELD_BEGIN;
    return refuse(s, s->at, field ? CHTTP_RULE_FIELD_TOO_LONG : CHTTP_RULE_LINE_TOO_LONG);
}

static bool scan_method(scan *s) {
    chttp_head *head = s->head;
    uint32_t room = s->line_stop - head->_mark;
    uint32_t stop = METHOD_BYTES_MAX < room ? head->_mark + METHOD_BYTES_MAX : s->line_stop;
    s->at = skip_class(s->bytes, s->at, stop, CLASS_TOKEN);
    if (!has_byte(s)) return false;
    if (byte_at(s) != ' ' || s->at == head->_mark) return refuse_byte(s, CHTTP_RULE_METHOD);

    head->method = (chttp_span){head->_mark, s->at - head->_mark};
    const uint8_t *method = s->bytes + head->method.at;
    bool seven = head->method.length == 7;
    if (seven && memcmp(method, "OPTIONS", 7) == 0) return advance(s, TARGET_BEGIN, METHOD_OPTIONS);
    if (seven && memcmp(method, "CONNECT", 7) == 0) return advance(s, TARGET_BEGIN, METHOD_CONNECT);
    return advance(s, TARGET_BEGIN, METHOD_OTHER);
}

/// Refuses a byte for the form of the target when some other target could hold it, else for itself.
static bool refuse_form(scan *s) {
    bool other_form = is_class(byte_at(s), CLASS_TARGET) || byte_at(s) == '%' || byte_at(s) == '[';
    return refuse_byte(s, other_form ? CHTTP_RULE_TARGET_FORM : CHTTP_RULE_TARGET);
}

static bool choose_form(scan *s, chttp_target_form form, enum state state) {
    s->head->target_form = (uint8_t)form;
    return expect(s, state, 0);
}

/// The first byte of the target, with the method, decides about its form (RFC 9112 section 3.2).
static bool scan_target_begin(scan *s) {
    enum method method = s->head->_detail;
    uint8_t byte = byte_at(s);
    s->head->target.at = s->at;
    if (method == METHOD_CONNECT) {
        if (byte == '*') return refuse_form(s);
        return choose_form(s, CHTTP_AUTHORITY_FORM, TARGET_CONNECT);
    }
    if (byte == '/') return choose_form(s, CHTTP_ORIGIN_FORM, TARGET_PATH);
    if (lower_case(byte) == 'h') return choose_form(s, CHTTP_ABSOLUTE_FORM, TARGET_SCHEME);
    if (byte != '*' || method != METHOD_OPTIONS) return refuse_form(s);
    s->at++;
    return choose_form(s, CHTTP_ASTERISK_FORM, TARGET_ASTERISK);
}

/// The space after the target.
static bool end_target(scan *s) {
    s->head->target.length = s->at - s->head->target.at;
    return advance(s, REQUEST_VERSION, 0);
}

/// http or https, in any case, then "://" (RFC 9110 section 4.2).
static bool scan_scheme(scan *s) {
    static const char https[] = "https://";
    uint32_t matched = s->head->_detail;
    uint8_t byte = lower_case(byte_at(s));
    if (matched == 4 && byte == ':') matched++;
    if (byte != (uint8_t)https[matched]) {
        if (byte == ' ') return refuse(s, s->at, CHTTP_RULE_TARGET_FORM);
        return refuse_form(s);
    }
    matched++;
    if (matched == sizeof(https) - 1) return advance(s, TARGET_AUTHORITY, 0);
    return advance(s, TARGET_SCHEME, matched);
}

/// Takes the bytes of a host and port; false when there is no byte after them yet.
static bool scan_host(scan *s, chttp_host *host) {
    memcpy(host, &s->head->_detail, sizeof *host);
    s->at += chttp_host_scan(host, s->bytes + s->at, s->line_stop - s->at);
    memcpy(&s->head->_detail, host, sizeof *host);
    return has_byte(s);
}

/// The authority of the absolute-form: a host that is not empty, no user information (RFC 9110 section 4.2).
static bool scan_authority(scan *s) {
    chttp_host host;
    if (!scan_host(s, &host)) return false;
    if (!chttp_host_is_complete(&host)) return refuse_byte(s, CHTTP_RULE_TARGET);
    switch (byte_at(s)) {
    case '/':
    case '?':
        return advance(s, TARGET_PATH, 0);
    case ' ':
        return end_target(s);
    case '\r':
        return refuse_byte(s, CHTTP_RULE_VERSION);
    default:
        return refuse_byte(s, CHTTP_RULE_TARGET);
    }
}

/// The authority-form: a host and a port, and the port has no default (RFC 9112 section 3.2.3).
static bool scan_connect(scan *s) {
    chttp_host host;
    if (!scan_host(s, &host)) return false;
    uint8_t byte = byte_at(s);
    if (byte == ' ' && chttp_host_has_port(&host)) return end_target(s);
    if (byte == '\r' && chttp_host_has_port(&host)) return refuse_byte(s, CHTTP_RULE_VERSION);
    bool form = byte == '/' || byte == '?' || (byte == ' ' && chttp_host_is_complete(&host));
    return refuse_byte(s, form ? CHTTP_RULE_TARGET_FORM : CHTTP_RULE_TARGET);
}

/// Path and query: the "?" between them is no state of its own, since a query may hold all that a path may.
static bool scan_path(scan *s) {
    s->at = skip_class(s->bytes, s->at, s->line_stop, CLASS_TARGET);
    if (!has_byte(s)) return false;
    switch (byte_at(s)) {
    case ' ':
        return end_target(s);
    case '%':
        return advance(s, TARGET_PERCENT_HIGH, 0);
    case '\r':
        return refuse_byte(s, CHTTP_RULE_VERSION);
    default:
        return refuse_byte(s, CHTTP_RULE_TARGET);
    }
}

static bool scan_percent(scan *s, enum state next) {
    if (hex_value(byte_at(s)) < 0) return refuse_byte(s, CHTTP_RULE_TARGET);
    return advance(s, next, 0);
}

static bool scan_asterisk(scan *s) {
    if (byte_at(s) == ' ') return end_target(s);
    return refuse_byte(s, byte_at(s) == '\r' ? CHTTP_RULE_VERSION : CHTTP_RULE_TARGET);
}

/// `HTTP/` DIGIT `.` DIGIT. The major number is judged when the whole version is seen to be well-formed.
static bool scan_version(scan *s, enum state again, enum state next) {
    static const char shape[] = "HTTP/0.0";
    uint32_t matched = s->head->_detail & 0xff;
    bool whole = matched == 0 && s->line_stop - s->at >= sizeof(shape) - 1;
    if (whole && memcmp(s->bytes + s->at, "HTTP/1.", 7) == 0 && is_digit(s->bytes[s->at + 7])) {
        // The usual case at once, which is not told from the other by anything but its cost.
        s->head->version_minor = s->bytes[s->at + 7] == '0' ? 0 : 1;
        s->at += sizeof(shape) - 1;
        return expect(s, next, 0);
    }
    uint32_t major = s->head->_detail >> 8;
    uint8_t byte = byte_at(s);
    bool digit = shape[matched] == '0';
    if (digit ? !is_digit(byte) : byte != (uint8_t)shape[matched]) return refuse_byte(s, CHTTP_RULE_VERSION);
    if (matched == 5) major = byte - '0';
    matched++;
    if (matched < sizeof(shape) - 1) return advance(s, again, matched | major << 8);

    if (major != 1) return refuse(s, s->at - 2, CHTTP_RULE_VERSION_UNSUPPORTED);
    s->head->version_minor = byte == '0' ? 0 : 1;
    return advance(s, next, 0);
}

/// The CR that ends the line, or a refusal.
static bool end_line(scan *s, enum state next, chttp_rule rule) {
    if (byte_at(s) == '\r') return advance(s, next, 0);
    return refuse_byte(s, rule);
}

static bool scan_response_version_end(scan *s) {
    if (byte_at(s) == ' ') return advance(s, STATUS, 0);
    return refuse_byte(s, byte_at(s) == '\r' ? CHTTP_RULE_STATUS : CHTTP_RULE_VERSION);
}

static bool scan_status(scan *s) {
    uint8_t byte = byte_at(s);
    uint32_t taken = s->head->_detail;
    bool first = taken == 0;
    if (!is_digit(byte) || (first && (byte < '1' || byte > '5'))) return refuse_byte(s, CHTTP_RULE_STATUS);
    s->head->status = (uint16_t)((first ? 0 : s->head->status) * 10 + (byte - '0'));
    return advance(s, taken == 2 ? STATUS_END : STATUS, taken + 1);
}

/// Servers are known to leave out the space before an empty reason phrase; nothing else is read into that.
static bool scan_status_end(scan *s) {
    s->head->reason.at = s->at;
    if (byte_at(s) != ' ') return end_line(s, START_LINE_END, CHTTP_RULE_STATUS);
    s->head->reason.at++;
    return advance(s, REASON, 0);
}

static bool scan_reason(scan *s) {
    s->at = skip_text(s->bytes, s->at, s->line_stop);
    if (!has_byte(s)) return false;
    s->head->reason.length = s->at - s->head->reason.at;
    return end_line(s, START_LINE_END, CHTTP_RULE_REASON);
}

static bool scan_field_begin(scan *s) {
    uint8_t byte = byte_at(s);
    if (byte == '\r') return advance(s, HEAD_END, 0);
    if (s->head->field_count >= s->limits->fields_max) return refuse(s, s->at, CHTTP_RULE_FIELDS_TOO_MANY);
    if (is_space(byte)) return refuse_byte(s, CHTTP_RULE_FIELD_FOLDED);
    if (!is_class(byte, CLASS_TOKEN)) return refuse_byte(s, CHTTP_RULE_FIELD_NAME);
    return advance(s, FIELD_NAME, 0);
}

static bool scan_field_name(scan *s) {
    s->at = skip_class(s->bytes, s->at, s->line_stop, CLASS_TOKEN);
    if (!has_byte(s)) return false;
    if (byte_at(s) != ':') return refuse_byte(s, CHTTP_RULE_FIELD_NAME);
    return advance(s, FIELD_VALUE, 0);
}

static bool scan_field_value(scan *s) {
    s->at = skip_text(s->bytes, s->at, s->line_stop);
    return has_byte(s) && end_line(s, FIELD_LINE_END, CHTTP_RULE_FIELD_VALUE);
}

/// The byte after a CR.
static bool scan_line_feed(scan *s) {
    chttp_head *head = s->head;
    enum state state = head->_state;
    if (byte_at(s) != '\n') return refuse(s, s->at, CHTTP_RULE_LINE_END);
    s->at++;
    if (state == EMPTY_LINE_END) return begin_line(s, METHOD);
    if (state == HEAD_END) {
        head->length = s->at;
        head->_state = HEAD_OK;
        return false;
    }
    if (state == START_LINE_END) head->fields_at = s->at;
    if (state == FIELD_LINE_END) head->field_count++;
    return begin_line(s, FIELD_BEGIN);
}

static bool scan_request_begin(scan *s) {
    if (byte_at(s) == '\r') return advance(s, EMPTY_LINE_END, 0);
    return expect(s, METHOD, 0);
}

/// A state of a request's start line.
static bool scan_request_line(scan *s) {
    switch (s->head->_state) {
    case REQUEST_BEGIN:
        return scan_request_begin(s);
    case METHOD:
        return scan_method(s);
    case TARGET_BEGIN:
        return scan_target_begin(s);
    case TARGET_ASTERISK:
        return scan_asterisk(s);
    case TARGET_SCHEME:
        return scan_scheme(s);
    case TARGET_AUTHORITY:
        return scan_authority(s);
    case TARGET_CONNECT:
        return scan_connect(s);
    case TARGET_PATH:
        return scan_path(s);
    case TARGET_PERCENT_HIGH:
        return scan_percent(s, TARGET_PERCENT_LOW);
    case TARGET_PERCENT_LOW:
        return scan_percent(s, TARGET_PATH);
    case REQUEST_VERSION:
        return scan_version(s, REQUEST_VERSION, REQUEST_VERSION_END);
    default:
        return end_line(s, START_LINE_END, CHTTP_RULE_VERSION);
    }
}

/// A state of a response's start line.
static bool scan_status_line(scan *s) {
    switch (s->head->_state) {
    case RESPONSE_VERSION:
        return scan_version(s, RESPONSE_VERSION, RESPONSE_VERSION_END);
    case RESPONSE_VERSION_END:
        return scan_response_version_end(s);
    case STATUS:
        return scan_status(s);
    case STATUS_END:
        return scan_status_end(s);
    default:
        return scan_reason(s);
    }
}

static bool scan_field_line(scan *s) {
    if (s->head->_state == FIELD_BEGIN) return scan_field_begin(s);
    return s->head->_state == FIELD_NAME ? scan_field_name(s) : scan_field_value(s);
}

/// Looks at the current byte, and at those like it that follow; false when there is no further step.
static bool step(scan *s) {
    enum state state = s->head->_state;
    if (state >= HEAD_OK) return false;
    if (state >= EMPTY_LINE_END) return scan_line_feed(s);
    if (!has_byte(s)) return false;
    if (state >= FIELD_BEGIN) return scan_field_line(s);
    return state >= RESPONSE_VERSION ? scan_status_line(s) : scan_request_line(s);
}

static chttp_status scan_head(chttp_head *head, const uint8_t *bytes, size_t length,
                              const chttp_limits *limits, enum state first) {
    if (head->_state == HEAD_BEGIN) head->_state = first;
    bool over = length > limits->head_bytes_max;
    scan s = {head, bytes, limits, head->_scanned, over ? limits->head_bytes_max : (uint32_t)length, 0};
    if (s.end < s.at) s.end = s.at;
    set_line_stop(&s);

    while (s.at < s.end && step(&s)) continue;
    if (over && head->_state < HEAD_OK) refuse(&s, s.at, CHTTP_RULE_HEAD_TOO_LONG);
    head->_scanned = s.at;
    if (head->_state == HEAD_OK) return CHTTP_OK;
    return head->_state == HEAD_BAD ? CHTTP_BAD : CHTTP_MORE;
}

chttp_status chttp_scan_request_head(chttp_head *head, const uint8_t *bytes, size_t length,
                                     const chttp_limits *limits) {
    return scan_head(head, bytes, length, limits, REQUEST_BEGIN);
}

chttp_status chttp_scan_response_head(chttp_head *head, const uint8_t *bytes, size_t length,
                                      const chttp_limits *limits) {
    return scan_head(head, bytes, length, limits, RESPONSE_VERSION);
}

void chttp_head_fields(const chttp_head *head, const uint8_t *bytes, chttp_field *fields) {
    uint32_t at = head->fields_at;
    for (uint32_t index = 0; index < head->field_count; index++) {
        uint32_t colon = skip_class(bytes, at, head->length, CLASS_TOKEN);
        uint32_t end = skip_text(bytes, colon + 1, head->length);
        uint32_t from = skip_space(bytes, colon + 1, end);
        uint32_t to = end;
        while (to > from && is_space(bytes[to - 1])) to--;
        fields[index] = (chttp_field){{at, colon - at}, {from, to - from}};
        at = end + 2;
    }
}
