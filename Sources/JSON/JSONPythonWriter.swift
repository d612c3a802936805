/// Walks a tape and writes Python's text of it. No recursion: a stack holds what is open.
struct JSONPythonWriter {
    /// A container that is being written.
    private struct Container {
        /// The tape index of the next element or key; the place among the folded members where there are
        /// some.
        var position: Int
        var end: Int
        var isObject: Bool
        /// Whether the members stand in the last array of `folded`.
        var isFolded: Bool
        var isFirst = true
    }

    private let document: JSONDocument
    private let form: JSONPythonForm
    private let escaping: JSONEscaping.Form
    /// Containers around the current one.
    private var open: [Container] = []
    /// The members of each open object that has some key twice.
    private var folded: [[(key: Int, value: Int)]] = []
    /// False once a lone surrogate stood where only UTF-8 is written.
    private(set) var isComplete = true

    init(document: JSONDocument, form: JSONPythonForm) {
        self.document = document
        self.form = form
        escaping = form.escaping
    }

    /// Writes the value at `root`, without the members of it that are named.
    mutating func write(_ root: Int, omitting omitted: [String], to output: inout [UInt8]) {
        let source = document.source
        let tape = document.tape
        // A run is copied by words, the last of which may reach over its end.
        let bytesMax = lengthMax(root, tape.span, source.span) + 8
        output.append(addingCapacity: bytesMax) { span in
            write(root, omitted, tape.span, source.span, to: &span)
        }
    }

    /// No less than what is written for the value at `root`: its length in the source, with something for
    /// each node (a space behind a comma or colon, a backslash before each quote) and for what grows.
    ///
    /// What grows is known of the whole document only; no byte becomes more than seven.
    private func lengthMax(_ root: Int, _ tape: Span<UInt32>, _ bytes: Span<UInt8>) -> Int {
        let range = JSONDocument.Value(document: document, index: root).rawRange
        // A node has at least a word on the tape, and a string, with its two quotes, has two.
        let words = Tape.next(after: root, on: tape) - root
        var growthMax = document.growthMax
        if form.escapesDollars { growthMax += Self.dollars(in: range, bytes) * 6 }
        return range.count + words * 2 + min(growthMax, range.count * 6 + PythonFloat.lengthMax)
    }

    private static func dollars(in range: Range<Int>, _ bytes: Span<UInt8>) -> Int {
        var sum = 0
        var position = range.lowerBound
        while position + 8 <= range.upperBound {
            // A mask may have bits too many behind its first, never too few.
            let word = loadWord(bytes, at: position)
            sum += WordMask.zeros(word ^ WordMask.ones &* 0x24).nonzeroBitCount
            position += 8
        }
        return sum + (range.upperBound - position)
    }

    private mutating func write(
        _ root: Int, _ omitted: [String], _ tape: Span<UInt32>, _ bytes: Span<UInt8>,
        to output: inout OutputSpan<UInt8>
    ) {
        guard var current = begin(root, tape, bytes, to: &output) else { return }
        while true {
            guard current.position < current.end else {
                output.append(current.isObject ? 0x7D : 0x5D)
                if current.isFolded { folded.removeLast() }
                guard let outer = open.popLast() else { return }
                current = outer
                continue
            }
            let item: Int
            if current.isObject {
                let key: Int
                (key, item) = nextMember(of: &current, tape)
                if open.isEmpty, !omitted.isEmpty, isOmitted(key, omitted) { continue }
                separate(&current, in: &output)
                string(key, tape, bytes, to: &output)
                output.append(0x3A)
                output.append(0x20)
            } else {
                item = current.position
                current.position = Tape.next(after: item, on: tape)
                separate(&current, in: &output)
            }
            if let inner = begin(item, tape, bytes, to: &output) {
                open.append(current)
                current = inner
            }
        }
    }

    @inline(__always)
    private func separate(_ container: inout Container, in output: inout OutputSpan<UInt8>) {
        if container.isFirst {
            container.isFirst = false
        } else {
            output.append(0x2C)
            output.append(0x20)
        }
    }

    private func nextMember(of object: inout Container, _ tape: Span<UInt32>) -> (key: Int, value: Int) {
        if object.isFolded {
            let member = folded[folded.count - 1][object.position]
            object.position += 1
            return member
        }
        let key = object.position
        object.position = Tape.next(after: key + 2, on: tape)
        return (key, key + 2)
    }

    private func isOmitted(_ key: Int, _ omitted: [String]) -> Bool {
        let key = JSONDocument.Value(document: document, index: key)
        return omitted.contains { key.equals(text: $0) }
    }

    /// Writes a scalar, or begins a container and returns it.
    private mutating func begin(
        _ index: Int, _ tape: Span<UInt32>, _ bytes: Span<UInt8>, to output: inout OutputSpan<UInt8>
    ) -> Container? {
        let word = tape[index]
        let tag = Tape.tag(of: word)
        switch tag {
        case .null: output.append(ascii: "null")
        case .true: output.append(ascii: "true")
        case .false: output.append(ascii: "false")
        case .integer: integer(bytes, at: Tape.offset(of: word), to: &output)
        case .fractional: PythonFloat.append(bytes, at: Tape.offset(of: word), to: &output)
        case .plainString, .unicodeString, .escapedString: string(index, tape, bytes, to: &output)
        case .array, .object:
            let isObject = tag == .object
            output.append(isObject ? 0x7B : 0x5B)
            return Container(
                position: index + 3, end: Int(tape[index + 1]), isObject: isObject, isFolded: false)
        case .objectWithDuplicates:
            output.append(0x7B)
            let members = JSONDocument.Value(document: document, index: index).foldedMembers()
            folded.append(members)
            return Container(position: 0, end: members.count, isObject: true, isFolded: true)
        }
        return nil
    }

