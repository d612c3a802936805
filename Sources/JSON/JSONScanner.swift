/// The lexical rules of RFC 8259 and RFC 3629: each function takes the bytes and a position, and returns the
/// position after the token. All are linear and none looks behind its start.
enum JSONScanner {
    struct ScannedString {
        /// Position of the closing quote.
        var end: Int
        var tag: Tag
        /// By how many bytes at most it grows where it is written with other escapes; see `JSONDocument`.
        var growthMax = 0
    }

    /// Scans the content of a string; `start` is the position after its opening quote. Most strings are
    /// plain, and end with the first byte that is not.
    @inline(__always)
    static func string(
        _ bytes: Span<UInt8>, from start: Int
    ) throws(JSONError) -> ScannedString {
        let position = skipPlainWords(bytes, from: start)
        if bytes.byte(at: position) == 0x22 { return ScannedString(end: position, tag: .plainString) }
        return try string(bytes, onFrom: position)
    }

    /// Scans the content of a string, plain up to `position`.
    @inline(never)
    private static func string(
        _ bytes: Span<UInt8>, onFrom plainEnd: Int
    ) throws(JSONError) -> ScannedString {
        let end = bytes.count
        var position = plainEnd
        var hasEscape = false
        var hasUnicode = false
        var growthMax = 0
        while true {
            position = skipPlainWords(bytes, from: position)
            guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
            let byte = bytes[position]
            if byte == 0x22 {
                let tag: Tag = hasEscape ? .escapedString : hasUnicode ? .unicodeString : .plainString
                return ScannedString(end: position, tag: tag, growthMax: growthMax)
            } else if byte == 0x5C {
                hasEscape = true
                // A quote or a backslash is two bytes here and four inside another string.
                growthMax += 2
                position = try escape(bytes, from: position)
            } else if byte >= 0x80 {
                hasUnicode = true
                let length = UTF8Grammar.sequenceLength(bytes, at: position, to: end)
                guard length > 0 else { throw JSONError(.malformedUTF8, at: position) }
                // Two to four bytes become six to twelve, or seven to fourteen.
                growthMax += length * 3
                position += length
            } else if byte < 0x20 {
                throw JSONError(.controlCharacter, at: position)
            } else {
                if byte == 0x7F {
                    hasUnicode = true
                    growthMax += 6
                }
                position += 1
            }
        }
    }

    /// The first byte from `start` on that ends a run of plain characters, or a position less than eight
    /// before the end.
    ///
    /// A function of its own, so that the patterns it compares with stay in registers. Safe for every
    /// argument: what is read is checked to be within the bytes first.
    @inline(never)
    private static func skipPlainWords(_ bytes: Span<UInt8>, from start: Int) -> Int {
        precondition(start >= 0, "the scan stays within the bytes")
        let wordsEnd = bytes.count - 8
        var position = start
        return unsafe bytes.withUnsafeBytes { source in
            guard let source = source.baseAddress else { return position }
            while position <= wordsEnd {
                let word = unsafe source.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                let special = WordMask.special(UInt64(littleEndian: word))
                if special != 0 { return position + special.trailingZeroBitCount >> 3 }
                position &+= 8
            }
            return position
        }
    }

    /// Scans one escape; `start` is the position of its backslash.
    @inline(__always)
    private static func escape(
        _ bytes: Span<UInt8>, from start: Int
    ) throws(JSONError) -> Int {
        let end = bytes.count
        guard start + 1 < end else { throw JSONError(.unexpectedEnd, at: end) }
        switch bytes[start + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74:
            return start + 2
        case 0x75:
            guard start + 6 <= end else { throw JSONError(.unexpectedEnd, at: end) }
            for position in start + 2..<start + 6 where Hexadecimal.value(of: bytes[position]) == nil {
                throw JSONError(.malformedEscape, at: position)
            }
            return start + 6
        default:
            throw JSONError(.malformedEscape, at: start + 1)
        }
    }

    struct ScannedNumber {
        var end: Int
        var isInteger: Bool
    }

    /// Scans a number; the byte at `start` is a minus or a digit.
    static func number(
        _ bytes: Span<UInt8>, from start: Int
    ) throws(JSONError) -> ScannedNumber {
        let end = bytes.count
        var position = start
        if bytes[position] == 0x2D { position += 1 }
        let integerStart = position
        position = digits(bytes, from: position, to: end)
        guard position > integerStart else {
            throw JSONError(position == end ? .unexpectedEnd : .malformedNumber, at: position)
        }
        guard bytes[integerStart] != 0x30 || position == integerStart + 1 else {
            throw JSONError(.malformedNumber, at: integerStart)
        }
        let integerDigits = position - integerStart
        guard position < end, bytes[position] == 0x2E || bytes[position] | 0x20 == 0x65 else {
            return ScannedNumber(end: position, isInteger: true)
        }
        if bytes[position] == 0x2E {
            let fraction = position + 1
            position = digits(bytes, from: fraction, to: end)
            guard position > fraction else {
                throw JSONError(position == end ? .unexpectedEnd : .malformedNumber, at: position)
            }
        }
        var exponent = 0
        if position < end, bytes[position] | 0x20 == 0x65 {
            (position, exponent) = try self.exponent(bytes, from: position + 1)
        }
        // Below 10^308 every number is finite; only what might be beyond is converted.
        if integerDigits + exponent > 308 {
            guard JSONNumber.double(bytes.extracting(start..<position)).isFinite else {
                throw JSONError(.numberOutOfRange, at: start)
            }
        }
        return ScannedNumber(end: position, isInteger: false)
    }

