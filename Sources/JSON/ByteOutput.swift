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

    /// Appends bytes up to the first that cannot stand in a JSON string as it is, and returns its position,
    /// or `end`. Needs room for as many bytes as there are, and for eight more: a word is written whole.
    ///
    /// Safe for every argument: where the last word may be read and written is checked first.
    @inline(__always)
    mutating func append(plainRunOf bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        precondition(
            start >= 0 && start <= end && end <= bytes.count && end - start + 8 <= freeCapacity,
            "a run stays within its source and its room")
        var copied = 0
        unsafe bytes.withUnsafeBytes { source in
            unsafe withUnsafeMutableBufferPointer { buffer, count in
                guard let source = source.baseAddress, let buffer = buffer.baseAddress else { return }
                copied = unsafe Self.copyPlainRun(
                    source + start, readable: bytes.count - start, end - start,
                    UnsafeMutableRawPointer(buffer + count))
                count += copied
            }
        }
        return start + copied
    }

    /// Copies up to `length` bytes by words, of which `readable` may be read, and returns how many are plain.
    @inline(__always)
    private static func copyPlainRun(
        _ source: UnsafeRawPointer, readable: Int, _ length: Int, _ target: UnsafeMutableRawPointer
    ) -> Int {
        let wordsEnd = min(length, readable - 7)
        var offset = 0
        while offset < wordsEnd {
            let word = UInt64(
                littleEndian: unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            unsafe target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
            let special = WordMask.special(word)
            if special != 0 { return min(offset + special.trailingZeroBitCount >> 3, length) }
            offset += 8
        }
        if offset >= length { return length }
        return unsafe copyPlainEnd(source, readable: readable, offset, length, target)
    }

    /// Goes on where fewer than eight bytes are left of the source: with its last word, some of whose bytes
    /// are copied for the second time, or byte by byte where it has none.
    @inline(never)
    private static func copyPlainEnd(
        _ source: UnsafeRawPointer, readable: Int, _ start: Int, _ length: Int,
        _ target: UnsafeMutableRawPointer
    ) -> Int {
        let last = readable - 8
        if last >= 0 {
            let word = UInt64(
                littleEndian: unsafe source.loadUnaligned(fromByteOffset: last, as: UInt64.self))
            unsafe target.storeBytes(of: word.littleEndian, toByteOffset: last, as: UInt64.self)
            let special = WordMask.special(word)
            return special == 0 ? length : min(last + special.trailingZeroBitCount >> 3, length)
        }
        for offset in start..<length {
            let byte = unsafe source.load(fromByteOffset: offset, as: UInt8.self)
            if WordMask.isSpecial(byte) { return offset }
            unsafe target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        }
        return length
    }

    /// Appends text that is known when the program is built, and is ASCII.
    @inline(__always)
    package mutating func append(_ text: StaticString) {
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

    /// Appends the `count` lowest bytes of a word, the lowest one first.
    ///
    /// Safe for every argument: the word is written whole only where there is room for it.
    @inline(__always)
    mutating func append(_ word: UInt64, count: Int) {
        precondition(count >= 0 && count <= 8, "a word has eight bytes")
        guard freeCapacity >= 8 else { return appendBytes(word, count) }
        unsafe withUnsafeMutableBufferPointer { buffer, written in
            guard let base = buffer.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(base + written)
                .storeBytes(of: word.littleEndian, as: UInt64.self)
            written += count
        }
    }

    @inline(never)
    private mutating func appendBytes(_ word: UInt64, _ count: Int) {
        for index in 0..<count { append(UInt8(truncatingIfNeeded: word >> UInt64(index * 8))) }
    }
}
