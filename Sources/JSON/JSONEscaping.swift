/// What the inside of a JSON string looks like in the text that is written.
public enum JSONEscaping {
    /// Which characters are written as escapes.
    public struct Form: Sendable {
        /// Whether everything beyond ASCII is written as `\uXXXX`, in lower-case hexadecimal and with
        /// surrogate pairs, as Python does. Otherwise only what RFC 8259 section 7 requires, and lone
        /// surrogates.
        let isASCII: Bool
        /// Whether the text stands inside a string of another JSON text: its own quotes and backslashes
        /// are escaped as well.
        let isNested: Bool

        /// Everything beyond ASCII is escaped.
        public static let ascii = Form(isASCII: true, isNested: false)
        /// UTF-8 stays as it is.
        public static let utf8 = Form(isASCII: false, isNested: false)

        /// No byte needs more: `\\u001f`, and the two to four bytes of a sequence seven to fourteen.
        @inline(__always)
        var growthMax: Int { isNested ? 7 : 6 }
    }

    /// A text up to this long is escaped in one piece; a longer one in several, so that it does not reserve
    /// six times its size.
    static let pieceBytesMax = 2_048

    /// Appends bytes as the inside of a string literal: quotes and backslashes escaped, control characters
    /// by their short escapes or `\u00XX`, DEL as `\u007f` in the ASCII form, `/` as it is (all as Python).
    ///
    /// The bytes are WTF-8: a lone surrogate (ED A0..BF xx) becomes a `\udXXX` escape in both forms, and
    /// whatever else is no UTF-8 becomes U+FFFD, one for each maximal ill-formed part, so that the text
    /// written is always valid.
    public static func append(
        _ bytes: Span<UInt8>, in range: Range<Int>, to output: inout [UInt8], form: Form
    ) {
        var position = range.lowerBound
        while position < range.upperBound {
            let end = min(position + pieceBytesMax, range.upperBound)
            output.append(addingCapacity: roomMax(end - position, form)) { span in
                position = append(bytes, position, to: end, within: range.upperBound, &span, form)
            }
        }
    }

    /// As above, for an array, or a range of it.
    public static func append(
        _ bytes: [UInt8], in range: Range<Int>? = nil, to output: inout [UInt8], form: Form
    ) {
        append(bytes.span, in: range ?? 0..<bytes.count, to: &output, form: form)
    }

