/// A double as Python's `repr` writes it: the shortest digits that read back as the same double, positional
/// between 1e-4 and 1e16, with `.0` after whole numbers, and an exponent of at least two digits elsewhere.
enum PythonFloat {
    /// The length of `-1.7976931348623157e+308`, and one to spare.
    static let lengthMax = 25

    /// Appends the number at `start`, which has a fraction or an exponent.
    static func append(_ bytes: Span<UInt8>, at start: Int, to output: inout OutputSpan<UInt8>) {
        let end = JSONNumber.end(bytes, from: start)
        if isCanonical(bytes, start, end) {
            output.append(copying: bytes, start..<end)
        } else {
            append(JSONNumber.double(bytes.extracting(start..<end)), to: &output)
        }
    }

    /// Whether the text is its own `repr`, told without converting it.
    ///
    /// A decimal of at most 15 significant digits comes back from a double unchanged (DBL_DIG), and no
    /// shorter one reads as the same double: so a positional text of that size that has no superfluous zero
    /// is what `repr` writes.
    static func isCanonical(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let first = bytes[start] == 0x2D ? start + 1 : start
        let point = JSONScanner.digits(bytes, from: first, to: end)
        guard point < end, bytes[point] == 0x2E, JSONScanner.digits(bytes, from: point + 1, to: end) == end
        else {
            return false
        }
        let fractionDigits = end - point - 1
        guard point - first + fractionDigits <= 15 else { return false }
        if bytes[end - 1] == 0x30 { return fractionDigits == 1 }
        // 0.0001 is positional, anything smaller is not.
        guard bytes[first] == 0x30 else { return true }
        for position in point + 1..<min(point + 5, end) where bytes[position] != 0x30 { return true }
        return false
    }

    /// Appends a finite double.
    static func append(_ value: Double, to output: inout OutputSpan<UInt8>) {
        precondition(value.isFinite, "the parser lets only finite numbers in")
        // Swift's description has the same shortest digits, and the same shape between 1e-4 and 2^53.
        // Above, it goes over to exponents earlier than Python.
        let description = value.description
        let text = description.utf8
        let isPositional = (1e-4..<9_007_199_254_740_992).contains(abs(value)) || value == 0
        guard !isPositional, let mark = text.firstIndex(of: 0x65) else {
            return output.append(ascii: description)
        }
        var digits: [UInt8] = []
        digits.reserveCapacity(20)
        for byte in text[..<mark] where byte &- 0x30 < 10 { digits.append(byte) }
        while digits.count > 1, digits.last == 0x30 { digits.removeLast() }
        // One digit before the point: the value is 0.d1d2d3… × 10^scale.
        let scale = exponent(text[text.index(after: mark)...]) + 1
        if text.first == 0x2D { output.append(0x2D) }
        append(digits, scale, to: &output)
    }

    private static func exponent(_ text: Substring.UTF8View) -> Int {
        var value = 0
        for byte in text where byte &- 0x30 < 10 { value = value * 10 + Int(byte - 0x30) }
        return text.first == 0x2D ? -value : value
    }

    private static func append(_ digits: [UInt8], _ scale: Int, to output: inout OutputSpan<UInt8>) {
        if scale > 16 || scale < -3 {
            output.append(digits[0])
            if digits.count > 1 { output.append(0x2E) }
            for digit in digits[1...] { output.append(digit) }
            let exponent = scale - 1
            output.append(0x65)
            output.append(exponent < 0 ? 0x2D : 0x2B)
            if abs(exponent) < 10 { output.append(0x30) }
            output.append(ascii: String(abs(exponent)))
            return
        }
        precondition(scale > 0, "Swift's description of a small number has an exponent only below 1e-4")
        for index in 0..<max(scale, digits.count) {
            if index == scale { output.append(0x2E) }
            output.append(index < digits.count ? digits[index] : 0x30)
        }
        if scale >= digits.count { output.append(ascii: ".0") }
    }
}
