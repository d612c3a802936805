/// Why a text is no JSON, and where.
///
/// Never holds a byte of the input, so that it can be logged as it is.
public struct JSONError: Error, Equatable, Sendable {
    /// What was wrong with the text.
    public enum Reason: Equatable, Sendable {
        /// Nothing but white space (RFC 8259 section 2: a text is one value).
        case emptyDocument
        /// The text ended inside a value.
        case unexpectedEnd
        /// A byte that cannot stand here: trailing commas, bare words, NaN, comments, wrong brackets.
        case unexpectedByte
        /// Something other than white space after the value.
        case trailingBytes
        /// A number outside the grammar of RFC 8259 section 6: leading zeros, `+1`, `.5`, `1.`.
        case malformedNumber
        /// A number with a fraction or an exponent that no double can hold, such as `1e400`.
        case numberOutOfRange
        /// A byte below 0x20 inside a string.
        case controlCharacter
        /// A backslash followed by something RFC 8259 section 7 does not name.
        case malformedEscape
        /// Bytes that are no UTF-8 (RFC 3629): overlong forms, surrogates, beyond U+10FFFF, cut sequences.
        case malformedUTF8
        /// More nested arrays and objects than allowed.
        case nestingTooDeep
        /// A byte order mark at the start, where it was not allowed.
        case byteOrderMark
        /// More bytes than offsets on the tape can name (2^28 - 1).
        case documentTooLarge

        /// One line of text for a log.
        public var description: String {
            switch self {
            case .emptyDocument: "the document is empty"
            case .unexpectedEnd: "the document ends inside a value"
            case .unexpectedByte: "a byte that cannot stand here"
            case .trailingBytes: "something follows the value"
            case .malformedNumber: "a malformed number"
            case .numberOutOfRange: "a number beyond the range of a double"
            case .controlCharacter: "a control character inside a string"
            case .malformedEscape: "a malformed escape inside a string"
            case .malformedUTF8: "bytes that are not UTF-8"
            case .nestingTooDeep: "arrays and objects nested too deep"
            case .byteOrderMark: "a byte order mark at the start"
            case .documentTooLarge: "a document of 256 MiB or more"
            }
        }
    }

    /// What was wrong.
    public let reason: Reason
    /// The offset of the offending byte in the whole array that was given, also when only a range was parsed.
    public let offset: Int

    /// Makes an error; used by the parser and by tests.
    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}

extension JSONError: CustomStringConvertible {
    /// The reason and the offset, in one line.
    public var description: String { "\(reason.description) at byte \(offset)" }
}
