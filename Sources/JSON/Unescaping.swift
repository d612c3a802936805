/// The content of a string without its escapes.
enum Unescaping {
    /// Appends the content whose text is at `range`, which the scanner has proven.
    ///
    /// Pairs of surrogate escapes become one code point; a lone one becomes WTF-8 (ED A0..BF xx), which no
    /// well-formed text contains, so that it can be told and written again as it was.
    static func append(_ bytes: Span<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
        // No escape stands for more bytes than it is written with; a run is written by whole words.
        output.append(addingCapacity: range.count + 8) { span in append(bytes, range, to: &span) }
    }

    private static func append(_ bytes: Span<UInt8>, _ range: Range<Int>, to output: inout OutputSpan<UInt8>)
    {
        var position = range.lowerBound
        let end = range.upperBound
        while position < end {
            position = output.append(plainRunOf: bytes, from: position, to: end)
            guard position < end else { return }
            guard bytes[position] == 0x5C else {
                output.append(bytes[position])
                position += 1
                continue
            }
            let (codePoint, next) = escape(bytes, at: position, to: end)
            output.append(codePoint: codePoint)
            position = next
        }
    }

    /// The code point that the escape at `position` (its backslash) stands for, and the position after it.
    static func escape(_ bytes: Span<UInt8>, at position: Int, to end: Int) -> (codePoint: UInt32, next: Int)
    {
        switch bytes[position + 1] {
        case 0x62: return (0x08, position + 2)
        case 0x66: return (0x0C, position + 2)
        case 0x6E: return (0x0A, position + 2)
        case 0x72: return (0x0D, position + 2)
        case 0x74: return (0x09, position + 2)
        case 0x75:
            let unit = Hexadecimal.unit(bytes, at: position + 2)
            guard unit & 0xFC00 == 0xD800, position + 12 <= end,
                bytes[position + 6] == 0x5C, bytes[position + 7] == 0x75
            else { return (unit, position + 6) }
            let low = Hexadecimal.unit(bytes, at: position + 8)
            guard low & 0xFC00 == 0xDC00 else { return (unit, position + 6) }
            return (0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF), position + 12)
        case let literal: return (UInt32(literal), position + 2)
        }
    }
}
