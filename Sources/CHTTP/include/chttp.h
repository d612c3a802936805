// The grammar of HTTP/1.1 (RFC 9110, RFC 9112): bytes in, offsets out.
//
// Nothing here allocates, reads a clock or keeps a pointer. Every scanner is resumable: it remembers in its
// own small struct how far it came, so a peer that sends one byte at a time costs O(n) in all, and any split
// of the input gives the same results. What the grammar does not have is refused at its first wrong byte.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What a scanner says after it has looked at the bytes there are.
typedef enum chttp_status {
    CHTTP_OK = 0, ///< Complete.
    CHTTP_MORE = 1, ///< Right so far, more bytes are needed.
    CHTTP_BAD = 2, ///< Refused; `rule` and `bad_at` say why and where.
} chttp_status;

/// Why a message was refused. `chttp_rule_text` gives each as one sentence with its RFC section.
typedef enum chttp_rule {
    CHTTP_RULE_NONE = 0,
    /// The method is not a token (RFC 9110 section 9.1).
    CHTTP_RULE_METHOD,
    /// A byte that no request target may hold (RFC 9112 section 3.2).
    CHTTP_RULE_TARGET,
    /// The target's form does not fit the method (RFC 9112 section 3.2).
    CHTTP_RULE_TARGET_FORM,
    /// Not `HTTP/` DIGIT `.` DIGIT (RFC 9112 section 2.3).
    CHTTP_RULE_VERSION,
    /// A well-formed version whose major number is not 1.
    CHTTP_RULE_VERSION_UNSUPPORTED,
    /// The status code is not three digits from 100 to 599 (RFC 9110 section 15).
    CHTTP_RULE_STATUS,
    /// A byte that no reason phrase may hold (RFC 9112 section 4).
    CHTTP_RULE_REASON,
    /// A CR without LF, or a LF without CR (RFC 9112 section 2.2).
    CHTTP_RULE_LINE_END,
    /// A field name that is no token, or white space before the colon (RFC 9112 section 5.1).
    CHTTP_RULE_FIELD_NAME,
    /// A control character in a field value (RFC 9110 section 5.5).
    CHTTP_RULE_FIELD_VALUE,
    /// A line that begins with white space: obs-fold (RFC 9112 section 5.2).
    CHTTP_RULE_FIELD_FOLDED,
    /// The start line is over `start_line_bytes_max`.
    CHTTP_RULE_LINE_TOO_LONG,
    /// A field line is over `field_bytes_max`.
    CHTTP_RULE_FIELD_TOO_LONG,
    /// The head is over `head_bytes_max`.
    CHTTP_RULE_HEAD_TOO_LONG,
    /// More fields than `fields_max`.
    CHTTP_RULE_FIELDS_TOO_MANY,
    /// HTTP/1.1 without Host (RFC 9112 section 3.2).
    CHTTP_RULE_HOST_MISSING,
    /// More than one Host field line.
    CHTTP_RULE_HOST_TWICE,
    /// Host is not uri-host [ ":" port ] (RFC 9110 section 7.2).
    CHTTP_RULE_HOST_VALUE,
    /// Content-Length is not a plain number below 2^63 (RFC 9110 section 8.6).
    CHTTP_RULE_CONTENT_LENGTH,
    /// More than one Content-Length, as lines or as a list.
    CHTTP_RULE_CONTENT_LENGTH_TWICE,
    /// Content-Length beside Transfer-Encoding (RFC 9112 section 6.1).
    CHTTP_RULE_LENGTH_AMBIGUOUS,
    /// A Transfer-Encoding that is malformed or does not end in one `chunked`.
    CHTTP_RULE_TRANSFER_ENCODING,
    /// A well-formed transfer coding other than chunked: 501 (RFC 9112 section 6.1).
    CHTTP_RULE_TRANSFER_CODING,
    /// Transfer-Encoding in an HTTP/1.0 message (RFC 9112 section 6.1).
    CHTTP_RULE_TRANSFER_ENCODING_1_0,
    /// Connection is not a list of tokens (RFC 9110 section 7.6.1).
    CHTTP_RULE_CONNECTION,
    /// An expectation other than 100-continue: 417 (RFC 9110 section 10.1.1).
    CHTTP_RULE_EXPECT,
    /// A chunk size that is no hexadecimal number below 2^63 (RFC 9112 section 7.1).
    CHTTP_RULE_CHUNK_SIZE,
    /// A malformed chunk extension (RFC 9112 section 7.1.1).
    CHTTP_RULE_CHUNK_EXTENSION,
    /// Chunk data that is not followed by CRLF.
    CHTTP_RULE_CHUNK_END,
    /// Extensions and trailers over `overhead_max`.
    CHTTP_RULE_CHUNK_OVERHEAD,
    CHTTP_RULE_COUNT,
} chttp_rule;

