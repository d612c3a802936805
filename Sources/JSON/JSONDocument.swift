/// One JSON text (RFC 8259), parsed into a tape of its nodes.
///
/// Strings and numbers stay ranges of the source and are read only when asked for. The source is kept as it
/// was given, so a part of it (`Value.rawRange`) can be copied out byte for byte. Immutable.
public final class JSONDocument: Sendable {
    /// The bytes that were parsed, with everything around the parsed range.
    public let source: [UInt8]
    let tape: [UInt32]
    /// By how many bytes at most all strings and numbers together grow where they are written with other
    /// escapes, also inside another string, and as Python writes them; dollars are not escaped there.
    let growthMax: Int

    /// Parses the whole of `bytes`, or a range of it, strictly.
    ///
    /// Refused are NaN and Infinity, comments, trailing commas, leading zeros, bare control characters,
    /// bytes that are not UTF-8, and numbers with a fraction or exponent beyond a double's range. Integers
    /// of any size pass, and so do lone surrogate escapes. Of equal keys the last value wins, at the first
    /// one's place.
    ///
    /// - Parameters:
    ///   - depthMax: how many arrays and objects may stand inside each other.
    ///   - allowsByteOrderMark: whether a leading EF BB BF is skipped.
    /// - Throws: the first thing that is wrong, with its offset in `bytes`.
    public init(
        parsing bytes: [UInt8], in range: Range<Int>? = nil, depthMax: Int = 512,
        allowsByteOrderMark: Bool = false
    ) throws(JSONError) {
        let range = range ?? 0..<bytes.count
        precondition(
            range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range must be of the bytes")
        guard range.upperBound <= Tape.offsetMax else {
            throw JSONError(.documentTooLarge, at: Tape.offsetMax)
        }
        var start = range.lowerBound
        if range.count >= 3, bytes[start] == 0xEF, bytes[start + 1] == 0xBB, bytes[start + 2] == 0xBF {
            guard allowsByteOrderMark else { throw JSONError(.byteOrderMark, at: start) }
            start += 3
        }
        (tape, growthMax) = try JSONParser.tape(
            of: bytes.span, in: start..<range.upperBound, depthMax: depthMax)
        source = bytes
    }

    /// The value that is the text.
    public var root: Value { Value(document: self, index: 0) }
}

extension JSONDocument {
    /// A value inside a document: a reference and an index, cheap to copy.
    public struct Value: Sendable {
        /// The document it belongs to.
        public let document: JSONDocument
        let index: Int

        @inline(__always)
        init(document: JSONDocument, index: Int) {
            self.document = document
            self.index = index
        }
    }
}

extension JSONDocument.Value {
    /// What a value can be (RFC 8259 section 3).
    public enum Kind: Sendable { case null, boolean, number, string, array, object }

    @inline(__always)
    var word: UInt32 { document.tape[index] }
    @inline(__always)
    var tag: Tag { Tape.tag(of: word) }
    @inline(__always)
    var offset: Int { Tape.offset(of: word) }

    /// What this value is.
    public var kind: Kind {
        switch tag {
        case .null: .null
        case .true, .false: .boolean
        case .integer, .fractional: .number
        case .plainString, .unicodeString, .escapedString: .string
        case .array: .array
        case .object, .objectWithDuplicates: .object
        }
    }

    /// Whether this is `null`.
    public var isNull: Bool { tag == .null }
    /// Whether this is a string.
    public var isString: Bool { Tape.isString(word) }
    /// Whether this is an array.
    public var isArray: Bool { tag == .array }
    /// Whether this is an object.
    public var isObject: Bool { Tape.isObject(word) }

