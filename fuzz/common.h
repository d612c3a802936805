// What the fuzz targets share: checks that stop the run, exact copies of the input, and split points.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chttp.h"

/// Stops the run with the condition that does not hold.
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                          \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/// An input: two bytes that steer the target, then the message.
typedef struct fuzz_input {
    uint8_t split_seed;
    uint8_t ceilings;
    const uint8_t *message;
    size_t length;
} fuzz_input;

static inline bool fuzz_take_input(const uint8_t *data, size_t size, fuzz_input *input) {
    if (size < 2) return false;
    *input = (fuzz_input){data[0], data[1], data + 2, size - 2};
    return true;
}

/// A copy with nothing around it, so that the sanitizer sees every byte that is read outside.
static inline uint8_t *fuzz_copy(const uint8_t *bytes, size_t length) {
    uint8_t *copy = malloc(length > 0 ? length : 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes, length);
    return copy;
}

/// The next split point after `at`: byte by byte for one seed in eight, else steps of varying size.
static inline size_t fuzz_next_split(uint32_t *state, size_t at, size_t length) {
    size_t step = 1;
    if ((*state & 7) != 0) {
        *state = *state * 1664525u + 1013904223u * 8u + (*state & 7);
        step = 1 + (*state >> 16) % (length / 2 + 1);
    }
    return step < length - at ? at + step : length;
}

/// Generous ceilings for zero, which most seeds have; else small ones, so that they are met.
static inline chttp_limits fuzz_limits(uint8_t choice) {
    if (choice == 0) return (chttp_limits){8192, 8192, 65536, 100};
    return (chttp_limits){choice & 63, (choice * 7) & 63, 20 + choice, (choice >> 4) & 7};
}
