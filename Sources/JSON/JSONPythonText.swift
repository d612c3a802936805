/// How a text in Python's form differs from what `json.dumps` writes by default.
public struct JSONPythonForm: Sendable {
    /// Whether everything beyond ASCII is written as escapes (`ensure_ascii`).
    public var escapesNonASCII: Bool
    /// Whether a `$` that is directly followed by `$` or `(` in the written text becomes `\u0024`.
    ///
    /// The kubelet expands `$(NAME)` and reduces `$$` in the arguments of a container; the escape says the
    /// same in JSON and is left alone.
    public var escapesDollars: Bool

    /// Makes a form; without arguments that of `json.dumps`.
    public init(escapesNonASCII: Bool = true, escapesDollars: Bool = false) {
        self.escapesNonASCII = escapesNonASCII
        self.escapesDollars = escapesDollars
    }

    /// What `json.dumps` writes.
    public static let standard = JSONPythonForm()
}

extension JSONDocument.Value {
    /// Appends this value as CPython's `json.dumps(json.loads(text))` writes it: separators `", "` and `":
    /// "`, members in the text's order with equal keys folded, integers digit by digit (`-0` is `0`),
    /// doubles as `repr`.
    ///
    /// - Parameters:
    ///   - omitted: keys of this very object that are left out (not those of objects inside it).
    /// - Returns: false where non-ASCII is to be written as UTF-8 but a lone surrogate stands, which UTF-8
    ///   does not
    ///   have; what was appended is then of no use. Always true when non-ASCII is escaped.
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
        let escaping: JSONEscaping.Form = form.escapesNonASCII ? .ascii : .utf8
        output.append(0x22)
        if form.escapesDollars, bytes[range].contains(0x24) {
            var escaped: [UInt8] = []
            JSONEscaping.append(bytes, in: range, to: &escaped, form: escaping)
            output.append(addingCapacity: escaped.count * 6) { span in
                var dollars = DollarEscaping()
                for byte in escaped where !dollars.holds(UInt32(byte), to: &span) { span.append(byte) }
                dollars.finish(&span)
            }
        } else {
            JSONEscaping.append(bytes, in: range, to: &output, form: escaping)
        }
        output.append(0x22)
    }
}
