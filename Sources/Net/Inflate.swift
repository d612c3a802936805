import CZlib

/// Why compressed bytes were refused.
enum InflateError: Error {
    /// Not gzip, damaged, cut off, or followed by something else.
    case malformed
    /// The output would pass the ceiling.
    case tooLarge
}

/// gzip (RFC 1952) through zlib, with a ceiling on what comes out: a few kilobytes can hold gigabytes.
enum Inflate {
    /// The decoded bytes of one or more gzip members, at most `bytesMax`.
    static func gunzip(_ input: [UInt8], bytesMax: Int) throws(InflateError) -> [UInt8] {
        var stream = unsafe z_stream()
        guard unsafe czlib_inflate_initialize_gzip(&stream) == Z_OK else { throw .malformed }
        defer { unsafe inflateEnd(&stream) }
        var output: [UInt8] = []
        var input = input
        let outcome = unsafe input.withUnsafeMutableBufferPointer { buffer in
            unsafe stream.next_in = buffer.baseAddress
            unsafe stream.avail_in = UInt32(buffer.count)
            return unsafe inflateAll(&stream, &output, bytesMax)
        }
        if let error = outcome { throw error }
        return output
    }

    private static func inflateAll(
        _ stream: inout z_stream, _ output: inout [UInt8], _ bytesMax: Int
    ) -> InflateError? {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32_768) { piece -> InflateError? in
            while true {
                unsafe stream.next_out = piece.baseAddress
                unsafe stream.avail_out = UInt32(piece.count)
                let result = unsafe inflate(&stream, Z_NO_FLUSH)
                let count = unsafe piece.count - Int(stream.avail_out)
                if output.count + count > bytesMax { return .tooLarge }
                unsafe output.append(contentsOf: UnsafeBufferPointer(rebasing: piece[..<count]))
                switch result {
                case Z_STREAM_END where unsafe stream.avail_in == 0: return nil
                case Z_STREAM_END:
                    guard unsafe inflateReset(&stream) == Z_OK else { return .malformed }
                case Z_OK where unsafe stream.avail_in > 0 || stream.avail_out == 0: continue
                default: return .malformed
                }
            }
        }
    }
}
