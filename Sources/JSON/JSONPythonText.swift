/// How a text in Python's form differs from what `json.dumps` writes by default.
public struct JSONPythonForm: Sendable {
    /// Whether everything beyond ASCII is written as escapes (`ensure_ascii`).
    public var escapesNonASCII: Bool
    /// Whether a `$` that is directly followed by `$` or `(` in the written text becomes `\u0024`.
    ///
    /// The kubelet expands `$(NAME)` and reduces `$$` in the arguments of a container; the escape says the
    /// same in JSON and is left alone.
    public var escapesDollars: Bool
    /// Whether the text stands inside a string of another JSON text, whose escapes it gets as well.
    public private(set) var isInsideString = false

    /// Makes a form; without arguments that of `json.dumps`.
    public init(escapesNonASCII: Bool = true, escapesDollars: Bool = false) {
        self.escapesNonASCII = escapesNonASCII
        self.escapesDollars = escapesDollars
    }

    /// What `json.dumps` writes.
    public static let standard = JSONPythonForm()

    /// The same form for a text inside a string of another JSON text.
    public var insideString: JSONPythonForm {
        var form = self
        form.isInsideString = true
        return form
    }

    @inline(__always)
    var escaping: JSONEscaping.Form {
        JSONEscaping.Form(isASCII: escapesNonASCII, isNested: isInsideString)
    }
}

extension JSONDocument.Value {
    /// Appends this value as CPython's `json.dumps(json.loads(text))` writes it: separators `", "` and `":
    /// "`, members in the text's order with equal keys folded, integers digit by digit (`-0` is `0`),
    /// doubles as `repr`.
    ///
    /// - Parameters:
    ///   - omitted: keys of this very object that are left out (not those of objects inside it).
    /// - Returns: false where non-ASCII is to be written as UTF-8 but a lone surrogate stands, which UTF-8
    ///   does not have; what was appended is then of no use. Always true when non-ASCII is escaped.
    public func appendPythonText(
        to output: inout [UInt8], form: JSONPythonForm = .standard, omitting omitted: [String] = []
    ) -> Bool {
        var writer = JSONPythonWriter(document: document, form: form)
        writer.write(index, omitting: omitted, to: &output)
        return writer.isComplete
    }

    /// Whether Python takes this value for true: not `null`, `false`, a zero, or anything empty.
    public var isTrueInPython: Bool {
        switch tag {
        case .null, .false: false
        case .true: true
        case .integer, .fractional: double != 0
        case .plainString, .unicodeString, .escapedString: document.tape[index + 1] != 0
        case .array, .object, .objectWithDuplicates: !isEmpty
        }
    }
}

/// Python's form of a string that is not part of a document.
public enum JSONPythonText {
    /// Appends a string literal, with its quotes, for WTF-8 bytes or a range of them: as `json.dumps`
    /// writes the same text. What is no UTF-8 becomes U+FFFD.
    public static func appendString(
        _ bytes: [UInt8], in range: Range<Int>? = nil, to output: inout [UInt8],
        form: JSONPythonForm = .standard
    ) {
        let range = range ?? 0..<bytes.count
        appendString(bytes.span, in: range, to: &output, form: form)
    }

    /// As above, for a slice of an array.
    public static func appendString(
        _ bytes: ArraySlice<UInt8>, to output: inout [UInt8], form: JSONPythonForm = .standard
    ) {
        appendString(bytes.span, in: 0..<bytes.count, to: &output, form: form)
    }

    /// Appends an object of strings as `json.dumps` writes a `dict`: those members whose place is chosen, in
    /// order.
    ///
    /// - Parameters:
    ///   - places: where names and values stand in `bytes`, in order.
    ///   - arePlain: whether all of them are known to be printable ASCII without quote and backslash: they
    ///     are not looked at then, but for dollars where those are escaped.
    ///   - isChosen: whether the member at an index is written.
    public static func appendObject(
        _ places: [JSONDocument.StringMembers.Place], of bytes: [UInt8], arePlain: Bool,
        to output: inout [UInt8], form: JSONPythonForm, where isChosen: (_ index: Int) -> Bool
    ) {
        if arePlain, !form.escapesDollars || !holdsDollar(places, bytes.span) {
            return appendPlainObject(places, of: bytes.span, to: &output, form.escaping, where: isChosen)
        }
        output.append(0x7B)
        var isFirst = true
        for index in places.indices where isChosen(index) {
            if !isFirst { output.append(contentsOf: [0x2C, 0x20]) }
            isFirst = false
            appendString(bytes.span, in: places[index].name, to: &output, form: form)
            output.append(contentsOf: [0x3A, 0x20])
            appendString(bytes.span, in: places[index].value, to: &output, form: form)
        }
        output.append(0x7D)
    }