    /// As above, for a slice of an array.
    public static func append(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8], form: Form) {
        append(bytes.span, in: 0..<bytes.count, to: &output, form: form)
    }

    /// As above, with quotes around.
    public static func appendString(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8], form: Form) {
        output.append(0x22)
        append(bytes, to: &output, form: form)
        output.append(0x22)
    }

    /// Appends `,"name":"value"`: a further member of an object, whose name is a constant that needs no escape.
    public static func appendMember(
        _ name: StaticString, _ value: ArraySlice<UInt8>, to output: inout [UInt8], form: Form
    ) {
        guard value.count <= pieceBytesMax else {
            output.append(addingCapacity: name.utf8CodeUnitCount + 4) {
                appendKey(name, hasComma: true, to: &$0)
            }
            return appendString(value, to: &output, form: form)
        }
        let bytes = value.span
        let room = name.utf8CodeUnitCount + 6 + roomMax(bytes.count, form)
        output.append(addingCapacity: room) { span in
            appendKey(name, hasComma: true, to: &span)
            span.append(0x22)
            _ = append(bytes, 0, to: bytes.count, within: bytes.count, &span, form)
            span.append(0x22)
        }
    }

    /// As above, for a range of bytes of which it is known that they are printable ASCII without quote and
    /// backslash: they are not looked at.
    public static func appendMember(
        _ name: StaticString, plain bytes: [UInt8], in range: Range<Int>, to output: inout [UInt8]
    ) {
        let bytes = bytes.span
        output.append(addingCapacity: name.utf8CodeUnitCount + 6 + range.count) { span in
            appendKey(name, hasComma: true, to: &span)
            span.append(0x22)
            span.append(copying: bytes, range)
            span.append(0x22)
        }
    }

    /// Appends the key of a member, a constant, and its colon.
    ///
    /// Safe for every argument: the room is checked before anything is written.
    @inline(__always)
    static func appendKey(_ key: StaticString, hasComma: Bool, to span: inout OutputSpan<UInt8>) {
        let length = key.utf8CodeUnitCount
        precondition(length + 4 <= span.freeCapacity, "there is room for a key")
        unsafe span.withUnsafeMutableBufferPointer { buffer, count in
            guard let base = buffer.baseAddress else { return }
            var target = unsafe base + count
            if hasComma {
                unsafe target.initialize(to: 0x2C)
                unsafe target += 1
            }
            unsafe target.initialize(to: 0x22)
            unsafe (target + 1).initialize(from: key.utf8Start, count: length)
            unsafe (target + 1 + length).initialize(to: 0x22)
            unsafe (target + 2 + length).initialize(to: 0x3A)
            count += length + (hasComma ? 4 : 3)
        }
    }

    /// Room enough for `count` bytes, the last of which may begin a character of four.
    @inline(__always)
    static func roomMax(_ count: Int, _ form: Form) -> Int { (count + 4) * form.growthMax + 8 }

    /// Escapes from `start` until `end` is reached or passed, and returns the position that was reached: a
    /// character that begins before `end` is written whole, but nothing at or behind `limit` is looked at.
    @inline(never)
    static func append(
        _ bytes: Span<UInt8>, _ start: Int, to end: Int, within limit: Int,
        _ output: inout OutputSpan<UInt8>, _ form: Form
    ) -> Int {
        let position = output.append(plainRunOf: bytes, from: start, to: end)
        return position < end ? escape(bytes, position, to: end, within: limit, &output, form) : position
    }

    /// As above, from a byte on that cannot stand as it is.
    @inline(never)
    private static func escape(
        _ bytes: Span<UInt8>, _ start: Int, to end: Int, within limit: Int,
        _ output: inout OutputSpan<UInt8>, _ form: Form
    ) -> Int {
        var position = start
        while position < end {
            let byte = bytes[position]
            if byte < 0x80 {
                append(ascii: byte, to: &output, form)
                position += 1
            } else {
                // Text in another script comes in runs.
                while position < end, bytes[position] >= 0x80 {
                    position = append(nonASCIIAt: position, of: bytes, within: limit, to: &output, form)
                }
            }
            if position < end {
                position = output.append(plainRunOf: bytes, from: position, to: end)
            }
        }
        return position
    }

    /// Appends one ASCII character, escaped where it has to be.
    static func append(ascii byte: UInt8, to output: inout OutputSpan<UInt8>, _ form: Form) {
        switch byte {
        case 0x22, 0x5C: escaped(byte, &output, form)
        case 0x08: short(0x62, &output, form)
        case 0x0C: short(0x66, &output, form)
        case 0x0A: short(0x6E, &output, form)
        case 0x0D: short(0x72, &output, form)
        case 0x09: short(0x74, &output, form)
        case 0..<0x20: append(unit: UInt32(byte), to: &output, form)
        case 0x7F where form.isASCII: append(unit: 0x7F, to: &output, form)
        default: output.append(byte)
        }
    }

    @inline(__always)
    private static func short(_ letter: UInt8, _ output: inout OutputSpan<UInt8>, _ form: Form) {
        if form.isNested {
            output.append(0x5C5C | UInt64(letter) << 16, count: 3)
        } else {
            output.append(0x5C | UInt64(letter) << 8, count: 2)
        }
    }

    /// Appends a quote or a backslash, escaped.
    @inline(__always)
    private static func escaped(_ byte: UInt8, _ output: inout OutputSpan<UInt8>, _ form: Form) {
        if form.isNested {
            output.append(0x5C_5C5C | UInt64(byte) << 24, count: 4)
        } else {
            output.append(0x5C | UInt64(byte) << 8, count: 2)
        }
    }

    /// Appends the escape that is written with this byte behind its backslash, where Python writes it so as
    /// well: all but `\/` and `\u`. Returns whether it did.
    @inline(__always)
    static func append(escape byte: UInt8, to output: inout OutputSpan<UInt8>, _ form: Form) -> Bool {
        switch byte {
        case 0x22, 0x5C: escaped(byte, &output, form)
        case 0x62, 0x66, 0x6E, 0x72, 0x74: short(byte, &output, form)
        default: return false
        }
        return true
    }

    /// Appends one UTF-16 unit as an escape.
    @inline(__always)
    static func append(unit: UInt32, to output: inout OutputSpan<UInt8>, _ form: Form) {
        let digits = UInt64(Hexadecimal.digits(of: unit))
        if form.isNested {
            output.append(0x75_5C5C | digits << 24, count: 7)
        } else {
            output.append(0x755C | digits << 16, count: 6)
        }
    }

    /// Appends the quote that begins or ends a string.
    @inline(__always)
    static func quote(_ output: inout OutputSpan<UInt8>, _ form: Form) {
        if form.isNested { output.append(0x5C) }
        output.append(0x22)
    }

    /// Appends what stands at a byte of 0x80 or more, and returns the position after it.
    private static func append(
        nonASCIIAt position: Int, of bytes: Span<UInt8>, within end: Int,
        to output: inout OutputSpan<UInt8>, _ form: Form
    ) -> Int {
        let length = UTF8Grammar.sequenceLength(bytes, at: position, to: end)
        if length > 0 {
            if form.isASCII {
                append(codePoint: UTF8Grammar.codePoint(bytes, at: position, length), to: &output, form)
            } else {
                output.append(copying: bytes, position..<position + length)
            }
            return position + length
        }
        if let surrogate = UTF8Grammar.surrogate(bytes, at: position, to: end) {
            append(unit: surrogate, to: &output, form)
            return position + 3
        }
        if form.isASCII {
            append(unit: 0xFFFD, to: &output, form)
        } else {
            output.append(codePoint: 0xFFFD)
        }
        return position + UTF8Grammar.illFormedLength(bytes, at: position, to: end)
    }

    /// Appends a code point as one escape, or as a surrogate pair.
    @inline(__always)
    static func append(codePoint: UInt32, to output: inout OutputSpan<UInt8>, _ form: Form) {
        if codePoint < 0x10000 {
            append(unit: codePoint, to: &output, form)
        } else {
            append(unit: 0xD7C0 + codePoint >> 10, to: &output, form)
            append(unit: 0xDC00 | codePoint & 0x3FF, to: &output, form)
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
