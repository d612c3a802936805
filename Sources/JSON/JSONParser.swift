/// Turns a text into a tape. A loop that keeps what is open on the tape itself: depth costs no call stack,
/// and no stack of its own either, but for what makes the outermost few cheaper.
struct JSONParser {
    /// The innermost array or object whose closing bracket has not come yet. While an inner one is open, the
    /// two words behind this one's first word hold what is needed to go on with it.
    struct OpenContainer {
        var tapeIndex: Int
        /// Members seen; 0 for arrays.
        var memberCount: UInt32
        var isObject: Bool
        /// Whether some key holds a backslash, so that equal keys may be spelled differently.
        var hasEscapedKey: Bool
        /// A bit for each fingerprint of a key that was compared.
        var fingerprints: UInt64 = 0
        /// Whether some keys were not compared with each other, so that they are at the end.
        var needsComparison = false
        /// Whether a key stands twice.
        var hasEqualKeys = false
    }

    /// The innermost container; meaningless while `depth` is 0.
    private var open = OpenContainer(tapeIndex: 0, memberCount: 0, isObject: false, hasEscapedKey: false)
    private var depth = 0
    /// The fingerprints of the outermost containers while inner ones are open; nil where keys are compared at
    /// the end anyway.
    private var keptFingerprints = InlineArray<8, UInt64?>(repeating: nil)
    private let depthMax: Int
    private var growthMax = 0
    private static let noContainer = UInt32.max

    private init(depthMax: Int) { self.depthMax = depthMax }

    /// The tape of the text in `range`, and by how many bytes at most its strings and numbers grow where they
    /// are written with other escapes, and as Python writes them.
    ///
    /// It gets room for the densest text at once: pages that are never written cost nothing, whereas growing
    /// would copy.
    static func tape(
        of bytes: Span<UInt8>, in range: Range<Int>, depthMax: Int
    ) throws(JSONError) -> (tape: [UInt32], growthMax: Int) {
        var parser = JSONParser(depthMax: depthMax)
        let bytes = bytes.extracting(0..<range.upperBound)
        let wordsMax = Tape.wordsMax(byteCount: range.count, depthMax: depthMax)
        var tape: [UInt32] = []
        try tape.append(addingCapacity: wordsMax) { (tape: inout OutputSpan<UInt32>) throws(JSONError) in
            try parser.parse(bytes, from: range.lowerBound, to: &tape)
        }
        return (tape, parser.growthMax)
    }

    private mutating func parse(
        _ bytes: Span<UInt8>, from start: Int, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) {
        var position = start
        guard JSONScanner.token(bytes, at: &position) != nil else {
            throw JSONError(.emptyDocument, at: position)
        }
        var expectsKey = false
        while true {
            if expectsKey {
                position = try key(bytes, at: position, to: &tape)
                expectsKey = false
            }
            guard let byte = JSONScanner.token(bytes, at: &position) else {
                throw JSONError(.unexpectedEnd, at: bytes.count)
            }
            if byte == 0x7B || byte == 0x5B {
                try begin(at: position, isObject: byte == 0x7B, to: &tape)
                position += 1
                if JSONScanner.token(bytes, at: &position) == byte + 2 {
                    position = close(bytes, at: position, on: &tape)
                } else {
                    expectsKey = byte == 0x7B
                    continue
                }
            } else {
                position = try scalar(bytes, at: position, first: byte, to: &tape)
            }
            // A value has ended: close what ends with it, then go on behind a comma.
            while true {
                let next = JSONScanner.token(bytes, at: &position)
                guard depth > 0 else {
                    guard next == nil else { throw JSONError(.trailingBytes, at: position) }
                    return
                }
                guard let next else { throw JSONError(.unexpectedEnd, at: bytes.count) }
                if next == 0x2C {
                    position += 1
                    expectsKey = open.isObject
                    break
                }
                guard next == (open.isObject ? 0x7D : 0x5D) else {
                    throw JSONError(.unexpectedByte, at: position)
                }
                position = close(bytes, at: position, on: &tape)
            }
        }
    }

    /// Opens a container whose bracket is at `position`.
    private mutating func begin(
        at position: Int, isObject: Bool, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) {
        guard depth < depthMax else { throw JSONError(.nestingTooDeep, at: position) }
        var outer = Self.noContainer
        if depth > 0 {
            outer = UInt32(open.tapeIndex)
            tape[open.tapeIndex + 2] = open.memberCount << 1 | (open.hasEscapedKey ? 1 : 0)
            if depth <= keptFingerprints.count {
                let isKnown = !open.needsComparison && !open.hasEqualKeys
                keptFingerprints[depth - 1] = isKnown ? open.fingerprints : nil
            }
        }
        depth += 1
        open = OpenContainer(tapeIndex: tape.count, memberCount: 0, isObject: isObject, hasEscapedKey: false)
        tape.append(Tape.word(isObject ? .object : .array, position))
        tape.append(outer)
        tape.append(0)
    }