    /// `true` or `false`, nil for anything else.
    public var bool: Bool? {
        switch tag {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// Where this value's text is in the document's source: with its quotes or brackets, without white
    /// space around.
    public var rawRange: Range<Int> {
        switch tag {
        case .null, .true: return offset..<offset + 4
        case .false: return offset..<offset + 5
        case .integer, .fractional:
            let source = document.source
            return offset..<JSONNumber.end(source.span, from: offset)
        case .plainString, .unicodeString, .escapedString:
            return offset - 1..<offset + Int(document.tape[index + 1]) + 1
        case .array, .object, .objectWithDuplicates: return offset..<Int(document.tape[index + 2])
        }
    }

    /// Where a string's content is in the document's source, without its quotes and with its escapes as
    /// they were written; nil for anything else.
    public var contentRange: Range<Int>? {
        guard isString else { return nil }
        return offset..<offset + Int(document.tape[index + 1])
    }

    /// Whether a string is written with escapes, so that its content in the source is not yet what it stands
    /// for; false for anything else.
    public var hasEscapes: Bool { tag == .escapedString }

    /// A string's content, unescaped; nil for anything else.
    ///
    /// UTF-8, but for lone surrogates, which are three bytes ED A0..BF xx (WTF-8).
    public var stringBytes: [UInt8]? {
        guard let range = contentRange else { return nil }
        if tag != .escapedString { return [UInt8](document.source[range]) }
        var content: [UInt8] = []
        content.reserveCapacity(range.count)
        let source = document.source
        Unescaping.append(source.span, range, to: &content)
        return content
    }

    /// As `stringBytes`, but a part of the source where that holds no escape: nothing is copied, and all of
    /// the source is kept as long as the part is.
    public var stringSlice: ArraySlice<UInt8>? {
        guard let range = contentRange else { return nil }
        return hasEscapes ? stringBytes?[...] : document.source[range]
    }

    /// A string's content as a `String`; nil for anything else, and where a lone surrogate stands.
    public var string: String? {
        guard let range = contentRange else { return nil }
        if tag != .escapedString { return String(decoding: document.source[range], as: UTF8.self) }
        guard let content = stringBytes else { return nil }
        return String(validating: content, as: UTF8.self)
    }

    /// Whether this is a string of exactly the bytes of `text` in UTF-8. Allocates nothing, and does not take
    /// canonically equivalent texts for equal, as `==` of `String` does.
    public func equals(_ text: StaticString) -> Bool {
        guard isString else { return false }
        let words = document.tape
        let source = document.source
        let bytes = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        return Self.matches(bytes, stringAt: index, on: words.span, source.span)
    }

    /// As above, for text that is known only now.
    public func equals(text: String) -> Bool {
        guard isString else { return false }
        let words = document.tape
        let source = document.source
        return Self.matches(text.utf8.span, stringAt: index, on: words.span, source.span)
    }

    /// Whether the string at `index` of the tape stands for the bytes of `text`.
    @inline(__always)
    private static func matches(
        _ text: Span<UInt8>, stringAt index: Int, on tape: Span<UInt32>, _ source: Span<UInt8>
    ) -> Bool {
        let word = tape[index]
        let length = Int(tape[index + 1])
        let offset = Tape.offset(of: word)
        if Tape.tag(of: word) == .escapedString {
            return matches(text, escaped: offset..<offset + length, source)
        }
        return length == text.count && bytesAreEqual(text, source, at: offset)
    }

    private static func matches(_ text: Span<UInt8>, escaped range: Range<Int>, _ source: Span<UInt8>) -> Bool
    {
        var content: [UInt8] = []
        Unescaping.append(source, range, to: &content)
        return content.count == text.count && bytesAreEqual(text, content.span, at: 0)
    }

    /// The number, if it is an integer literal (no fraction, no exponent) that an `Int` can hold.
    public var integer: Int? {
        guard tag == .integer else { return nil }
        let source = document.source
        return JSONNumber.integer(source.span, from: offset)
    }

    /// The number as the nearest double; nil for anything else. An integer beyond the range is infinite.
    public var double: Double? {
        guard tag == .integer || tag == .fractional else { return nil }
        let source = document.source
        return JSONNumber.double(source.span.extracting(rawRange))
    }

    /// The value of a member of this object; the last one's, where the key stands more than once. Nil where
    /// this is no object or has no such key. Costs one step a member.
    public subscript(_ key: StaticString) -> JSONDocument.Value? {
        find(unsafe Span(_unsafeStart: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    /// As the subscript, for a key that is known only now.
    public func member(named key: String) -> JSONDocument.Value? { find(key.utf8.span) }

    /// As the subscript, for a key that is bytes (WTF-8).
    public func member(named key: [UInt8]) -> JSONDocument.Value? { find(key.span) }

    private func find(_ name: Span<UInt8>) -> JSONDocument.Value? {
        guard isObject else { return nil }
        let words = document.tape
        let source = document.source
        guard let value = Self.valueIndex(of: name, inObjectAt: index, on: words.span, source.span) else {
            return nil
        }
        return JSONDocument.Value(document: document, index: value)
    }

    private static func valueIndex(
        of name: Span<UInt8>, inObjectAt object: Int, on tape: Span<UInt32>, _ source: Span<UInt8>
    ) -> Int? {
        let end = Int(tape[object + 1])
        let isUnique = Tape.tag(of: tape[object]) == .object
        var found: Int?
        var key = object + 3
        while key < end {
            if matches(name, stringAt: key, on: tape, source) {
                found = key + 2
                if isUnique { break }
            }
            key = Tape.next(after: key + 2, on: tape)
        }
        return found
    }
}
