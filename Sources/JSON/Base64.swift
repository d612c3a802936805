/// Why a text is no base64, and where.
public struct Base64Error: Error, Equatable, Sendable {
    /// What was wrong with the text.
    public enum Reason: Equatable, Sendable {
        /// A byte outside the alphabet of RFC 4648 section 4 that is no line break: never skipped.
        case unexpectedByte
        /// One character alone, which stands for no byte.
        case unexpectedEnd
        /// Padding in the middle, or more of it than the last four characters need.
        case misplacedPadding
    }

    /// What was wrong.
    public let reason: Reason
    /// The offset of the offending byte in the array that was given.
    public let offset: Int

    /// Makes an error; used by the decoder and by tests.
    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}

extension Base64Error: CustomStringConvertible {
    /// One line of text for a log, without a byte of the input.
    public var description: String {
        switch reason {
        case .unexpectedByte: "a byte that is not base64, at \(offset)"
        case .unexpectedEnd: "base64 that ends too early, at \(offset)"
        case .misplacedPadding: "misplaced base64 padding, at \(offset)"
        }
    }
}

/// Base64 (RFC 4648 sections 4 and 5).
public enum Base64 {
    /// Decodes `bytes`, or a range of them, in the standard alphabet.
    ///
    /// Line breaks (CR, LF) are skipped wherever they stand, padding may be missing, and bits of the last
    /// character that belong to no byte are ignored. Everything else outside the alphabet is an error.
    public static func decode(
        _ bytes: [UInt8], in range: Range<Int>? = nil
    ) throws(Base64Error) -> [UInt8] {
        var decoder = Base64Decoder(escapes: false)
        return try decoder.decode(bytes, in: range ?? 0..<bytes.count)
    }

    /// Decodes the content of a JSON string straight from the document's source, escapes (`\/`, `\n`,
    /// `\u002f`) included.
    ///
    /// Nil where the value is no string.
    public static func decode(_ value: JSONDocument.Value) throws(Base64Error) -> [UInt8]? {
        guard let range = value.contentRange else { return nil }
        var decoder = Base64Decoder(escapes: value.hasEscapes)
        return try decoder.decode(value.document.source, in: range)
    }

    private static let standardAlphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafeAlphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Encodes in the standard alphabet, with padding.
    public static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        append(bytes, to: &output)
        return output
    }

    /// Appends `bytes`, encoded in the standard alphabet and padded.
    public static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        append(bytes, to: &output, alphabet: standardAlphabet, padded: true)
    }

    /// Encodes in the URL-safe alphabet without padding (as RFC 7515 section 2 wants it).
    public static func encodeURLSafe(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        append(bytes, to: &output, alphabet: urlSafeAlphabet, padded: false)
        return output
    }

    private static func append(
        _ bytes: [UInt8], to output: inout [UInt8], alphabet: [UInt8], padded: Bool
    ) {
        output.reserveCapacity(output.count + (bytes.count + 2) / 3 * 4)
        var position = 0
        while position + 3 <= bytes.count {
            let group =
                Int(bytes[position]) << 16 | Int(bytes[position + 1]) << 8 | Int(bytes[position + 2])
            for shift in [18, 12, 6, 0] { output.append(alphabet[group >> shift & 63]) }
            position += 3
        }
        let rest = bytes.count - position
        guard rest > 0 else { return }
        let group = Int(bytes[position]) << 16 | (rest == 2 ? Int(bytes[position + 1]) << 8 : 0)
        output.append(alphabet[group >> 18])
        output.append(alphabet[group >> 12 & 63])
        if rest == 2 { output.append(alphabet[group >> 6 & 63]) }
        if padded { output.append(contentsOf: repeatElement(0x3D, count: 3 - rest)) }
    }
}
