// What each rule expects, as a sentence for logs and answers.
#include "chttp.h"

static const char *const texts[CHTTP_RULE_COUNT] = {
    [CHTTP_RULE_NONE] = "No rule was broken.",
    [CHTTP_RULE_METHOD] = "A method is a token of at most 64 bytes and one space (RFC 9110 section 9.1).",
    [CHTTP_RULE_TARGET] = "A request target holds only the characters of a URI (RFC 9112 section 3.2).",
    [CHTTP_RULE_TARGET_FORM] = "The form of a request target fits its method (RFC 9112 section 3.2).",
    [CHTTP_RULE_VERSION] = "A version is HTTP/ and two digits with a dot between (RFC 9112 section 2.3).",
    [CHTTP_RULE_VERSION_UNSUPPORTED] = "The major version is 1 (RFC 9110 section 15.6.6).",
    [CHTTP_RULE_STATUS] = "A status code is three digits from 100 to 599 (RFC 9110 section 15).",
    [CHTTP_RULE_REASON] = "A reason phrase holds no control characters (RFC 9112 section 4).",
    [CHTTP_RULE_LINE_END] = "A line ends with CR and LF, and neither stands alone (RFC 9112 section 2.2).",
    [CHTTP_RULE_FIELD_NAME] = "A field name is a token with a colon right after it (RFC 9112 section 5.1).",
    [CHTTP_RULE_FIELD_VALUE] = "A field value holds no control characters (RFC 9110 section 5.5).",
    [CHTTP_RULE_FIELD_FOLDED] = "A field line does not begin with white space (RFC 9112 section 5.2).",
    [CHTTP_RULE_LINE_TOO_LONG] = "The start line is within its ceiling (RFC 9112 section 3).",
    [CHTTP_RULE_FIELD_TOO_LONG] = "Each field line is within its ceiling (RFC 9110 section 5.4).",
    [CHTTP_RULE_HEAD_TOO_LONG] = "The head as a whole is within its ceiling (RFC 6585 section 5).",
    [CHTTP_RULE_FIELDS_TOO_MANY] = "The number of fields is within its ceiling (RFC 6585 section 5).",
    [CHTTP_RULE_HOST_MISSING] = "A request of HTTP/1.1 has a Host field (RFC 9112 section 3.2).",
    [CHTTP_RULE_HOST_TWICE] = "A request has one Host field line at most (RFC 9112 section 3.2).",
    [CHTTP_RULE_HOST_VALUE] = "Host is a host and optionally a port (RFC 9110 section 7.2).",
    [CHTTP_RULE_CONTENT_LENGTH] = "Content-Length is a decimal number below 2^63 (RFC 9110 section 8.6).",
    [CHTTP_RULE_CONTENT_LENGTH_TWICE] = "Content-Length is given once (RFC 9110 section 8.6).",
    [CHTTP_RULE_LENGTH_AMBIGUOUS] =
        "Content-Length and Transfer-Encoding exclude each other (RFC 9112 section 6.1).",
    [CHTTP_RULE_TRANSFER_ENCODING] =
        "Transfer-Encoding is a list of codings whose last is one chunked (RFC 9112 section 6.1).",
    [CHTTP_RULE_TRANSFER_CODING] = "The only transfer coding is chunked (RFC 9112 section 7).",
    [CHTTP_RULE_TRANSFER_ENCODING_1_0] =
        "A message of HTTP/1.0 has no Transfer-Encoding (RFC 9112 section 6.1).",
    [CHTTP_RULE_CONNECTION] = "Connection is a list of tokens (RFC 9110 section 7.6.1).",
    [CHTTP_RULE_EXPECT] = "The only expectation is 100-continue (RFC 9110 section 10.1.1).",
    [CHTTP_RULE_CHUNK_SIZE] = "A chunk size is a hexadecimal number below 2^63 (RFC 9112 section 7.1).",
    [CHTTP_RULE_CHUNK_EXTENSION] =
        "A chunk extension is a name and optionally a value (RFC 9112 section 7.1.1).",
    [CHTTP_RULE_CHUNK_END] = "Chunk data is followed by CR and LF (RFC 9112 section 7.1).",
    [CHTTP_RULE_CHUNK_OVERHEAD] =
        "Chunk extensions and trailers together are within their ceiling (RFC 9112 section 7.1).",
};

const char *chttp_rule_text(chttp_rule rule) {
    if ((unsigned)rule >= CHTTP_RULE_COUNT) return "An unknown rule was broken.";
    return texts[rule];
}
