/// Bytes are written into room that was reserved once: what is written costs its copy and no more.
extension OutputSpan<UInt8> {
    /// Appends a range of a span, in one copy.
    ///
    /// Safe for every argument: both ends of the copy are checked first.
    @inline(__always)
    mutating func append(copying bytes: Span<UInt8>, _ range: Range<Int>) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= bytes.count && range.count <= freeCapacity,
            "a copy stays within its source and its room")
        unsafe bytes.withUnsafeBufferPointer { source in
            unsafe withUnsafeMutableBufferPointer { buffer, count in
                guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
                unsafe (to + count).initialize(from: from + range.lowerBound, count: range.count)
                count += range.count
            }
        }
    }

    /// Appends the first `count` bytes of a word, the lowest first. Needs room for all eight.
    ///
    /// Safe for every argument: the store is checked against the room, and each byte of it is a UInt8.
    @inline(__always)
    mutating func append(word: UInt64, count: Int) {
        precondition(freeCapacity >= 8 && 0...8 ~= count, "a word needs room for eight bytes")
        unsafe withUnsafeMutableBufferPointer { buffer, initialized in
            unsafe UnsafeMutableRawBufferPointer(buffer).storeBytes(
                of: word.littleEndian, toByteOffset: initialized, as: UInt64.self)
            initialized += count
        }
    }

    /// Appends bytes up to the first that cannot stand in a JSON string as it is, and returns its position,
    /// or `end`. Needs as much room as there are bytes.
    @inline(__always)
    mutating func append(plainRunOf bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var position = start
        // A word may reach beyond `end`, as long as it stays within the bytes and the room.
        while position < end, position + 8 <= bytes.count, freeCapacity >= 8 {
            let word = loadWord(bytes, at: position)
            let special = WordMask.special(word)
            let count = min(special == 0 ? 8 : special.trailingZeroBitCount >> 3, end - position)
            append(word: word, count: count)
            position += count
            if count < 8 { return position }
        }
        while position < end {
            let byte = bytes[position]
            guard byte >= 0x20, byte < 0x7F, byte != 0x22, byte != 0x5C else { break }
            append(byte)
            position += 1
        }
        return position
    }

    /// Appends text that is known when the program is built, and is ASCII.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        let bytes = unsafe Span(
            _unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        append(copying: bytes, 0..<bytes.count)
    }

    /// Appends text that is known to be ASCII.
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

    /// Appends the four lower-case hexadecimal digits of a UTF-16 unit.
    mutating func append(hexadecimal unit: UInt32) {
        appendDigit(unit >> 12)
        appendDigit(unit >> 8)
        appendDigit(unit >> 4)
        appendDigit(unit)
    }

    @inline(__always)
    private mutating func appendDigit(_ nibble: UInt32) {
        let digit = UInt8(nibble & 0xF)
        append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
}
