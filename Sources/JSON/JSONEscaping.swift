/// What the inside of a JSON string looks like in the text that is written.
public enum JSONEscaping {
    /// Which characters are written as `\uXXXX`.
    public enum Form: Sendable {
        /// Everything beyond ASCII, in lower-case hexadecimal and with surrogate pairs, as Python does.
        case ascii
        /// Only what RFC 8259 section 7 requires, and lone surrogates.
        case utf8
    }

    /// No byte needs more than six: `\u001f`, and the 2 to 4 bytes of a sequence 6 to 12 together.
    static let growthMax = 6
    private static let chunkBytes = 2_048

    /// Appends bytes as the inside of a string literal: quotes and backslashes escaped, control characters
    /// by their short escapes or `\u00XX`, DEL as `\u007f` in the ASCII form, `/` as it is (all as Python).
    ///
    /// The bytes are WTF-8: a lone surrogate (ED A0..BF xx) becomes a `\udXXX` escape in both forms, and
    /// whatever else is no UTF-8 becomes U+FFFD, one for each maximal ill-formed part, so that the text
    /// written is always valid.
    public static func append(_ bytes: Span<UInt8>, to output: inout [UInt8], form: Form) {
        var position = 0
        while position < bytes.count {
            // In pieces, so that a long text does not reserve six times its size. A piece may end up to three
            // bytes late, in the middle of its last character.
            let end = min(position + chunkBytes, bytes.count)
            output.append(addingCapacity: (end - position + 4) * growthMax) { span in
                position = append(bytes, position, to: end, &span, form)
            }
        }
    }

    /// As above, for an array, or a range of it.
    public static func append(
        _ bytes: [UInt8], in range: Range<Int>? = nil, to output: inout [UInt8], form: Form
    ) {
        let span = bytes.span
        append(span.extracting(range ?? 0..<bytes.count), to: &output, form: form)
    }

    /// Escapes from `start` until `end` is reached or passed, and returns the position that was reached.
    static func append(
        _ bytes: Span<UInt8>, _ start: Int, to end: Int, _ output: inout OutputSpan<UInt8>, _ form: Form
    ) -> Int {
        var position = start
        while position < end {
            let run = plainRun(bytes, from: position, to: end)
            output.append(copying: bytes, position..<run)
            position = run
            guard position < end else { break }
            let byte = bytes[position]
            if byte < 0x80 {
                append(ascii: byte, to: &output, form)
                position += 1
                continue
            }
            // Text in another script comes in runs.
            while position < end, bytes[position] >= 0x80 {
                position = append(nonASCIIAt: position, of: bytes, to: &output, form)
            }
        }
        return position
    }

    /// Escapes what stands from `start` on in place: JSON text, which has no control characters, so that
    /// only its quotes and backslashes need something before them.
    static func escapeText(in output: inout [UInt8], from start: Int) {
        let end = output.count
        let escapes = escapedCount(output.span, start..<end)
        output.append(addingCapacity: escapes) { span in
            for _ in 0..<escapes { span.append(0) }
        }
        var bytes = output.mutableSpan
        var source = end
        var target = end + escapes
        while target > source {
            source -= 1
            target -= 1
            let byte = bytes[source]
            bytes[target] = byte
            if byte == 0x22 || byte == 0x5C {
                target -= 1
                bytes[target] = 0x5C
            }
        }
    }

    private static func escapedCount(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
        var count = 0
        for position in range where bytes[position] == 0x22 || bytes[position] == 0x5C { count += 1 }
        return count
    }

    /// The position of the first byte that cannot be copied as it is.
    @inline(__always)
    static func plainRun(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var position = start
        while position + 8 <= end {
            let special = WordMask.special(loadWord(bytes, at: position))
            if special != 0 { return position + special.trailingZeroBitCount >> 3 }
            position += 8
        }
        while position < end {
            let byte = bytes[position]
            guard byte >= 0x20, byte < 0x7F, byte != 0x22, byte != 0x5C else { break }
            position += 1
        }
        return position
    }

    /// Appends one ASCII character, escaped where it has to be.
    static func append(ascii byte: UInt8, to output: inout OutputSpan<UInt8>, _ form: Form) {
        switch byte {
        case 0x22, 0x5C:
            output.append(0x5C)
            output.append(byte)
        case 0x08: output.append(ascii: "\\b")
        case 0x0C: output.append(ascii: "\\f")
        case 0x0A: output.append(ascii: "\\n")
        case 0x0D: output.append(ascii: "\\r")
        case 0x09: output.append(ascii: "\\t")
        case 0..<0x20: output.append(escapeOf: UInt32(byte))
        case 0x7F where form == .ascii: output.append(escapeOf: 0x7F)
        default: output.append(byte)
        }
    }

    /// Appends what stands at a byte of 0x80 or more, and returns the position after it.
    private static func append(
        nonASCIIAt position: Int, of bytes: Span<UInt8>, to output: inout OutputSpan<UInt8>, _ form: Form
    ) -> Int {
        let end = bytes.count
        let length = UTF8Grammar.sequenceLength(bytes, at: position, to: end)
        if length > 0 {
            switch form {
            case .utf8: output.append(copying: bytes, position..<position + length)
            case .ascii: append(codePoint: UTF8Grammar.codePoint(bytes, at: position, length), to: &output)
            }
            return position + length
        }
        if let surrogate = UTF8Grammar.surrogate(bytes, at: position, to: end) {
            output.append(escapeOf: surrogate)
            return position + 3
        }
        switch form {
        case .utf8: output.append(codePoint: 0xFFFD)
        case .ascii: output.append(escapeOf: 0xFFFD)
        }
        return position + UTF8Grammar.illFormedLength(bytes, at: position, to: end)
    }

    /// Appends a code point as one escape, or as a surrogate pair.
    @inline(__always)
    static func append(codePoint: UInt32, to output: inout OutputSpan<UInt8>) {
        if codePoint < 0x10000 {
            output.append(escapeOf: codePoint)
        } else {
            output.append(escapeOf: 0xD7C0 + codePoint >> 10)
            output.append(escapeOf: 0xDC00 | codePoint & 0x3FF)
        }
    }
}

extension UTF8Grammar {
    /// The code point of the well-formed sequence of `length` bytes at `position`.
    static func codePoint(_ bytes: Span<UInt8>, at position: Int, _ length: Int) -> UInt32 {
        var codePoint = UInt32(bytes[position]) & (0x7F >> UInt32(length))
        for index in position + 1..<position + length {
            codePoint = codePoint << 6 | UInt32(bytes[index] & 0x3F)
        }
        return codePoint
    }

    /// The surrogate that three bytes of WTF-8 at `position` stand for, if there are such.
    static func surrogate(_ bytes: Span<UInt8>, at position: Int, to end: Int) -> UInt32? {
        guard position + 2 < end, bytes[position] == 0xED, bytes[position + 1] & 0xE0 == 0xA0,
            bytes[position + 2] & 0xC0 == 0x80
        else { return nil }
        return codePoint(bytes, at: position, 3)
    }
}
