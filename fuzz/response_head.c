// Any split of a response head gives the same result, whose spans lie inside the head and hold only bytes
// that they may hold; a refused head is right up to the byte that is named.
#include "head.h"

static void check_status_line(const fuzz_input *input, const chttp_head *head) {
    const uint8_t *bytes = input->message;
    char expected[16];
    snprintf(expected, sizeof expected, " %03u", head->status);
    CHECK(head->status >= 100 && head->status <= 599);
    CHECK(memcmp(bytes, "HTTP/1.", 7) == 0 && memcmp(bytes + 8, expected, 4) == 0);
    CHECK(head->version_minor == (bytes[7] == '0' ? 0 : 1));
    CHECK(fuzz_is_inside(head->reason, head));
    CHECK(head->reason.at == (head->reason.length > 0 || bytes[12] == ' ' ? 13 : 12));
    CHECK(head->reason.at + head->reason.length + 2 == head->fields_at);
    for (uint32_t index = 0; index < head->reason.length; index++) {
        uint8_t byte = bytes[head->reason.at + index];
        CHECK(byte == '\t' || (byte >= ' ' && byte != 127));
    }
}

static void check_framing(const fuzz_input *input, chttp_head *head, const chttp_field *fields) {
    chttp_framing framing;
    uint8_t *exact = fuzz_copy(input->message, head->length);
    if (chttp_response_framing(head, exact, fields, &framing) == CHTTP_BAD) {
        CHECK(head->bad_at >= head->fields_at && head->bad_at < head->length);
        CHECK(head->rule > CHTTP_RULE_NONE && head->rule < CHTTP_RULE_COUNT);
        CHECK(head->rule != CHTTP_RULE_HOST_MISSING && head->rule != CHTTP_RULE_HOST_TWICE);
        CHECK(head->rule != CHTTP_RULE_HOST_VALUE && head->rule != CHTTP_RULE_EXPECT);
    } else {
        CHECK(!(framing.chunked && framing.has_content_length) && !framing.expect_continue);
        CHECK(!(framing.close && framing.keep_alive));
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input;
    if (!fuzz_take_input(data, size, &input)) return 0;
    chttp_head head = {0};
    chttp_field *fields = NULL;
    if (fuzz_scan_head(chttp_scan_response_head, &input, &head, &fields) != CHTTP_OK) return 0;
    check_status_line(&input, &head);
    check_framing(&input, &head, fields);
    free(fields);
    return 0;
}