    /// The position after the exponent's digits, and its value, which stops growing at a million.
    private static func exponent(
        _ bytes: Span<UInt8>, from start: Int
    ) throws(JSONError) -> (Int, Int) {
        let end = bytes.count
        var position = start
        var isNegative = false
        if position < end, bytes[position] == 0x2B || bytes[position] == 0x2D {
            isNegative = bytes[position] == 0x2D
            position += 1
        }
        let firstDigit = position
        var value = 0
        while position < end, bytes[position] &- 0x30 < 10 {
            value = min(value * 10 + Int(bytes[position] &- 0x30), 1_000_000)
            position += 1
        }
        guard position > firstDigit else {
            throw JSONError(position == end ? .unexpectedEnd : .malformedNumber, at: position)
        }
        return (position, isNegative ? -value : value)
    }

    @inline(__always)
    static func digits(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var position = start
        while position < end, bytes[position] &- 0x30 < 10 { position += 1 }
        return position
    }

    /// Moves `position` to the first byte that is not white space in the sense of RFC 8259 section 2, and
    /// returns that; nil where the text ends.
    @inline(__always)
    static func token(_ bytes: Span<UInt8>, at position: inout Int) -> UInt8? {
        while let byte = bytes.byte(at: position) {
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                return byte
            }
            position += 1
        }
        return nil
    }
}

extension Span<UInt8> {
    /// The byte at `position`, which is not negative; nil from the end on.
    @inline(__always)
    fileprivate func byte(at position: Int) -> UInt8? {
        // Compared as the access itself is, so that it is compared once.
        UInt(bitPattern: position) < UInt(bitPattern: count) ? self[position] : nil
    }
}

enum Hexadecimal {
    @inline(__always)
    static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte) - 0x30
        case 0x41...0x46: UInt32(byte) - 0x37
        case 0x61...0x66: UInt32(byte) - 0x57
        default: nil
        }
    }

    /// The four lower-case digits of a UTF-16 unit, the first one lowest.
    @inline(__always)
    static func digits(of unit: UInt32) -> UInt32 {
        let nibbles = (unit >> 12 & 0xF) | (unit & 0xF00) | (unit & 0xF0) << 12 | (unit & 0xF) << 24
        // Where six more have a bit beyond the nibble, the digit is a letter, 0x27 behind the digits.
        let letters = (nibbles &+ 0x0606_0606) >> 4 & 0x0101_0101
        return nibbles &+ 0x3030_3030 &+ letters &* 0x27
    }

    /// The UTF-16 unit of an escape whose four digits begin at `position`; the scanner has proven them.
    static func unit(_ bytes: Span<UInt8>, at position: Int) -> UInt32 {
        var unit: UInt32 = 0
        for index in position..<position + 4 {
            guard let digit = value(of: bytes[index]) else {
                preconditionFailure("the escape was not scanned before")
            }
            unit = unit << 4 | digit
        }
        return unit
    }
}

enum UTF8Grammar {
    /// The length of the well-formed sequence of two to four bytes at `position` (RFC 3629 section 4), or 0.
    static func sequenceLength(_ bytes: Span<UInt8>, at position: Int, to end: Int) -> Int {
        let first = bytes[position]
        guard first >= 0xC2, first <= 0xF4, position + 1 < end else { return 0 }
        let second = bytes[position + 1]
        if first < 0xE0 { return second & 0xC0 == 0x80 ? 2 : 0 }
        let range = secondByteRange(after: first)
        guard range.contains(second), position + 2 < end, bytes[position + 2] & 0xC0 == 0x80 else { return 0 }
        if first < 0xF0 { return 3 }
        guard position + 3 < end, bytes[position + 3] & 0xC0 == 0x80 else { return 0 }
        return 4
    }

    /// What may follow the first byte of a sequence of three or four: no overlong form, no surrogate,
    /// nothing beyond U+10FFFF.
    static func secondByteRange(after first: UInt8) -> ClosedRange<UInt8> {
        switch first {
        case 0xE0: 0xA0...0xBF
        case 0xED: 0x80...0x9F
        case 0xF0: 0x90...0xBF
        case 0xF4: 0x80...0x8F
        default: 0x80...0xBF
        }
    }

    /// How many bytes at `position` one U+FFFD stands for: the maximal subpart of an ill-formed sequence,
    /// at least 1.
    static func illFormedLength(_ bytes: Span<UInt8>, at position: Int, to end: Int) -> Int {
        let first = bytes[position]
        guard first >= 0xC2, first <= 0xF4, position + 1 < end else { return 1 }
        let second = bytes[position + 1]
        guard first >= 0xE0, secondByteRange(after: first).contains(second) else { return 1 }
        guard first >= 0xF0, position + 2 < end, bytes[position + 2] & 0xC0 == 0x80 else { return 2 }
        return 3
    }
}
