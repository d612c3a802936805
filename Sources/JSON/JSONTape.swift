/// The words of the tape: what the parser writes and every reader walks.
///
/// A node is one to three 32-bit words, in the order of the text:
///
///     null, number…    [tag | offset]
///     string           [tag | offset of its content] [length of its content in the text]
///     array, object    [tag | offset of its bracket] [index after its last node] [offset after its end]
///
/// The members of an object follow it as key, value, key, value. Four bytes for a number keep an array of
/// a million of them at a fraction of the text's own size, and an offset of 28 bits reaches 256 MiB.
enum Tag: UInt32 {
    case null, `true`, `false`
    case integer
    /// A number with a fraction or an exponent.
    case fractional
    /// A string of printable ASCII without a backslash: its content can be copied as it is.
    case plainString
    /// A string with non-ASCII bytes or DEL, which Python escapes, too, and no backslash.
    case unicodeString
    /// A string with at least one backslash.
    case escapedString
    case array, object
    /// An object in which some key stands more than once.
    case objectWithDuplicates
}

enum Tape {
    static let offsetBits: UInt32 = 28
    static let offsetMax = (1 << 28) - 1

    @inline(__always)
    static func word(_ tag: Tag, _ offset: Int) -> UInt32 {
        tag.rawValue << offsetBits | UInt32(truncatingIfNeeded: offset)
    }

    @inline(__always)
    static func tag(of word: UInt32) -> Tag {
        guard let tag = Tag(rawValue: word >> offsetBits) else {
            preconditionFailure("a tape holds known tags only")
        }
        return tag
    }

    @inline(__always)
    static func offset(of word: UInt32) -> Int { Int(word & UInt32(offsetMax)) }

    /// Where the content of a string with these two words stands.
    @inline(__always)
    static func content(_ word: UInt32, _ length: UInt32) -> Range<Int> {
        let start = offset(of: word)
        return start..<start + Int(length)
    }

    /// How many words the tape of any text needs at most: `[]` is the densest there is, with three words
    /// for two bytes, and brackets that are still open have three for one.
    static func wordsMax(byteCount: Int, depthMax: Int) -> Int {
        byteCount * 3 / 2 + 2 * min(depthMax, byteCount) + 8
    }

    /// Whether the node that begins with `word` is a string.
    @inline(__always)
    static func isString(_ word: UInt32) -> Bool {
        word >> offsetBits &- Tag.plainString.rawValue <= Tag.escapedString.rawValue
            &- Tag.plainString.rawValue
    }

    /// Whether the node that begins with `word` is an object.
    @inline(__always)
    static func isObject(_ word: UInt32) -> Bool { word >> offsetBits >= Tag.object.rawValue }

    /// The index of the node after the one at `index`, its whole content skipped.
    @inline(__always)
    static func next(after index: Int, on tape: Span<UInt32>) -> Int {
        let word = tape[index]
        if isString(word) { return index + 2 }
        return word >> offsetBits >= Tag.array.rawValue ? Int(tape[index + 1]) : index + 1
    }
}

/// Eight bytes at `offset`, the first one lowest.
///
/// Safe for every argument: the access is checked against the span's bounds, and each pattern of 64 bits is a
/// UInt64.
@inline(__always)
func loadWord(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
    UInt64(littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
}

/// Bit patterns that look at eight bytes at once. In each result the top bit of a byte is set where the byte
/// matches; above the first match the bits mean nothing (a borrow may have passed), so only the first counts.
enum WordMask {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let tops: UInt64 = 0x8080_8080_8080_8080

    /// Bytes that are zero.
    @inline(__always)
    static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & tops }

    /// Bytes that cannot be copied as they are within a string: quotes, backslashes, controls, DEL,
    /// non-ASCII.
    ///
    /// Where the second lowest bit is turned over, a quote is 0x20 and only controls are below it, so that
    /// 0x21 less has its top bit set for these. One less than a byte's difference to a backslash has it where
    /// the difference is zero, one more than DEL has it, and a byte that has it already is not ASCII.
    @inline(__always)
    static func special(_ word: UInt64) -> UInt64 {
        let quoteOrControl = (word ^ ones &* 0x02) &- ones &* 0x21
        let backslash = (word ^ ones &* 0x5C) &- ones
        let delete = word &+ ones
        return (quoteOrControl | backslash | delete | word) & tops
    }

    /// Whether a byte is one of these.
    @inline(__always)
    static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x22 || byte == 0x5C || byte >= 0x7F
    }
}