    private static func holdsDollar(
        _ places: [JSONDocument.StringMembers.Place], _ bytes: Span<UInt8>
    ) -> Bool {
        guard let first = places.first, let last = places.last else { return false }
        return contains(0x24, bytes, first.name.lowerBound..<last.value.upperBound)
    }

    /// All of it in room that is reserved once.
    private static func appendPlainObject(
        _ places: [JSONDocument.StringMembers.Place], of bytes: Span<UInt8>, to output: inout [UInt8],
        _ escaping: JSONEscaping.Form, where isChosen: (Int) -> Bool
    ) {
        // Names and values, and of each member four quotes, perhaps with a backslash, and two separators.
        let content = (places.last?.value.upperBound ?? 0) - (places.first?.name.lowerBound ?? 0)
        let room = 2 + content + 12 * places.count
        output.append(addingCapacity: room) { span in
            span.append(0x7B)
            var isFirst = true
            for index in places.indices where isChosen(index) {
                if !isFirst {
                    span.append(0x2C)
                    span.append(0x20)
                }
                isFirst = false
                appendPlain(bytes, places[index].name, to: &span, escaping)
                span.append(0x3A)
                span.append(0x20)
                appendPlain(bytes, places[index].value, to: &span, escaping)
            }
            span.append(0x7D)
        }
    }

    private static func appendPlain(
        _ bytes: Span<UInt8>, _ range: Range<Int>, to span: inout OutputSpan<UInt8>,
        _ escaping: JSONEscaping.Form
    ) {
        JSONEscaping.quote(&span, escaping)
        span.append(copying: bytes, range)
        JSONEscaping.quote(&span, escaping)
    }

    @inline(never)
    private static func appendString(
        _ bytes: Span<UInt8>, in range: Range<Int>, to output: inout [UInt8], form: JSONPythonForm
    ) {
        let escaping = form.escaping
        if form.escapesDollars, JSONPythonText.contains(0x24, bytes, range) {
            return appendEscapingDollars(bytes, in: range, to: &output, escaping)
        }
        guard range.count <= JSONEscaping.pieceBytesMax else {
            output.append(addingCapacity: 2) { JSONEscaping.quote(&$0, escaping) }
            JSONEscaping.append(bytes, in: range, to: &output, form: escaping)
            return output.append(addingCapacity: 2) { JSONEscaping.quote(&$0, escaping) }
        }
        let end = range.upperBound
        output.append(addingCapacity: 4 + JSONEscaping.roomMax(range.count, escaping)) { span in
            JSONEscaping.quote(&span, escaping)
            _ = JSONEscaping.append(bytes, range.lowerBound, to: end, within: end, &span, escaping)
            JSONEscaping.quote(&span, escaping)
        }
    }

    @inline(never)
    private static func appendEscapingDollars(
        _ bytes: Span<UInt8>, in range: Range<Int>, to output: inout [UInt8], _ escaping: JSONEscaping.Form
    ) {
        var escaped: [UInt8] = []
        JSONEscaping.append(bytes, in: range, to: &escaped, form: escaping)
        output.append(addingCapacity: escaped.count * escaping.growthMax + 4) { span in
            JSONEscaping.quote(&span, escaping)
            var dollars = DollarEscaping(escaping)
            for byte in escaped where !dollars.holds(UInt32(byte), to: &span) { span.append(byte) }
            dollars.finish(&span)
            JSONEscaping.quote(&span, escaping)
        }
    }

    /// Whether a byte stands in a range. The last word is looked at whole, some of its bytes for the second
    /// time.
    static func contains(_ byte: UInt8, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count >= 8 else {
            for position in range where bytes[position] == byte { return true }
            return false
        }
        let pattern = WordMask.ones &* UInt64(byte)
        let last = range.upperBound - 8
        var position = range.lowerBound
        while position < last {
            if WordMask.zeros(loadWord(bytes, at: position) ^ pattern) != 0 { return true }
            position += 8
        }
        return WordMask.zeros(loadWord(bytes, at: last) ^ pattern) != 0
    }
}
