// zlib for Swift: the header, and the two initialisers that are macros.
#pragma once
#include <zlib.h>

/// Prepares `stream` to inflate gzip members (RFC 1952).
static inline int czlib_inflate_initialize_gzip(z_stream *stream) {
    return inflateInit2(stream, 16 + MAX_WBITS);
}
/// Prepares `stream` to deflate into one gzip member; used by the local cloud only.
static inline int czlib_deflate_initialize_gzip(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}