    /// Closes the innermost container, whose closing bracket is at `position`.
    private mutating func close(
        _ bytes: Span<UInt8>, at position: Int, on tape: inout OutputSpan<UInt32>
    ) -> Int {
        let container = open
        let index = container.tapeIndex
        resume(tape[index + 1], on: tape.span)
        tape[index + 1] = UInt32(tape.count)
        tape[index + 2] = UInt32(position + 1)
        if container.hasEqualKeys
            || container.needsComparison && container.memberCount > 1
                && DuplicateKeys.exist(inObjectAt: index, of: container, on: tape.span, bytes)
        {
            tape[index] = Tape.word(.objectWithDuplicates, Tape.offset(of: tape[index]))
        }
        return position + 1
    }

    /// Goes on with the container at `index` of the tape.
    private mutating func resume(_ index: UInt32, on tape: Span<UInt32>) {
        depth -= 1
        if index == Self.noContainer { return }
        let state = tape[Int(index) + 2]
        let fingerprints = depth <= keptFingerprints.count ? keptFingerprints[depth - 1] : nil
        open = OpenContainer(
            tapeIndex: Int(index), memberCount: state >> 1,
            isObject: Tape.tag(of: tape[Int(index)]) == .object, hasEscapedKey: state & 1 == 1,
            fingerprints: fingerprints ?? 0, needsComparison: fingerprints == nil)
    }

    /// A key and its colon.
    @inline(__always)
    private mutating func key(
        _ bytes: Span<UInt8>, at start: Int, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) -> Int {
        var position = start
        try Self.expect(0x22, bytes, at: &position)
        let scanned = try JSONScanner.string(bytes, from: position + 1)
        let content = position + 1..<scanned.end
        tape.append(scanned.tag, content)
        growthMax += scanned.growthMax
        if DuplicateKeys.mayRepeat(scanned.tag, bytes, content, in: &open),
            DuplicateKeys.stands(
                tape.count - 2, before: tape.count - 2, from: open.tapeIndex + 3, on: tape.span, bytes)
        {
            open.hasEqualKeys = true
        }
        position = scanned.end + 1
        try Self.expect(0x3A, bytes, at: &position)
        return position + 1
    }

    /// Moves `position` to a byte that must be the next that is not white space.
    @inline(__always)
    private static func expect(
        _ expected: UInt8, _ bytes: Span<UInt8>, at position: inout Int
    ) throws(JSONError) {
        let byte = JSONScanner.token(bytes, at: &position)
        guard byte == expected else {
            throw JSONError(byte == nil ? .unexpectedEnd : .unexpectedByte, at: position)
        }
    }

    @inline(__always)
    private mutating func scalar(
        _ bytes: Span<UInt8>, at position: Int, first: UInt8, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) -> Int {
        switch first {
        case 0x22:
            let scanned = try JSONScanner.string(bytes, from: position + 1)
            tape.append(scanned.tag, position + 1..<scanned.end)
            growthMax += scanned.growthMax
            return scanned.end + 1
        case 0x2D, 0x30...0x39:
            let scanned = try JSONScanner.number(bytes, from: position)
            if !scanned.isInteger { growthMax += PythonFloat.lengthMax }
            tape.append(Tape.word(scanned.isInteger ? .integer : .fractional, position))
            return scanned.end
        case 0x74: return try Self.word("true", .true, bytes, at: position, to: &tape)
        case 0x66: return try Self.word("false", .false, bytes, at: position, to: &tape)
        case 0x6E: return try Self.word("null", .null, bytes, at: position, to: &tape)
        default: throw JSONError(.unexpectedByte, at: position)
        }
    }

    @inline(never)
    private static func word(
        _ word: StaticString, _ tag: Tag, _ bytes: Span<UInt8>, at start: Int,
        to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) -> Int {
        let word = unsafe Span(_unsafeStart: word.utf8Start, count: word.utf8CodeUnitCount)
        for offset in word.indices {
            let position = start + offset
            guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
            guard bytes[position] == word[offset] else { throw JSONError(.unexpectedByte, at: position) }
        }
        tape.append(Tape.word(tag, start))
        return start + word.count
    }
}

extension OutputSpan<UInt32> {
    /// Appends the two words of a string whose content stands at `range`.
    ///
    /// Safe for every argument: the room is checked before anything is written.
    @inline(__always)
    fileprivate mutating func append(_ tag: Tag, _ range: Range<Int>) {
        precondition(freeCapacity >= 2, "a tape has room for the densest text")
        unsafe withUnsafeMutableBufferPointer { buffer, count in
            unsafe buffer[count] = Tape.word(tag, range.lowerBound)
            unsafe buffer[count + 1] = UInt32(truncatingIfNeeded: range.count)
            count += 2
        }
    }
}
