/// Decodes one text of base64.
struct Base64Decoder {
    /// Whether a backslash begins a JSON escape.
    let escapes: Bool

    /// Value of each byte; 64 and above for what is not in the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, byte) in alphabet.utf8.enumerated() { values[Int(byte)] = UInt8(value) }
        return values
    }()

    init(escapes: Bool) { self.escapes = escapes }

    mutating func decode(_ bytes: [UInt8], in range: Range<Int>) throws(Base64Error) -> [UInt8] {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range must be of the bytes")
        var output: [UInt8] = []
        var failure: Base64Error?
        let source = bytes.span
        let values = Self.values
        output.append(addingCapacity: range.count / 4 * 3 + 3) { output in
            failure = Self.decode(source, range, values.span, escapes, into: &output)
        }
        if let failure { throw failure }
        return output
    }

    /// Decodes four characters at a time, and one at a time around whatever is not in the alphabet.
    private static func decode(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ values: Span<UInt8>, _ escapes: Bool,
        into output: inout OutputSpan<UInt8>
    ) -> Base64Error? {
        var position = range.lowerBound
        let end = range.upperBound
        var group: UInt32 = 0
        var characters = 0
        var padding = 0
        while position < end {
            if characters == 0, padding == 0 {
                while position + 4 <= end {
                    let first = UInt32(values[Int(bytes[position])])
                    let second = UInt32(values[Int(bytes[position + 1])])
                    let third = UInt32(values[Int(bytes[position + 2])])
                    let fourth = UInt32(values[Int(bytes[position + 3])])
                    guard first | second | third | fourth < 64 else { break }
                    let group = first << 18 | second << 12 | third << 6 | fourth
                    output.append(UInt8(truncatingIfNeeded: group >> 16))
                    output.append(UInt8(truncatingIfNeeded: group >> 8))
                    output.append(UInt8(truncatingIfNeeded: group))
                    position += 4
                }
                guard position < end else { break }
            }
            var byte = bytes[position]
            var next = position + 1
            if byte == 0x5C, escapes {
                let (codePoint, after) = Unescaping.escape(bytes, at: position, to: end)
                guard codePoint < 0x80 else { return Base64Error(.unexpectedByte, at: position) }
                (byte, next) = (UInt8(codePoint), after)
            }
            let value = values[Int(byte)]
            if value < 64 {
                guard padding == 0 else { return Base64Error(.misplacedPadding, at: position) }
                group = group << 6 | UInt32(value)
                characters += 1
                if characters == 4 {
                    output.append(UInt8(truncatingIfNeeded: group >> 16))
                    output.append(UInt8(truncatingIfNeeded: group >> 8))
                    output.append(UInt8(truncatingIfNeeded: group))
                    (group, characters) = (0, 0)
                }
            } else if byte == 0x3D {
                padding += 1
                guard characters >= 2, characters + padding <= 4 else {
                    return Base64Error(.misplacedPadding, at: position)
                }
            } else if byte != 0x0A, byte != 0x0D {
                return Base64Error(.unexpectedByte, at: position)
            }
            position = next
        }
        return finish(group, characters, at: end, into: &output)
    }

    /// The bytes of the last two or three characters.
    private static func finish(
        _ group: UInt32, _ characters: Int, at end: Int, into output: inout OutputSpan<UInt8>
    ) -> Base64Error? {
        switch characters {
        case 0: break
        case 2: output.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3:
            output.append(UInt8(truncatingIfNeeded: group >> 10))
            output.append(UInt8(truncatingIfNeeded: group >> 2))
        default: return Base64Error(.unexpectedEnd, at: end)
        }
        return nil
    }
}
