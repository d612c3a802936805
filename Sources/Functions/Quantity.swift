/// A Kubernetes quantity that an API server takes for a request: `1`, `0.5`, `500m`, `256Mi`, `1Gi`, `1e3`.
///
/// Grammar of `resource.Quantity`: a sign, digits with at most one point, then one of the binary suffixes
/// Ki to Ei, the decimal ones n, u, m, k, M, G, T, P, E, or an exponent `e3`, `E-3`. White space around it
/// is dropped, as the server does. Negative ones are refused here, since the server refuses them (422);
/// `-0` is none.
struct Quantity: ProvenText {
    /// Digits, points and exponents of one quantity are few; the server's own limit is the event's.
    static let lengthMax = 256
    /// The server keeps 1e999 as its maximum; larger exponents only cost it time.
    static let exponentDigitsMax = 3

    let text: String
    /// The value, where the text is digits only: a default of the CPUs is then written as a JSON integer.
    let integer: Int?

    init?(_ bytes: some Collection<UInt8>) {
        var trimmed = Array(bytes)[...]
        while let first = trimmed.first, Self.isSpace(first) { trimmed.removeFirst() }
        while let last = trimmed.last, Self.isSpace(last) { trimmed.removeLast() }
        guard trimmed.count <= Self.lengthMax, Self.isValid(trimmed) else { return nil }
        text = String(decoding: trimmed, as: UTF8.self)
        integer = trimmed.allSatisfy(ASCII.isDigit) ? Int(text) : nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        let isNegative = rest.first == 0x2D
        if isNegative || rest.first == 0x2B { rest.removeFirst() }
        var digits = 0
        var points = 0
        var isZero = true
        while let byte = rest.first, ASCII.isDigit(byte) || byte == 0x2E {
            if byte == 0x2E { points += 1 } else { digits += 1 }
            if byte != 0x2E, byte != 0x30 { isZero = false }
            rest.removeFirst()
        }
        return digits > 0 && points <= 1 && (isZero || !isNegative) && isSuffix(rest)
    }

    private static func isSuffix(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first else { return true }
        switch first {
        case UInt8(ascii: "M"), UInt8(ascii: "G"), UInt8(ascii: "T"), UInt8(ascii: "P"), UInt8(ascii: "E"):
            if bytes.count == 1 || bytes.count == 2 && bytes.last == UInt8(ascii: "i") { return true }
        case UInt8(ascii: "K"):
            return bytes.count == 2 && bytes.last == UInt8(ascii: "i")
        case UInt8(ascii: "n"), UInt8(ascii: "u"), UInt8(ascii: "m"), UInt8(ascii: "k"):
            return bytes.count == 1
        default: break
        }
        guard bytes.first == 0x65 || bytes.first == 0x45 else { return false }
        var digits = bytes.dropFirst()
        if digits.first == 0x2B || digits.first == 0x2D { digits.removeFirst() }
        return !digits.isEmpty && digits.allSatisfy(ASCII.isDigit)
            && digits.drop { $0 == 0x30 }.count <= exponentDigitsMax
    }
}
