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
        if let value = positionalDouble(bytes) { return value }
        var text: [UInt8] = []
        text.append(addingCapacity: bytes.count) { $0.append(copying: bytes, bytes.indices) }
        guard let value = Double(String(decoding: text, as: UTF8.self)) else {
            preconditionFailure("the number was not scanned before")
        }
        return value
    }

    /// The double of a number without exponent that has at most 19 digits after its leading zeros and at
    /// most 19 after the point: nearly every number there is. Nil for others.
    private static func positionalDouble(_ bytes: Span<UInt8>) -> Double? {
        var mantissa: UInt64 = 0
        var digits = 0
        var fractionDigits = 0
        var isFraction = false
        let isNegative = bytes[0] == 0x2D
        for position in (isNegative ? 1 : 0)..<bytes.count {
            let digit = bytes[position] &- 0x30
            if digit < 10 {
                mantissa = mantissa &* 10 &+ UInt64(digit)
                // By what is read: a mantissa of twenty digits may have wrapped around to 0.
                if digits > 0 || digit != 0 { digits += 1 }
                if isFraction { fractionDigits += 1 }
                guard digits <= 19, fractionDigits <= 19 else { return nil }
            } else if bytes[position] == 0x2E {
                isFraction = true
            } else {
                return nil
            }
        }
        let magnitude = quotient(mantissa, powersOfTen[fractionDigits])
        return isNegative ? -magnitude : magnitude
    }

    private static let powersOfTen: [UInt64] = [
        1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
        100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
        10_000_000_000_000_000, 100_000_000_000_000_000, 1_000_000_000_000_000_000,
        10_000_000_000_000_000_000,
    ]

    /// The double nearest to a quotient, ties to even. The divisor is a power of ten.
    private static func quotient(_ dividend: UInt64, _ divisor: UInt64) -> Double {
        // Both are exact doubles (10^19 is), so their quotient is rounded once.
        if dividend <= 1 << 53 { return Double(dividend) / Double(divisor) }
        // Otherwise the division is done in integers, with so many bits that the remainder only breaks ties.
        let shift = dividend.leadingZeroBitCount + 60
        let (whole, remainder) = (UInt128(dividend) << shift).quotientAndRemainder(
            dividingBy: UInt128(divisor))
        let dropped = max(0, 64 - whole.leadingZeroBitCount)
        let kept = UInt64(truncatingIfNeeded: whole >> dropped)
        let isExact = remainder == 0 && UInt128(kept) << dropped == whole
        // A UInt64 of 60 bits and more becomes a double by one rounding, and its last bit stands for all
        // the rest.
        let rounded = Double(kept | (isExact ? 0 : 1))
        return rounded * Double(bitPattern: UInt64(1_023 + dropped - shift) << 52)
    }
}