/// A sentence for logs and answers: what was expected, with the RFC section. It holds nothing of the input.
const char *chttp_rule_text(chttp_rule rule);

/// A run of the caller's bytes.
typedef struct chttp_span {
    uint32_t at;
    uint32_t length;
} chttp_span;

/// One field line: `name` as sent, `value` without the white space around it.
typedef struct chttp_field {
    chttp_span name;
    chttp_span value;
} chttp_field;

/// Ceilings, in bytes unless the name says otherwise. Each is the largest size that is accepted.
///
/// A line is counted without its CRLF, a head with all of its bytes. A head is refused at the byte that
/// passes a ceiling, whether or not the line ever ends; at that byte the ceiling speaks before the grammar.
typedef struct chttp_limits {
    uint32_t start_line_bytes_max;
    uint32_t field_bytes_max;
    uint32_t head_bytes_max;
    uint32_t fields_max;
} chttp_limits;

/// The four forms of a request target (RFC 9112 section 3.2).
typedef enum chttp_target_form {
    CHTTP_ORIGIN_FORM = 0,
    CHTTP_ABSOLUTE_FORM = 1,
    CHTTP_AUTHORITY_FORM = 2,
    CHTTP_ASTERISK_FORM = 3,
} chttp_target_form;

/// A head while it arrives and once it is complete. Zero it before the first call.
typedef struct chttp_head {
    // After CHTTP_OK.
    uint32_t length; ///< Bytes of the head, leading and final empty lines included.
    uint32_t field_count; ///< How many field lines it has.
    uint32_t fields_at; ///< Where the first field line begins.
    chttp_span method; ///< Requests.
    chttp_span target; ///< Requests.
    chttp_span reason; ///< Responses; may be empty.
    uint16_t status; ///< Responses: 100 to 599.
    uint8_t version_minor; ///< 0, or 1 for every HTTP/1.x above.
    uint8_t target_form; ///< Requests: a chttp_target_form.

    // After CHTTP_BAD.
    uint32_t bad_at; ///< Offset of the first byte that broke the rule.
    uint32_t rule; ///< A chttp_rule.

    // Private: how far the scan came.
    uint32_t _scanned;
    uint32_t _mark;
    uint32_t _state;
    uint32_t _detail;
} chttp_head;

/// Scans a request head (RFC 9112 sections 3 and 5).
///
/// `bytes` must hold the same bytes as at the call before, and may hold more. After CHTTP_OK or CHTTP_BAD the
/// head is finished: zero it before it is used again. At most one empty line before the request line is
/// skipped (RFC 9112 section 2.2). A method has 64 bytes at most; the longest that is registered has 17.
chttp_status chttp_scan_request_head(chttp_head *head, const uint8_t *bytes, size_t length,
                                     const chttp_limits *limits);

/// Scans a response head (RFC 9112 sections 4 and 5); otherwise as `chttp_scan_request_head`. No empty line
/// may stand before it. Of what the grammar asks for, only the space before an empty reason phrase may be
/// missing.
chttp_status chttp_scan_response_head(chttp_head *head, const uint8_t *bytes, size_t length,
                                      const chttp_limits *limits);

