/// A double as Python's `repr` writes it: the shortest digits that read back as the same double, positional
/// between 1e-4 and 1e16, with `.0` after whole numbers, and an exponent of at least two digits elsewhere.
enum PythonFloat {
    /// Appends the number at `start` of `source`, which has a fraction or an exponent.
    static func append(_ source: [UInt8], at start: Int, to output: inout [UInt8]) {
        let bytes = source.span
        let end = JSONNumber.end(bytes, from: start)
        if isCanonical(bytes, start, end) {
            output.append(contentsOf: source[start..<end])
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
    static func append(_ value: Double, to output: inout [UInt8]) {
        precondition(value.isFinite, "the parser lets only finite numbers in")
        var digits: [UInt8] = []
        digits.reserveCapacity(20)
        // Swift's description has the same shortest digits, but another shape between 2^53 and 1e16.
        var exponent = 0
        var pointPlace: Int?
        var text = value.description.utf8[...]
        if text.first == 0x2D {
            output.append(0x2D)
            text = text.dropFirst()
        }
        while let byte = text.popFirst() {
            switch byte {
            case 0x2E: pointPlace = digits.count
            case 0x65: exponent = self.exponent(text); text = text.suffix(0)
            default: digits.append(byte)
            }
        }
        // The value is 0.d1d2d3… × 10^scale.
        var scale = (pointPlace ?? digits.count) + exponent
        let leadingZeros = digits.prefix { $0 == 0x30 }.count
        if leadingZeros == digits.count {
            output.append(contentsOf: "0.0".utf8)
            return
        }
        digits.removeFirst(leadingZeros)
        scale -= leadingZeros
        while digits.last == 0x30 { digits.removeLast() }
        append(digits, scale, to: &output)
    }

    private static func exponent(_ text: Substring.UTF8View) -> Int {
        let isNegative = text.first == 0x2D
        var value = 0
        for byte in text where byte &- 0x30 < 10 { value = value * 10 + Int(byte - 0x30) }
        return isNegative ? -value : value
    }

    private static func append(_ digits: [UInt8], _ scale: Int, to output: inout [UInt8]) {
        if scale > 16 || scale < -3 {
            output.append(digits[0])
            if digits.count > 1 {
                output.append(0x2E)
                output.append(contentsOf: digits[1...])
            }
            let exponent = scale - 1
            output.append(0x65)
            output.append(exponent < 0 ? 0x2D : 0x2B)
            if abs(exponent) < 10 { output.append(0x30) }
            output.append(contentsOf: String(abs(exponent)).utf8)
        } else if scale <= 0 {
            output.append(contentsOf: "0.".utf8)
            output.append(contentsOf: repeatElement(0x30, count: -scale))
            output.append(contentsOf: digits)
        } else if scale >= digits.count {
            output.append(contentsOf: digits)
            output.append(contentsOf: repeatElement(0x30, count: scale - digits.count))
            output.append(contentsOf: ".0".utf8)
        } else {
            output.append(contentsOf: digits[..<scale])
            output.append(0x2E)
            output.append(contentsOf: digits[scale...])
        }
    }
}
