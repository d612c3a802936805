/// Writes one JSON text with compact separators.
///
/// Every misuse (a value without a key inside an object, an end without a beginning) is a mistake of ours
/// and traps. Strings are escaped as RFC 8259 requires; UTF-8 is left as it is, lone surrogates become
/// `\udXXX`, and bytes that are no UTF-8 become U+FFFD, so that the text is valid whatever is put in.
public struct JSONWriter: Sendable {
    private var output: [UInt8]
    /// A bit for each open container, the innermost lowest: whether it is an object.
    private var objects: UInt64 = 0
    private var depth = 0
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

    // MARK: Containers

    /// Begins an object. Up to 64 containers may stand inside each other.
    public mutating func beginObject() { begin(0x7B, isObject: true) }

    /// Begins an array. Up to 64 containers may stand inside each other.
    public mutating func beginArray() { begin(0x5B, isObject: false) }

    /// Ends the innermost container, which must be an object.
    public mutating func endObject() {
        precondition(isInObject && !hasKey, "no object to end")
        end(0x7D)
    }

    /// Ends the innermost container, which must be an array.
    public mutating func endArray() {
        precondition(depth > 0 && !isInObject, "no array to end")
        end(0x5D)
    }

    private var isInObject: Bool { objects & 1 == 1 }

    private mutating func begin(_ bracket: UInt8, isObject: Bool) {
        precondition(depth < 64, "more containers inside each other than a writer can tell apart")
        beginValue()
        output.append(bracket)
        objects = objects << 1 | (isObject ? 1 : 0)
        depth += 1
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        output.append(bracket)
        objects >>= 1
        depth -= 1
        endValue()
    }

    // MARK: Keys

    /// Writes the key of the next member: a constant of ours, which needs no escape.
    public mutating func key(_ key: StaticString) {
        beginKey()
        let needsComma = needsComma
        output.append(addingCapacity: key.utf8CodeUnitCount + 4) {
            JSONEscaping.appendKey(key, hasComma: needsComma, to: &$0)
        }
    }

    /// Writes the key of the next member.
    public mutating func key(named key: String) {
        var key = key
        key.withUTF8 { buffer in
            let bytes = unsafe Span(_unsafeElements: buffer)
            self.key(bytes, 0..<bytes.count)
        }
    }

    /// Writes the key of the next member, from bytes (UTF-8).
    public mutating func key(bytes key: [UInt8]) { self.key(key.span, 0..<key.count) }

    /// Writes the key of the next member, as it stands in a document.
    public mutating func key(_ key: JSONDocument.Value) {
        precondition(key.isString, "a key is a string")
        beginKey()
        if needsComma { output.append(0x2C) }
        appendQuoted(key)
        output.append(0x3A)
    }

    private mutating func key(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        beginKey()
        if needsComma { output.append(0x2C) }
        appendQuoted(bytes, range)
        output.append(0x3A)
    }

    private mutating func beginKey() {
        precondition(isInObject && !hasKey, "a key stands in an object")
        hasKey = true
    }

    // MARK: Values

    /// Writes a string.
    public mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { buffer in
            let bytes = unsafe Span(_unsafeElements: buffer)
            string(bytes, 0..<bytes.count)
        }
    }

    /// Writes a string whose content is bytes (UTF-8, or WTF-8 with lone surrogates), or a range of them.
    public mutating func string(bytes: [UInt8], in range: Range<Int>? = nil) {
        string(bytes.span, range ?? 0..<bytes.count)
    }

    private mutating func string(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        beginValue()
        appendQuoted(bytes, range)
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

    /// Writes a value that is JSON text already, appended by `body`. It is not looked at.
    public mutating func raw(appending body: (inout [UInt8]) -> Void) {
        beginValue()
        body(&output)
        endValue()
    }

    /// Writes a string whose content needs no escaping and is appended by `body`, such as base64, or a text
    /// in a form that stands inside a string.
    ///
    /// What `body` appends must be ASCII without quotes, backslashes and controls, or escaped already.
    public mutating func string(appendingEscaped body: (inout [UInt8]) -> Void) {
        beginValue()
        output.append(0x22)
        body(&output)
        output.append(0x22)
        endValue()
    }

    // MARK: Members

    /// Writes a member that is a string.
    public mutating func member(_ name: StaticString, _ text: String) {
        var text = text
        text.withUTF8 { buffer in
            let bytes = unsafe Span(_unsafeElements: buffer)
            member(name, bytes, 0..<bytes.count)
        }
    }

    /// Writes a member that is a string of bytes, or of a range of them.
    public mutating func member(_ name: StaticString, bytes: [UInt8], in range: Range<Int>? = nil) {
        member(name, bytes.span, range ?? 0..<bytes.count)
    }

    /// Key and value in one piece: most of what is written are short members.
    private mutating func member(_ name: StaticString, _ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard range.count <= JSONEscaping.pieceBytesMax else {
            key(name)
            return string(bytes, range)
        }
        beginKey()
        let needsComma = needsComma
        let room = name.utf8CodeUnitCount + 6 + JSONEscaping.roomMax(range.count, .utf8)
        output.append(addingCapacity: room) { span in
            JSONEscaping.appendKey(name, hasComma: needsComma, to: &span)
            Self.appendQuoted(bytes, range, to: &span)
        }
        hasKey = false
        endValue()
    }

    /// Writes a member that is a string.
    public mutating func member(named name: String, _ text: String) {
        key(named: name)
        string(text)
    }

    /// Writes a member that is an integer.
    public mutating func member(named name: String, _ value: Int) {
        key(named: name)
        integer(value)
    }

    /// Writes a member that is an integer.
    public mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        integer(value)
    }

    /// Writes a member that is `true` or `false`.
    public mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// The text. One complete value must have been written.
    public consuming func finish() -> [UInt8] {
        precondition(isComplete, "one complete value must have been written")
        return output
    }

    // MARK: Parts

    private mutating func beginValue() {
        precondition(!isComplete, "a text is one value")
        if isInObject {
            precondition(hasKey, "a value in an object needs a key")
            hasKey = false
        } else if needsComma {
            output.append(0x2C)
        }
    }

    private mutating func endValue() {
        needsComma = true
        isComplete = depth == 0
    }

    private mutating func appendQuoted(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard range.count <= JSONEscaping.pieceBytesMax else {
            output.append(0x22)
            JSONEscaping.append(bytes, in: range, to: &output, form: .utf8)
            return output.append(0x22)
        }
        output.append(addingCapacity: 2 + JSONEscaping.roomMax(range.count, .utf8)) { span in
            Self.appendQuoted(bytes, range, to: &span)
        }
    }

    @inline(__always)
    private static func appendQuoted(
        _ bytes: Span<UInt8>, _ range: Range<Int>, to span: inout OutputSpan<UInt8>
    ) {
        let end = range.upperBound
        span.append(0x22)
        _ = JSONEscaping.append(bytes, range.lowerBound, to: end, within: end, &span, .utf8)
        span.append(0x22)
    }

    /// Content without escapes is copied with its quotes; only what needs another spelling is unescaped.
    private mutating func appendQuoted(_ value: JSONDocument.Value) {
        if value.hasEscapes, let content = value.stringBytes {
            appendQuoted(content.span, 0..<content.count)
        } else {
            output.append(contentsOf: value.document.source[value.rawRange])
        }
    }
}
