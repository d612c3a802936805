/// Reads numbers whose grammar the scanner has proven.
enum JSONNumber {
    /// The position after the number at `start`.
    static func end(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var position = start
        while position < bytes.count {
            switch bytes[position] {
            case 0x30...0x39, 0x2D, 0x2B, 0x2E, 0x65, 0x45: position += 1
            default: return position
            }
        }
        return position
    }

    /// The integer at `start`, nil where an `Int` cannot hold it.
    static func integer(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        let isNegative = bytes[start] == 0x2D
        var position = isNegative ? start + 1 : start
        var value = 0
        while position < bytes.count {
            let digit = bytes[position] &- 0x30
            guard digit < 10 else { break }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            // Counted downwards, since the smallest Int has no positive counterpart.
            let (sum, alsoOverflowed) = product.subtractingReportingOverflow(Int(digit))
            guard !overflowed, !alsoOverflowed else { return nil }
            value = sum
            position += 1
        }
        if isNegative { return value }
        return value == Int.min ? nil : -value
    }

    /// The nearest double; infinite where the number is beyond the range.
    static func double(_ bytes: Span<UInt8>) -> Double {
        var text = ""
        text.reserveCapacity(bytes.count)
        for index in bytes.indices { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        guard let value = Double(text) else { preconditionFailure("the number was not scanned before") }
        return value
    }
}
