/// Finds out whether an object has a key twice, in linear expected time.
///
/// Few keys are told apart by a fingerprint, and compared where that is not enough; many go through a table
/// with Swift's `Hasher`, whose seed is random in each process, so that nobody can choose keys that collide.
enum DuplicateKeys {
    static let pairwiseMax = 16

    /// Takes note of the key at `content`, the newest of `object`. True where its fingerprint was seen and
    /// it costs little to compare it with those before it at once; else they are compared at the object's
    /// end.
    @inline(__always)
    static func mayRepeat(
        _ tag: Tag, _ bytes: Span<UInt8>, _ content: Range<Int>, in object: inout JSONParser.OpenContainer
    ) -> Bool {
        object.memberCount += 1
        if tag == .escapedString {
            object.hasEscapedKey = true
            object.needsComparison = true
        }
        if object.needsComparison { return false }
        if object.memberCount > pairwiseMax {
            object.needsComparison = true
            return false
        }
        let bit = fingerprint(bytes, content)
        let isSeen = object.fingerprints & bit != 0
        object.fingerprints |= bit
        return isSeen
    }

    /// Whether some key of a complete object stands twice.
    static func exist(
        inObjectAt index: Int, of object: JSONParser.OpenContainer, on tape: Span<UInt32>,
        _ bytes: Span<UInt8>
    ) -> Bool {
        if object.hasEscapedKey || object.memberCount > pairwiseMax {
            return existByHashing(inObjectAt: index, count: Int(object.memberCount), on: tape, bytes)
        }
        var key = index + 3
        let end = Int(tape[index + 1])
        var fingerprints: UInt64 = 0
        while key < end {
            let bit = fingerprint(bytes, Tape.content(tape[key], tape[key + 1]))
            if fingerprints & bit != 0, stands(key, before: key, from: index + 3, on: tape, bytes) {
                return true
            }
            fingerprints |= bit
            key = Tape.next(after: key + 2, on: tape)
        }
        return false
    }

    /// Whether the key at `key` stands in its object earlier as well. Keys without escapes.
    static func stands(
        _ key: Int, before end: Int, from start: Int, on tape: Span<UInt32>, _ bytes: Span<UInt8>
    ) -> Bool {
        let offset = Tape.offset(of: tape[key])
        let length = Int(tape[key + 1])
        var other = start
        while other < end {
            if Int(tape[other + 1]) == length,
                bytesAreEqual(bytes, offset, Tape.offset(of: tape[other]), count: length)
            {
                return true
            }
            other = Tape.next(after: other + 2, on: tape)
        }
        return false
    }

    /// One bit of 64, which two different keys seldom share: made of a key's length and its last bytes.
    @inline(__always)
    private static func fingerprint(_ bytes: Span<UInt8>, _ content: Range<Int>) -> UInt64 {
        let mixed =
            (lastBytes(of: bytes, content) ^ UInt64(truncatingIfNeeded: content.count))
            &* 0x9E37_79B9_7F4A_7C15
        return 1 &<< (mixed &>> 58)
    }

    /// The last bytes of a text, up to eight, the last one highest.
    @inline(__always)
    private static func lastBytes(of bytes: Span<UInt8>, _ content: Range<Int>) -> UInt64 {
        guard content.upperBound >= 8 else { return lastBytes(ofFirst: bytes, content) }
        let word = loadWord(bytes, at: content.upperBound - 8)
        return content.count < 8 ? word >> UInt64(8 * (8 - content.count)) : word
    }

    /// As above, for a key among the first eight bytes of all.
    private static func lastBytes(ofFirst bytes: Span<UInt8>, _ content: Range<Int>) -> UInt64 {
        var word: UInt64 = 0
        for position in content.reversed() { word = word << 8 | UInt64(bytes[position]) }
        return word
    }

    @inline(never)
    private static func existByHashing(
        inObjectAt index: Int, count: Int, on tape: Span<UInt32>, _ bytes: Span<UInt8>
    ) -> Bool {
        var table = KeyTable(keysMax: count)
        var key = index + 3
        let end = Int(tape[index + 1])
        while key < end {
            if table.insert(key, on: tape, bytes) != nil { return true }
            key = Tape.next(after: key + 2, on: tape)
        }
        return false
    }
}

/// The keys of one object by content, with open addressing.
struct KeyTable {
    /// A key's place in `keys` plus 1, 0 where free.
    private var slots: [UInt32]
    /// Tape indices of the keys, in the order they came in.
    private var keys: [UInt32] = []
    private let mask: Int

    init(keysMax: Int) {
        var size = 16
        while size < keysMax * 2 { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
        mask = size - 1
    }

    /// Takes the key in as the last one, or returns the place of the equal key that is in already.
    @inline(never)
    mutating func insert(_ key: Int, on tape: Span<UInt32>, _ bytes: Span<UInt8>) -> Int? {
        var slot = Self.hash(key, on: tape, bytes) & mask
        while slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            if Self.areEqual(key, Int(keys[place]), on: tape, bytes) { return place }
            slot = (slot + 1) & mask
        }
        keys.append(UInt32(key))
        slots[slot] = UInt32(keys.count)
        return nil
    }

    private static func hash(_ key: Int, on tape: Span<UInt32>, _ bytes: Span<UInt8>) -> Int {
        let offset = Tape.offset(of: tape[key])
        let length = Int(tape[key + 1])
        if Tape.tag(of: tape[key]) == .escapedString {
            var content: [UInt8] = []
            Unescaping.append(bytes, offset..<offset + length, to: &content)
            return hash(content.span, 0, content.count)
        }
        return hash(bytes, offset, length)
    }

    private static func hash(_ bytes: Span<UInt8>, _ offset: Int, _ length: Int) -> Int {
        var hasher = Hasher()
        var position = offset
        let end = offset + length
        while position + 8 <= end {
            hasher.combine(loadWord(bytes, at: position))
            position += 8
        }
        var rest = UInt64(truncatingIfNeeded: length)
        while position < end {
            rest = rest << 8 | UInt64(bytes[position])
            position += 1
        }
        hasher.combine(rest)
        return hasher.finalize()
    }

    private static func areEqual(_ key: Int, _ other: Int, on tape: Span<UInt32>, _ bytes: Span<UInt8>)
        -> Bool
    {
        let range = Tape.offset(of: tape[key])..<Tape.offset(of: tape[key]) + Int(tape[key + 1])
        let otherRange = Tape.offset(of: tape[other])..<Tape.offset(of: tape[other]) + Int(tape[other + 1])
        if Tape.tag(of: tape[key]) != .escapedString, Tape.tag(of: tape[other]) != .escapedString {
            return range.count == otherRange.count
                && bytesAreEqual(bytes, range.lowerBound, otherRange.lowerBound, count: range.count)
        }
        var content: [UInt8] = []
        var otherContent: [UInt8] = []
        Unescaping.append(bytes, range, to: &content)
        Unescaping.append(bytes, otherRange, to: &otherContent)
        return content == otherContent
    }
}