/// Fills `fields`, which has room for `head->field_count`, from a head that was CHTTP_OK over the same
/// `bytes`.
void chttp_head_fields(const chttp_head *head, const uint8_t *bytes, chttp_field *fields);

/// How a message's body is delimited and what becomes of its connection.
typedef struct chttp_framing {
    uint64_t content_length; ///< Meaningful when `has_content_length`.
    bool has_content_length;
    bool chunked; ///< Transfer-Encoding: chunked, alone.
    bool close; ///< Connection: close. It wins over keep-alive.
    bool keep_alive; ///< Connection: keep-alive (HTTP/1.0 asks for it this way), and no close.
    bool expect_continue; ///< Requests of HTTP/1.1: Expect: 100-continue.
} chttp_framing;

/// Applies the rules of Host, Content-Length, Transfer-Encoding, Connection and Expect to a request head that
/// was CHTTP_OK. Returns CHTTP_OK or CHTTP_BAD (then `head->rule` and `head->bad_at` are set).
///
/// Host is never empty and has no user information; a numeric port is at most 65535 and may be empty.
/// IPvFuture and zone identifiers are refused. Expectations of HTTP/1.0 are ignored (RFC 9110 section
/// 10.1.1).
chttp_status chttp_request_framing(chttp_head *head, const uint8_t *bytes, const chttp_field *fields,
                                   chttp_framing *framing);

/// The same for a response head: no rule of Host or Expect; a transfer coding other than chunked is refused.
/// What depends on the request (HEAD) or the status (1xx, 204, 304) is the caller's to decide.
chttp_status chttp_response_framing(chttp_head *head, const uint8_t *bytes, const chttp_field *fields,
                                    chttp_framing *framing);

/// A chunked body while it arrives (RFC 9112 section 7.1). Zero it before the first call.
typedef struct chttp_chunked {
    uint64_t remaining; ///< Data bytes of the current chunk still to come.
    uint32_t bad_offset; ///< After CHTTP_BAD: offset of the bad byte in the bytes of that call.
    uint32_t rule; ///< After CHTTP_BAD: a chttp_rule.
    uint32_t overhead; ///< Leading zeros of sizes, bytes of extensions and of trailer lines, so far.
    uint32_t _state;
} chttp_chunked;

/// Takes the next piece of a chunked body.
///
/// `bytes` are those not consumed yet. Sets `consumed` to how many of them were taken, and `data` to the one
/// run of body bytes among these (empty when there is none). CHTTP_MORE: call again with the bytes after
/// `consumed`, at once when there are any, else when more have come. CHTTP_OK: the last chunk and the
/// trailers are read (trailers are checked and dropped); bytes after `consumed` belong to the next message.
/// At CHTTP_BAD `consumed` ends before the bad byte. `overhead_max`: the ceiling of `overhead`, in bytes.
chttp_status chttp_scan_chunked(chttp_chunked *body, const uint8_t *bytes, size_t length,
                                uint32_t overhead_max, size_t *consumed, chttp_span *data);

/// How many bytes the chunk at hand has yet to bring: 0 while its size line is still read, and never
/// 2^63 or more.
uint64_t chttp_chunk_announced(const chttp_chunked *body);

/// Whether `length` bytes are equal, ASCII letters compared without case. `name` is in lower case.
bool chttp_equals(const uint8_t *bytes, size_t length, const char *name);

/// Whether every byte may stand in a field value that we send: VCHAR, SP, HTAB, obs-text; no space at the
/// ends.
bool chttp_is_field_value(const uint8_t *bytes, size_t length);

/// Whether the bytes are a token (RFC 9110 section 5.6.2).
bool chttp_is_token(const uint8_t *bytes, size_t length);

#pragma clang assume_nonnull end
