// What must hold for every head, of a request or a response.
#pragma once
#include "common.h"

typedef chttp_status (*fuzz_scan)(chttp_head *, const uint8_t *, size_t, const chttp_limits *);

static inline bool fuzz_same_result(const chttp_head *a, const chttp_head *b, chttp_status status) {
    if (status == CHTTP_MORE) return true;
    if (status == CHTTP_BAD) return a->rule == b->rule && a->bad_at == b->bad_at;
    return a->length == b->length && a->field_count == b->field_count && a->fields_at == b->fields_at &&
           memcmp(&a->method, &b->method, sizeof a->method) == 0 &&
           memcmp(&a->target, &b->target, sizeof a->target) == 0 &&
           memcmp(&a->reason, &b->reason, sizeof a->reason) == 0 && a->status == b->status &&
           a->version_minor == b->version_minor && a->target_form == b->target_form;
}

/// Scans the message in pieces, each in memory of its own.
static inline chttp_status fuzz_scan_split(fuzz_scan scan, const fuzz_input *input, chttp_head *head) {
    chttp_limits limits = fuzz_limits(input->ceilings);
    uint32_t state = input->split_seed;
    chttp_status status = CHTTP_MORE;
    for (size_t at = 0; at < input->length && status == CHTTP_MORE;) {
        at = fuzz_next_split(&state, at, input->length);
        uint8_t *piece = fuzz_copy(input->message, at);
        uint32_t before = head->_scanned;
        status = scan(head, piece, at, &limits);
        CHECK(head->_scanned >= before && head->_scanned <= at);
        CHECK(status != CHTTP_MORE || head->_scanned == at);
        free(piece);
    }
    return status;
}

/// The bytes before the refused one are right so far, and with it they are refused.
static inline void fuzz_check_refusal(fuzz_scan scan, const fuzz_input *input, const chttp_head *bad) {
    CHECK(bad->bad_at < input->length);
    CHECK(bad->rule > CHTTP_RULE_NONE && bad->rule < CHTTP_RULE_COUNT);
    if (bad->rule == CHTTP_RULE_VERSION_UNSUPPORTED) return; // Judged when the minor number is there.
    chttp_limits limits = fuzz_limits(input->ceilings);
    chttp_head head = {0};
    CHECK(scan(&head, input->message, bad->bad_at, &limits) == CHTTP_MORE);
    CHECK(scan(&head, input->message, bad->bad_at + 1, &limits) == CHTTP_BAD);
}

static inline bool fuzz_is_inside(chttp_span span, const chttp_head *head) {
    return span.at <= head->length && span.length <= head->length - span.at;
}

/// Names are tokens, values hold what a value may hold, and both lie inside the head and in order.
static inline void fuzz_check_fields(const chttp_head *head, const uint8_t *bytes,
                                     const chttp_field *fields) {
    uint32_t at = head->fields_at;
    for (uint32_t index = 0; index < head->field_count; index++) {
        chttp_span name = fields[index].name;
        chttp_span value = fields[index].value;
        CHECK(fuzz_is_inside(name, head) && fuzz_is_inside(value, head));
        CHECK(name.at == at && value.at > name.at + name.length);
        CHECK(chttp_is_token(bytes + name.at, name.length) && bytes[name.at + name.length] == ':');
        CHECK(chttp_is_field_value(bytes + value.at, value.length));
        at = value.at + value.length;
        while (bytes[at] == ' ' || bytes[at] == '\t') at++;
        CHECK(bytes[at] == '\r' && bytes[at + 1] == '\n');
        at += 2;
    }
    CHECK(at + 2 == head->length && bytes[at] == '\r' && bytes[at + 1] == '\n');
}

/// Scans whole and in pieces, compares, and checks the fields. The caller frees `fields` after CHTTP_OK.
static inline chttp_status fuzz_scan_head(fuzz_scan scan, const fuzz_input *input, chttp_head *head,
                                          chttp_field **fields) {
    chttp_limits limits = fuzz_limits(input->ceilings);
    uint8_t *whole = fuzz_copy(input->message, input->length);
    chttp_status status = scan(head, whole, input->length, &limits);
    chttp_head split = {0};
    CHECK(fuzz_scan_split(scan, input, &split) == status);
    CHECK(fuzz_same_result(head, &split, status));
    if (status == CHTTP_BAD) fuzz_check_refusal(scan, input, head);
    free(whole);
    if (status != CHTTP_OK) return status;

    CHECK(head->length <= input->length && head->length <= limits.head_bytes_max);
    CHECK(head->field_count <= limits.fields_max);
    *fields = malloc(head->field_count > 0 ? head->field_count * sizeof **fields : 1);
    CHECK(*fields != NULL);
    uint8_t *exact = fuzz_copy(input->message, head->length);
    chttp_head_fields(head, exact, *fields);
    fuzz_check_fields(head, exact, *fields);
    free(exact);
    return status;
}
