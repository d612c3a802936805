/// Bytes are written into room that was reserved once, for a byte at a time to cost no more than its store.
extension OutputSpan<UInt8> {
    /// Appends a range of a span.
    @inline(__always)
    mutating func append(copying bytes: Span<UInt8>, _ range: Range<Int>) {
        for index in range { append(bytes[index]) }
    }

    /// Appends text that is known to be ASCII.
    @inline(__always)
    mutating func append(ascii text: String) {
        for byte in text.utf8 { append(byte) }
    }

    /// Appends a code point as UTF-8; a surrogate becomes the three bytes ED A0..BF xx (WTF-8).
    mutating func append(codePoint: UInt32) {
        if codePoint < 0x80 {
            append(UInt8(codePoint))
        } else if codePoint < 0x800 {
            append(UInt8(0xC0 | codePoint >> 6))
            append(UInt8(0x80 | codePoint & 0x3F))
        } else if codePoint < 0x10000 {
            append(UInt8(0xE0 | codePoint >> 12))
            append(UInt8(0x80 | codePoint >> 6 & 0x3F))
            append(UInt8(0x80 | codePoint & 0x3F))
        } else {
            append(UInt8(0xF0 | codePoint >> 18))
            append(UInt8(0x80 | codePoint >> 12 & 0x3F))
            append(UInt8(0x80 | codePoint >> 6 & 0x3F))
            append(UInt8(0x80 | codePoint & 0x3F))
        }
    }

    /// Appends one UTF-16 unit as a JSON escape, in lower case.
    mutating func append(escapeOf unit: UInt32) {
        append(0x5C)
        append(0x75)
        append(hexadecimal: unit >> 12)
        append(hexadecimal: unit >> 8)
        append(hexadecimal: unit >> 4)
        append(hexadecimal: unit)
    }

    @inline(__always)
    private mutating func append(hexadecimal nibble: UInt32) {
        let digit = UInt8(nibble & 0xF)
        append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
}