    private func integer(_ bytes: Span<UInt8>, at start: Int, to output: inout OutputSpan<UInt8>) {
        var position = start
        if bytes[start] == 0x2D {
            if bytes[start + 1] != 0x30 { output.append(0x2D) }
            position += 1
        }
        while position < bytes.count, bytes[position] &- 0x30 < 10 {
            output.append(bytes[position])
            position += 1
        }
    }

    /// Writes a string with its quotes.
    private mutating func string(
        _ index: Int, _ tape: Span<UInt32>, _ bytes: Span<UInt8>, to output: inout OutputSpan<UInt8>
    ) {
        let start = Tape.offset(of: tape[index])
        let end = start + Int(tape[index + 1])
        JSONEscaping.quote(&output, escaping)
        if form.escapesDollars, mayHoldDollar(Tape.tag(of: tape[index]), bytes, start..<end) {
            var dollars = DollarEscaping(escaping)
            stringEscapingDollars(bytes, start..<end, &dollars, to: &output)
        } else if Tape.tag(of: tape[index]) == .plainString {
            output.append(copying: bytes, start..<end)
        } else {
            content(bytes, start..<end, to: &output)
        }
        JSONEscaping.quote(&output, escaping)
    }

    /// Whether a string may hold a dollar, as itself or as an escape.
    private func mayHoldDollar(_ tag: Tag, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        JSONPythonText.contains(0x24, bytes, range)
            || tag == .escapedString && JSONPythonText.contains(0x75, bytes, range)
    }

    /// Writes the content of a string, each escape in Python's own spelling.
    private mutating func content(
        _ bytes: Span<UInt8>, _ range: Range<Int>, to output: inout OutputSpan<UInt8>
    ) {
        var position = range.lowerBound
        while position < range.upperBound {
            position = output.append(plainRunOf: bytes, from: position, to: range.upperBound)
            // What cannot be copied seldom comes alone: neither does text in another script.
            while position < range.upperBound, bytes[position] >= 0x7F || bytes[position] == 0x5C {
                if bytes[position] == 0x5C, position + 1 < range.upperBound,
                    JSONEscaping.append(escape: bytes[position + 1], to: &output, escaping)
                {
                    position += 2
                    continue
                }
                let (codePoint, next) = Self.character(bytes, at: position, to: range.upperBound)
                append(codePoint, to: &output)
                position = next
            }
        }
    }

    /// The code point that stands at `position`, as an escape or as itself, and the position after it.
    private static func character(
        _ bytes: Span<UInt8>, at position: Int, to end: Int
    ) -> (codePoint: UInt32, next: Int) {
        let byte = bytes[position]
        if byte == 0x5C { return Unescaping.escape(bytes, at: position, to: end) }
        if byte < 0x80 { return (UInt32(byte), position + 1) }
        // The parser has proven the sequence, so its first byte says how long it is.
        let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        return (UTF8Grammar.codePoint(bytes, at: position, length), position + length)
    }

    /// Writes the content of a string character by character, holding each dollar back until its neighbour
    /// is known.
    private mutating func stringEscapingDollars(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ dollars: inout DollarEscaping,
        to output: inout OutputSpan<UInt8>
    ) {
        var position = range.lowerBound
        while position < range.upperBound {
            let (codePoint, next) = Self.character(bytes, at: position, to: range.upperBound)
            position = next
            if dollars.holds(codePoint, to: &output) { continue }
            append(codePoint, to: &output)
        }
        dollars.finish(&output)
    }

    private mutating func append(_ codePoint: UInt32, to output: inout OutputSpan<UInt8>) {
        if codePoint < 0x80 {
            JSONEscaping.append(ascii: UInt8(codePoint), to: &output, escaping)
        } else if form.escapesNonASCII {
            JSONEscaping.append(codePoint: codePoint, to: &output, escaping)
        } else {
            if codePoint & 0xFFFF_F800 == 0xD800 { isComplete = false }
            output.append(codePoint: codePoint)
        }
    }
}

/// Turns each `$` before `$` or `(` into `\u0024`.
///
/// The quote that ends a string is never one of the two, so no string needs to know its neighbour.
struct DollarEscaping {
    private var isHeld = false
    private let escaping: JSONEscaping.Form

    init(_ escaping: JSONEscaping.Form) { self.escaping = escaping }

    /// Takes the next character of a string, and writes the dollar before it. True where the character
    /// itself is a dollar, which is written later.
    @inline(__always)
    mutating func holds(_ character: UInt32, to output: inout OutputSpan<UInt8>) -> Bool {
        if isHeld {
            if character == 0x24 || character == 0x28 {
                JSONEscaping.append(unit: 0x24, to: &output, escaping)
            } else {
                output.append(0x24)
            }
        }
        isHeld = character == 0x24
        return isHeld
    }

    /// Writes the dollar that ends the string.
    mutating func finish(_ output: inout OutputSpan<UInt8>) {
        if isHeld { output.append(0x24) }
        isHeld = false
    }
}
