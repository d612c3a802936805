/// Writes one JSON text with compact separators.
///
/// Every misuse (a value without a key inside an object, an end without a beginning) is a mistake of ours
/// and traps. Strings are escaped as RFC 8259 requires; UTF-8 is left as it is, lone surrogates become
/// `\udXXX`, and bytes that are no UTF-8 become U+FFFD, so that the text is valid whatever is put in.
public struct JSONWriter: Sendable {
    private var output: [UInt8]
    /// One entry for each open container: whether it is an object.
    private var open: [Bool] = []
    private var needsComma = false
    private var hasKey = false
    private var isComplete = false

    /// Makes a writer, with room for so many bytes.
    public init(capacity: Int = 512) {
        output = []
        output.reserveCapacity(capacity)
    }

    /// How many bytes are written so far.
    public var count: Int { output.count }

    /// Begins an object.
    public mutating func beginObject() {
        beginValue()
        output.append(0x7B)
        open.append(true)
        needsComma = false
    }

    /// Ends the innermost container, which must be an object.
    public mutating func endObject() {
        precondition(open.last == true && !hasKey, "no object to end")
        output.append(0x7D)
        open.removeLast()
        endValue()
    }

    /// Begins an array.
    public mutating func beginArray() {
        beginValue()
        output.append(0x5B)
        open.append(false)
        needsComma = false
    }

    /// Ends the innermost container, which must be an array.
    public mutating func endArray() {
        precondition(open.last == false, "no array to end")
        output.append(0x5D)
        open.removeLast()
        endValue()
    }

    /// Writes the key of the next member.
    public mutating func key(_ key: String) {
        beginKey()
        appendQuoted(key)
        output.append(0x3A)
    }

    /// Writes the key of the next member, from bytes (UTF-8).
    public mutating func key(bytes key: [UInt8]) {
        beginKey()
        appendQuoted(key, 0..<key.count)
        output.append(0x3A)
    }

    /// Writes the key of the next member, as it stands in a document.
    public mutating func key(_ key: JSONDocument.Value) {
        precondition(key.isString, "a key is a string")
        beginKey()
        appendQuoted(key)
        output.append(0x3A)
    }

    private mutating func beginKey() {
        precondition(open.last == true && !hasKey, "a key stands in an object")
        if needsComma { output.append(0x2C) }
        hasKey = true
    }

    /// Writes a string.
    public mutating func string(_ text: String) {
        beginValue()
        appendQuoted(text)
        endValue()
    }

    /// Writes a string whose content is bytes (UTF-8, or WTF-8 with lone surrogates), or a range of them.
    public mutating func string(bytes: [UInt8], in range: Range<Int>? = nil) {
        beginValue()
        appendQuoted(bytes, range ?? 0..<bytes.count)
        endValue()
    }

    /// Writes the content of a value that is a string.
    public mutating func string(_ value: JSONDocument.Value) {
        precondition(value.isString, "the value must be a string")
        beginValue()
        appendQuoted(value)
        endValue()
    }

    /// Writes an integer.
    public mutating func integer(_ value: Int) {
        beginValue()
        output.append(contentsOf: String(value).utf8)
        endValue()
    }

    /// Writes `true` or `false`.
    public mutating func bool(_ value: Bool) {
        beginValue()
        output.append(contentsOf: (value ? "true" : "false").utf8)
        endValue()
    }

    /// Writes `null`.
    public mutating func null() {
        beginValue()
        output.append(contentsOf: "null".utf8)
        endValue()
    }

    /// Writes a value that is JSON text already, such as a `rawRange` of a document. It is not looked at.
    public mutating func raw(_ text: [UInt8], in range: Range<Int>? = nil) {
        beginValue()
        output.append(contentsOf: text[range ?? 0..<text.count])
        endValue()
    }

    /// Writes a string whose content needs no escaping and is appended by `body`, such as base64.
    ///
    /// What `body` appends must be ASCII without quotes, backslashes and controls, or escaped already.
    public mutating func string(appendingEscaped body: (inout [UInt8]) -> Void) {
        beginValue()
        output.append(0x22)
        body(&output)
        output.append(0x22)
        endValue()
    }

    /// Writes a string that holds another JSON text: a value in Python's form.
    ///
    /// The text is written in place and escaped in place, so that a large event exists once less.
    ///
    /// - Returns: what `appendPythonText` returns. When it is false, the string written is of no use.
    public mutating func string(
        pythonTextOf value: JSONDocument.Value, form: JSONPythonForm = .standard,
        omitting omitted: [String] = []
    ) -> Bool {
        beginValue()
        output.append(0x22)
        let start = output.count
        let isComplete = value.appendPythonText(to: &output, form: form, omitting: omitted)
        JSONEscaping.escapeText(in: &output, from: start)
        output.append(0x22)
        endValue()
        return isComplete
    }

    /// Writes a member that is a string.
    public mutating func member(_ name: String, _ text: String) {
        key(name)
        string(text)
    }

    /// Writes a member that is a string of bytes.
    public mutating func member(_ name: String, bytes: [UInt8]) {
        key(name)
        string(bytes: bytes)
    }

    /// Writes a member that is an integer.
    public mutating func member(_ name: String, _ value: Int) {
        key(name)
        integer(value)
    }

    /// Writes a member that is `true` or `false`.
    public mutating func member(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// The text. One complete value must have been written.
    public consuming func finish() -> [UInt8] {
        precondition(isComplete, "one complete value must have been written")
        return output
    }

    private mutating func beginValue() {
        precondition(!isComplete, "a text is one value")
        if open.last == true {
            precondition(hasKey, "a value in an object needs a key")
            hasKey = false
        } else if needsComma {
            output.append(0x2C)
        }
    }

    private mutating func endValue() {
        needsComma = true
        isComplete = open.isEmpty
    }

    /// Keys and constants, most of which need no escape: those are copied as they are.
    private mutating func appendQuoted(_ text: String) {
        var text = text
        output.append(0x22)
        text.withUTF8 { buffer in
            let bytes = unsafe Span(_unsafeElements: buffer)
            if JSONEscaping.plainRun(bytes, from: 0, to: bytes.count) == bytes.count {
                unsafe output.append(contentsOf: buffer)
            } else {
                JSONEscaping.append(bytes, to: &output, form: .utf8)
            }
        }
        output.append(0x22)
    }

    private mutating func appendQuoted(_ bytes: [UInt8], _ range: Range<Int>) {
        output.append(0x22)
        JSONEscaping.append(bytes, in: range, to: &output, form: .utf8)
        output.append(0x22)
    }

    /// Content without escapes is copied with its quotes; only what needs another spelling is unescaped.
    private mutating func appendQuoted(_ value: JSONDocument.Value) {
        if value.hasEscapes, let content = value.stringBytes {
            appendQuoted(content, 0..<content.count)
        } else {
            output.append(contentsOf: value.document.source[value.rawRange])
        }
    }
}
