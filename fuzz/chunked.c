// Any split of a chunked body gives the same data, end or refusal; an accepted body is what a slow decoder
// makes of it; a refused one is right up to the byte that is named.
#include "common.h"

/// What came out of a body.
typedef struct outcome {
    chttp_status status;
    uint32_t rule;
    uint32_t overhead;
    size_t at; // The end of the body, or the byte that was refused.
    uint8_t *data;
    size_t data_length;
} outcome;

static uint32_t overhead_max(const fuzz_input *input) {
    return input->ceilings == 0 ? 4096 : input->ceilings & 31;
}

/// Feeds the bytes from `*at` to `end`, which lie in memory of their own.
static chttp_status feed(chttp_chunked *body, const fuzz_input *input, size_t end, outcome *out) {
    chttp_status status = CHTTP_MORE;
    while (status == CHTTP_MORE && out->at < end) {
        size_t there = end - out->at;
        uint8_t *piece = fuzz_copy(input->message + out->at, there);
        size_t consumed = 0;
        chttp_span data = {0, 0};
        status = chttp_scan_chunked(body, piece, there, overhead_max(input), &consumed, &data);
        CHECK(consumed <= there && data.at <= consumed && data.length <= consumed - data.at);
        CHECK(status != CHTTP_MORE || consumed == there || data.length > 0);
        CHECK(status != CHTTP_BAD || (consumed == body->bad_offset && consumed < there && data.length == 0));
        CHECK(body->overhead <= overhead_max(input));
        memcpy(out->data + out->data_length, piece + data.at, data.length);
        out->data_length += data.length;
        out->at += consumed;
        free(piece);
    }
    return status;
}

static outcome decode(const fuzz_input *input, size_t length, bool split) {
    outcome out = {.status = CHTTP_MORE, .data = malloc(length + 1)};
    CHECK(out.data != NULL);
    chttp_chunked body = {0};
    uint32_t state = input->split_seed;
    for (size_t end = 0; end < length && out.status == CHTTP_MORE;) {
        end = split ? fuzz_next_split(&state, end, length) : length;
        out.status = feed(&body, input, end, &out);
    }
    out.rule = out.status == CHTTP_BAD ? body.rule : CHTTP_RULE_NONE;
    out.overhead = body.overhead;
    return out;
}

static size_t line_length(const uint8_t *bytes, size_t length) {
    const uint8_t *end = memmem(bytes, length, "\r\n", 2);
    CHECK(end != NULL);
    return (size_t)(end - bytes);
}

/// Decodes an accepted body once more: sizes by strtoull, lines by their CRLF.
static void check_against_slow_decoder(const fuzz_input *input, const outcome *out) {
    uint8_t *text = calloc(input->length + 1, 1);
    CHECK(text != NULL);
    memcpy(text, input->message, input->length);
    size_t at = 0;
    size_t data_length = 0;
    for (unsigned long long size = 1; size > 0;) {
        size = strtoull((char *)text + at, NULL, 16);
        at += line_length(text + at, input->length - at) + 2;
        CHECK(size <= input->length - at && data_length + size <= out->data_length);
        CHECK(memcmp(out->data + data_length, text + at, size) == 0);
        data_length += size;
        at += size;
        if (size > 0) at += 2;
    }
    for (size_t line = 1; line > 0;) {
        line = line_length(text + at, input->length - at);
        at += line + 2;
    }
    CHECK(at == out->at && data_length == out->data_length);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input;
    if (!fuzz_take_input(data, size, &input)) return 0;
    outcome whole = decode(&input, input.length, false);
    outcome split = decode(&input, input.length, true);
    CHECK(whole.status == split.status && whole.rule == split.rule && whole.at == split.at);
    CHECK(whole.overhead == split.overhead && whole.data_length == split.data_length);
    CHECK(memcmp(whole.data, split.data, whole.data_length) == 0);
    if (whole.status == CHTTP_OK) check_against_slow_decoder(&input, &whole);
    if (whole.status == CHTTP_BAD) {
        outcome before = decode(&input, whole.at, false);
        CHECK(before.status == CHTTP_MORE);
        free(before.data);
    }
    free(whole.data);
    free(split.data);
    return 0;
}
