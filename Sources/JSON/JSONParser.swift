/// Turns a text into a tape. A loop that keeps what is open on the tape itself: depth costs no call stack,
/// and no stack of its own either.
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
        /// A bit for each fingerprint of a key since the object was begun or gone on with.
        var fingerprints: UInt64 = 0
        /// Whether some keys were not compared with each other, so that they are at the end.
        var needsComparison = false
        /// Whether a key stands twice.
        var hasEqualKeys = false
    }

    /// The innermost container; meaningless while `depth` is 0.
    private var open = OpenContainer(tapeIndex: 0, memberCount: 0, isObject: false, hasEscapedKey: false)
    private var depth = 0
    private let end: Int
    private let depthMax: Int
    private static let noContainer = UInt32.max

    private init(end: Int, depthMax: Int) {
        self.end = end
        self.depthMax = depthMax
    }

    /// The tape of the text in `range`.
    ///
    /// It gets room for the densest text at once: pages that are never written cost nothing, whereas growing
    /// would copy.
    static func tape(
        of bytes: Span<UInt8>, in range: Range<Int>, depthMax: Int
    ) throws(JSONError) -> [UInt32] {
        var parser = JSONParser(end: range.upperBound, depthMax: depthMax)
        let wordsMax = Tape.wordsMax(byteCount: range.count, depthMax: depthMax)
        var tape: [UInt32] = []
        try tape.append(addingCapacity: wordsMax) { (tape: inout OutputSpan<UInt32>) throws(JSONError) in
            try parser.parse(bytes, from: range.lowerBound, to: &tape)
        }
        return tape
    }

    private mutating func parse(
        _ bytes: Span<UInt8>, from start: Int, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) {
        var position = JSONScanner.whiteSpace(bytes, from: start, to: end)
        guard position < end else { throw JSONError(.emptyDocument, at: position) }
        var expectsKey = false
        while true {
            if expectsKey {
                position = try key(bytes, at: position, to: &tape)
                expectsKey = false
            }
            position = JSONScanner.whiteSpace(bytes, from: position, to: end)
            guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
            let byte = bytes[position]
            if byte == 0x7B || byte == 0x5B {
                position = try begin(bytes, at: position, isObject: byte == 0x7B, to: &tape)
                if position < end, bytes[position] == byte + 2 {
                    position = close(bytes, at: position, on: &tape)
                } else {
                    expectsKey = byte == 0x7B
                    continue
                }
            } else {
                position = try Self.scalar(bytes, at: position, end: end, first: byte, to: &tape)
            }
            // A value has ended: close what ends with it, then go on behind a comma.
            while true {
                position = JSONScanner.whiteSpace(bytes, from: position, to: end)
                guard depth > 0 else {
                    guard position == end else { throw JSONError(.trailingBytes, at: position) }
                    return
                }
                guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
                let byte = bytes[position]
                if byte == 0x2C {
                    position += 1
                    expectsKey = open.isObject
                    break
                }
                guard byte == (open.isObject ? 0x7D : 0x5D) else {
                    throw JSONError(.unexpectedByte, at: position)
                }
                position = close(bytes, at: position, on: &tape)
            }
        }
    }

    /// Opens a container and returns the position of what follows its bracket.
    private mutating func begin(
        _ bytes: Span<UInt8>, at position: Int, isObject: Bool, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) -> Int {
        guard depth < depthMax else { throw JSONError(.nestingTooDeep, at: position) }
        var outer = Self.noContainer
        if depth > 0 {
            outer = UInt32(open.tapeIndex)
            tape[open.tapeIndex + 2] = open.memberCount << 1 | (open.hasEscapedKey ? 1 : 0)
        }
        depth += 1
        open = OpenContainer(tapeIndex: tape.count, memberCount: 0, isObject: isObject, hasEscapedKey: false)
        tape.append(Tape.word(isObject ? .object : .array, position))
        tape.append(outer)
        tape.append(0)
        return JSONScanner.whiteSpace(bytes, from: position + 1, to: end)
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
        open = OpenContainer(
            tapeIndex: Int(index), memberCount: state >> 1,
            isObject: Tape.tag(of: tape[Int(index)]) == .object,
            hasEscapedKey: state & 1 == 1, needsComparison: true)
    }

    /// A key and its colon.
    @inline(__always)
    private mutating func key(
        _ bytes: Span<UInt8>, at start: Int, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) -> Int {
        var position = JSONScanner.whiteSpace(bytes, from: start, to: end)
        guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
        guard bytes[position] == 0x22 else { throw JSONError(.unexpectedByte, at: position) }
        let scanned = try JSONScanner.string(bytes, from: position + 1, to: end)
        let content = position + 1..<scanned.end
        tape.append(scanned.tag, content)
        DuplicateKeys.note(scanned.tag, content, in: &open, on: tape.span, bytes)
        position = JSONScanner.whiteSpace(bytes, from: scanned.end + 1, to: end)
        guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
        guard bytes[position] == 0x3A else { throw JSONError(.unexpectedByte, at: position) }
        return position + 1
    }

    @inline(__always)
    private static func scalar(
        _ bytes: Span<UInt8>, at position: Int, end: Int, first: UInt8, to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) -> Int {
        switch first {
        case 0x22:
            let scanned = try JSONScanner.string(bytes, from: position + 1, to: end)
            tape.append(scanned.tag, position + 1..<scanned.end)
            return scanned.end + 1
        case 0x2D, 0x30...0x39:
            let scanned = try JSONScanner.number(bytes, from: position, to: end)
            tape.append(Tape.word(scanned.isInteger ? .integer : .fractional, position))
            return scanned.end
        case 0x74: return try word("true", .true, bytes, at: position, end: end, to: &tape)
        case 0x66: return try word("false", .false, bytes, at: position, end: end, to: &tape)
        case 0x6E: return try word("null", .null, bytes, at: position, end: end, to: &tape)
        default: throw JSONError(.unexpectedByte, at: position)
        }
    }

    @inline(never)
    private static func word(
        _ word: String, _ tag: Tag, _ bytes: Span<UInt8>, at start: Int, end: Int,
        to tape: inout OutputSpan<UInt32>
    ) throws(JSONError) -> Int {
        var position = start
        for byte in word.utf8 {
            guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
            guard bytes[position] == byte else { throw JSONError(.unexpectedByte, at: position) }
            position += 1
        }
        tape.append(Tape.word(tag, start))
        return position
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
