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

    /// Of four characters that become three bytes, the bits of each where they belong: those of the first
    /// from 0 on, of the second from 256 on, and so forth; 1 << 24 for what is not in the alphabet.
    private static let placedValues: [UInt32] = (0..<1_024).map { index in
        let value = values[index & 0xFF]
        return value < 64 ? UInt32(value) << UInt32(18 - (index >> 8) * 6) : 1 << 24
    }

    init(escapes: Bool) { self.escapes = escapes }

    mutating func decode(_ bytes: [UInt8], in range: Range<Int>) throws(Base64Error) -> [UInt8] {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range must be of the bytes")
        var output: [UInt8] = []
        var failure: Base64Error?
        let source = bytes.span
        let values = Self.values
        let placed = Self.placedValues
        // Eight characters become six bytes, written as a word.
        output.append(addingCapacity: range.count / 4 * 3 + 8) { output in
            failure = Self.decode(source, range, values.span, placed.span, escapes, into: &output)
        }
        if let failure { throw failure }
        return output
    }

    /// Decodes eight characters at a time, and one at a time around whatever is not in the alphabet.
    private static func decode(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ values: Span<UInt8>, _ placed: Span<UInt32>,
        _ escapes: Bool, into output: inout OutputSpan<UInt8>
    ) -> Base64Error? {
        precondition(values.count == 256, "every byte has its value")
        var position = range.lowerBound
        let end = range.upperBound
        var group: UInt32 = 0
        var characters = 0
        var padding = 0
        while position < end {
            if characters == 0, padding == 0 {
                position = decodeEights(bytes, position, end, placed, into: &output)
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

    /// Decodes from `start` on, eight characters at a time, until fewer are left or one is not in the
    /// alphabet. Returns where it stopped.
    ///
    /// Safe for every argument: sources, table and room are checked before anything is read or written.
    private static func decodeEights(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ placed: Span<UInt32>,
        into output: inout OutputSpan<UInt8>
    ) -> Int {
        let eights = (end - start) / 8
        precondition(start >= 0 && end <= bytes.count && placed.count == 1_024, "the text has its bounds")
        precondition(output.freeCapacity >= eights * 6 + 2, "six bytes are written as a word of eight")
        return unsafe bytes.withUnsafeBytes { source in
            unsafe placed.withUnsafeBufferPointer { placed in
                unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                    guard let source = source.baseAddress, let placed = placed.baseAddress,
                        let buffer = buffer.baseAddress
                    else { return start }
                    let decoded = unsafe decode(
                        eights: eights, source + start, placed, into: UnsafeMutableRawPointer(buffer + count))
                    count += decoded * 6
                    return start + decoded * 8
                }
            }
        }
    }

    /// Decodes up to so many times eight characters, and returns how many times it did.
    @inline(__always)
    private static func decode(
        eights: Int, _ source: UnsafeRawPointer, _ placed: UnsafePointer<UInt32>,
        into target: UnsafeMutableRawPointer
    ) -> Int {
        var source = unsafe source
        var target = unsafe target
        for eight in 0..<eights {
            let first = unsafe bits(
                UInt32(littleEndian: source.loadUnaligned(as: UInt32.self)), placed)
            let second = unsafe bits(
                UInt32(littleEndian: source.loadUnaligned(fromByteOffset: 4, as: UInt32.self)), placed)
            guard first | second < 1 << 24 else { return eight }
            let bits = UInt64(first) << 40 | UInt64(second) << 16
            unsafe target.storeBytes(of: bits.bigEndian, as: UInt64.self)
            unsafe source += 8
            unsafe target += 6
        }
        return eights
    }

    /// The 24 bits of four characters, the lowest byte first; a bit more where one is not in the alphabet.
    @inline(__always)
    private static func bits(_ characters: UInt32, _ placed: UnsafePointer<UInt32>) -> UInt32 {
        unsafe placed[Int(characters & 0xFF)] | placed[256 + Int(characters >> 8 & 0xFF)]
            | placed[512 + Int(characters >> 16 & 0xFF)] | placed[768 + Int(characters >> 24)]
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
