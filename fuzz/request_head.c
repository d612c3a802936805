// A request head is accepted exactly when a slow and obvious parser accepts it, and any split of the bytes
// gives the same result, whose spans lie inside the head and hold only bytes that they may hold.
#include "head.h"
#include "reference.h"

/// The framing is accepted exactly when the slow parser understands the fields.
static void check_framing(const fuzz_input *input, chttp_head *head, const chttp_field *fields,
                          verdict verdict) {
    chttp_framing framing;
    uint8_t *exact = fuzz_copy(input->message, head->length);
    chttp_status status = chttp_request_framing(head, exact, fields, &framing);
    CHECK(status == (verdict == A_FRAMED_HEAD ? CHTTP_OK : CHTTP_BAD));
    if (status == CHTTP_BAD) {
        CHECK(head->bad_at >= head->fields_at && head->bad_at < head->length);
        CHECK(head->rule > CHTTP_RULE_NONE && head->rule < CHTTP_RULE_COUNT);
    } else {
        CHECK(!(framing.chunked && framing.has_content_length));
        CHECK(!(framing.close && framing.keep_alive));
        CHECK(framing.content_length <= INT64_MAX);
        CHECK(head->version_minor == 1 || !(framing.chunked || framing.expect_continue));
    }
    free(exact);
}

static void check_start_line(const fuzz_input *input, const chttp_head *head) {
    const uint8_t *bytes = input->message;
    CHECK(fuzz_is_inside(head->method, head) && fuzz_is_inside(head->target, head));
    CHECK(chttp_is_token(bytes + head->method.at, head->method.length));
    CHECK(head->target.at == head->method.at + head->method.length + 1 && head->target.length > 0);
    for (uint32_t index = 0; index < head->target.length; index++) {
        uint8_t byte = bytes[head->target.at + index];
        CHECK(byte > ' ' && byte < 127 && strchr("\"#<>\\^`{|}", byte) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input;
    if (!fuzz_take_input(data, size, &input)) return 0;
    chttp_head head = {0};
    chttp_field *fields = NULL;
    chttp_status status = fuzz_scan_head(chttp_scan_request_head, &input, &head, &fields);

    chttp_limits limits = fuzz_limits(input.ceilings);
    size_t length = 0;
    verdict verdict = judge(input.message, input.length, &limits, &length);
    CHECK((status == CHTTP_OK) == (verdict != NOT_A_HEAD));
    if (status != CHTTP_OK) return 0;
    CHECK(head.length == length);
    check_start_line(&input, &head);
    check_framing(&input, &head, fields, verdict);
    free(fields);
    return 0;
}
