/// Walks a tape and writes Python's text of it. No recursion: a stack holds what is open.
struct JSONPythonWriter {
    /// A container that is being written.
    private struct Open {
        /// The tape index of the next element or key, or the place in `folded`.
        var position: Int
        var end: Int
        var isObject: Bool
        var isFirst: Bool
        /// The members of an object that has some key twice.
        var folded: [(key: Int, value: Int)]?
    }

    private let source: [UInt8]
    private let tape: [UInt32]
    private let form: JSONPythonForm
    private var open: [Open] = []
    /// False once a lone surrogate stood where only UTF-8 is written.
    private(set) var isComplete = true

    init(document: JSONDocument, form: JSONPythonForm) {
        source = document.source
        tape = document.tape
        self.form = form
    }

    mutating func write(from value: JSONDocument.Value, omitting omitted: [String], to output: inout [UInt8])
    {
        begin(value.index, of: value.document, to: &output)
        while var container = open.popLast() {
            guard container.position < container.end else {
                output.append(container.isObject ? 0x7D : 0x5D)
                continue
            }
            var item = container.position
            if container.isObject {
                var key = container.position
                if let folded = container.folded {
                    (key, item) = folded[container.position]
                    container.position += 1
                } else {
                    item = key + 2
                    container.position = Tape.next(after: item, on: tape)
                }
                if open.isEmpty, !omitted.isEmpty, isOmitted(key, of: value.document, omitted) {
                    open.append(container)
                    continue
                }
                if !container.isFirst { output.append(contentsOf: Self.comma) }
                string(key, to: &output)
                output.append(0x3A)
                output.append(0x20)
            } else {
                container.position = Tape.next(after: item, on: tape)
                if !container.isFirst { output.append(contentsOf: Self.comma) }
            }
            container.isFirst = false
            open.append(container)
            begin(item, of: value.document, to: &output)
        }
    }

    private var escaping: JSONEscaping.Form { form.escapesNonASCII ? .ascii : .utf8 }

    private static let comma: [UInt8] = [0x2C, 0x20]

    private func isOmitted(_ key: Int, of document: JSONDocument, _ omitted: [String]) -> Bool {
        let key = JSONDocument.Value(document: document, index: key)
        return omitted.contains { key.equals($0) }
    }

    /// Writes a scalar, or opens a container.
    private mutating func begin(_ index: Int, of document: JSONDocument, to output: inout [UInt8]) {
        let word = tape[index]
        let tag = Tape.tag(of: word)
        switch tag {
        case .null: output.append(contentsOf: "null".utf8)
        case .true: output.append(contentsOf: "true".utf8)
        case .false: output.append(contentsOf: "false".utf8)
        case .integer: integer(at: Tape.offset(of: word), to: &output)
        case .fractional: PythonFloat.append(source, at: Tape.offset(of: word), to: &output)
        case .plainString, .unicodeString, .escapedString: string(index, to: &output)
        case .array, .object:
            output.append(tag == .array ? 0x5B : 0x7B)
            open.append(
                Open(position: index + 3, end: Int(tape[index + 1]), isObject: tag == .object, isFirst: true))
        case .objectWithDuplicates:
            output.append(0x7B)
            let folded = JSONDocument.Value(document: document, index: index).foldedMembers()
            open.append(
                Open(position: 0, end: folded.count, isObject: true, isFirst: true, folded: folded))
        }
    }

    private func integer(at start: Int, to output: inout [UInt8]) {
        let end = JSONNumber.end(source.span, from: start)
        if end == start + 2, source[start] == 0x2D, source[start + 1] == 0x30 {
            output.append(0x30)
        } else {
            output.append(contentsOf: source[start..<end])
        }
    }

    /// Writes a string with its quotes.
    private mutating func string(_ index: Int, to output: inout [UInt8]) {
        let start = Tape.offset(of: tape[index])
        let range = start..<start + Int(tape[index + 1])
        output.append(0x22)
        let written = output.count
        switch Tape.tag(of: tape[index]) {
        case .plainString: output.append(contentsOf: source[range])
        case .unicodeString:
            JSONEscaping.append(source, in: range, to: &output, form: escaping)
        default: escapedString(range, to: &output)
        }
        if form.escapesDollars { Self.escapeDollars(in: &output, from: written) }
        output.append(0x22)
    }

    /// Writes a string that holds escapes, each in Python's own spelling.
    private mutating func escapedString(_ range: Range<Int>, to output: inout [UInt8]) {
        let source = self.source
        let bytes = source.span
        var position = range.lowerBound
        while position < range.upperBound {
            let run = JSONEscaping.plainRun(bytes, from: position, to: range.upperBound)
            if run > position {
                output.append(contentsOf: source[position..<run])
                position = run
            } else if bytes[position] == 0x5C {
                let (codePoint, next) = Unescaping.escape(bytes, at: position, to: range.upperBound)
                append(codePoint, to: &output)
                position = next
            } else if bytes[position] < 0x80 {
                append(UInt32(bytes[position]), to: &output)
                position += 1
            } else {
                let length = UTF8Grammar.sequenceLength(bytes, at: position, to: range.upperBound)
                append(UTF8Grammar.codePoint(bytes, at: position, length), to: &output)
                position += length
            }
        }
    }

    private mutating func append(_ codePoint: UInt32, to output: inout [UInt8]) {
        if codePoint < 0x80 {
            let byte = UInt8(codePoint)
            if byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0x7F {
                JSONEscaping.append(ascii: byte, to: &output, form: escaping)
            } else {
                output.append(byte)
            }
        } else if form.escapesNonASCII {
            JSONEscaping.append(codePoint: codePoint, to: &output)
        } else {
            if codePoint & 0xFFFF_F800 == 0xD800 { isComplete = false }
            UTF8Grammar.append(codePoint, to: &output)
        }
    }

    /// Turns each `$` before `$` or `(` into `\u0024`, in what was written from `start` on.
    ///
    /// The quote that ends the string is never one of the two, so no string needs to know its neighbour.
    static func escapeDollars(in output: inout [UInt8], from start: Int) {
        guard output[start...].contains(0x24) else { return }
        let written = Array(output[start...])
        output.removeSubrange(start...)
        for (index, byte) in written.enumerated() {
            let next = index + 1 < written.count ? written[index + 1] : 0
            if byte == 0x24, next == 0x24 || next == 0x28 {
                output.append(contentsOf: "\\u0024".utf8)
            } else {
                output.append(byte)
            }
        }
    }
}
