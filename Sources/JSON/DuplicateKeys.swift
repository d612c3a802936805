/// Finds out whether an object has a key twice, in linear expected time.
///
/// Few keys are compared pairwise by a fingerprint; many go through a table with Swift's `Hasher`, whose
/// seed is random in each process, so that nobody can choose keys that collide.
struct DuplicateKeys {
    static let pairwiseMax = 16

    private var keys: [Int] = []
    private var fingerprints: [UInt32] = []

    mutating func exist(
        inObjectAt index: Int, of object: JSONParser.OpenContainer, on tape: [UInt32], _ bytes: Span<UInt8>
    ) -> Bool {
        if object.hasEscapedKey || object.memberCount > Self.pairwiseMax {
            return Self.existByHashing(inObjectAt: index, count: object.memberCount, on: tape, bytes)
        }
        keys.removeAll(keepingCapacity: true)
        fingerprints.removeAll(keepingCapacity: true)
        var key = index + 3
        let end = Int(tape[index + 1])
        while key < end {
            let offset = Tape.offset(of: tape[key])
            let length = Int(tape[key + 1])
            let fingerprint = Self.fingerprint(bytes, offset, length)
            for earlier in 0..<keys.count where fingerprints[earlier] == fingerprint {
                let other = keys[earlier]
                if Int(tape[other + 1]) == length,
                    bytesAreEqual(bytes, offset, Tape.offset(of: tape[other]), count: length)
                {
                    return true
                }
            }
            keys.append(key)
            fingerprints.append(fingerprint)
            key = Tape.next(after: key + 2, on: tape)
        }
        return false
    }

    @inline(__always)
    private static func fingerprint(_ bytes: Span<UInt8>, _ offset: Int, _ length: Int) -> UInt32 {
        guard length > 0 else { return 0 }
        let first = UInt32(bytes[offset])
        let middle = UInt32(bytes[offset + length / 2])
        let last = UInt32(bytes[offset + length - 1])
        return UInt32(truncatingIfNeeded: length) << 24 ^ first << 16 ^ middle << 8 ^ last
    }

    private static func existByHashing(
        inObjectAt index: Int, count: Int, on tape: [UInt32], _ bytes: Span<UInt8>
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
    /// The tape index of a key plus 1, 0 where free.
    private var slots: [UInt32]
    private let mask: Int

    init(keysMax: Int) {
        var size = 16
        while size < keysMax * 2 { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
        mask = size - 1
    }

    /// Takes the key in, or returns the tape index of the equal key that is in already.
    mutating func insert(_ key: Int, on tape: [UInt32], _ bytes: Span<UInt8>) -> Int? {
        var slot = Self.hash(key, on: tape, bytes) & mask
        while slots[slot] != 0 {
            let other = Int(slots[slot]) - 1
            if Self.areEqual(key, other, on: tape, bytes) { return other }
            slot = (slot + 1) & mask
        }
        slots[slot] = UInt32(key + 1)
        return nil
    }

    private static func hash(_ key: Int, on tape: [UInt32], _ bytes: Span<UInt8>) -> Int {
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

    private static func areEqual(_ key: Int, _ other: Int, on tape: [UInt32], _ bytes: Span<UInt8>) -> Bool {
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

@inline(__always)
func bytesAreEqual(_ bytes: Span<UInt8>, _ first: Int, _ second: Int, count: Int) -> Bool {
    var index = 0
    while index + 8 <= count {
        guard loadWord(bytes, at: first + index) == loadWord(bytes, at: second + index) else { return false }
        index += 8
    }
    while index < count {
        guard bytes[first + index] == bytes[second + index] else { return false }
        index += 1
    }
    return true
}
