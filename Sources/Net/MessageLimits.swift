internal import CHTTP

/// Ceilings of what one peer may send. The defaults are those of `Limits`.
struct MessageLimits: Sendable {
    var startLineBytesMax = Limits.requestLineBytesMax
    var fieldBytesMax = Limits.fieldBytesMax
    var headBytesMax = Limits.headBytesMax
    var fieldsMax = Limits.fieldsMax
    var bodyBytesMax = Limits.bodyBytesMax
    var chunkOverheadBytesMax = Limits.chunkOverheadBytesMax

    var head: chttp_limits {
        chttp_limits(
            start_line_bytes_max: startLineBytesMax, field_bytes_max: fieldBytesMax,
            head_bytes_max: headBytesMax, fields_max: fieldsMax)
    }
}
