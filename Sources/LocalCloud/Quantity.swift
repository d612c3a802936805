/// Kubernetes' quantities, as far as an API server reads them: `1`, `500m`, `1.5Gi`, `2e3`.
struct Quantity: Equatable {
    /// Why a text is none.
    enum Failure: Error, Equatable {
        case form
        case suffix

        var message: String {
            switch self {
            case .form:
                "quantities must match the regular expression "
                    + "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            case .suffix: "unable to parse quantity's suffix"
            }
        }
    }

    /// As the server gives it back.
    let text: String
    /// Its value in thousandths, rounded up; saturated far beyond anything real.
    let thousandths: Double

    var isNegative: Bool { thousandths < 0 }

    init(_ given: [UInt8]) throws(Failure) {
        let trimmed = Self.trimmed(given)
        var at = 0
        var sign = 1.0
        if at < trimmed.count, trimmed[at] == 0x2B || trimmed[at] == 0x2D {
            if trimmed[at] == 0x2D { sign = -1 }
            at += 1
        }
        let numberAt = at
        while at < trimmed.count, Self.isDigit(trimmed[at]) || trimmed[at] == 0x2E { at += 1 }
        let number = String(decoding: trimmed[numberAt..<at], as: UTF8.self)
        let suffix = trimmed[at...]
        guard !number.isEmpty, Self.hasSuffixForm(suffix) else { throw .form }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, number != "." else { throw .form }
        guard let factor = Self.factor(String(decoding: suffix, as: UTF8.self)) else { throw .suffix }
        let normal =
            "\(parts[0].isEmpty ? "0" : parts[0]).\(parts.count == 2 && !parts[1].isEmpty ? parts[1] : "0")"
        thousandths = sign * ((Double(normal) ?? 0) * factor * 1_000)
        text = Self.canonical(trimmed, parts: parts.map(String.init), suffix: suffix, sign: sign)
    }

    /// Decimals go: `1.5` is `1500m`, `.5` is `500m`, `1.5Gi` is `1536Mi`. What has none stays as it is
    /// written.
    private static func canonical(
        _ given: ArraySlice<UInt8>, parts: [String], suffix: ArraySlice<UInt8>, sign: Double
    ) -> String {
        let text = String(decoding: given, as: UTF8.self)
        guard parts.count == 2, !parts[1].isEmpty else { return text }
        let whole = parts[0].isEmpty ? "0" : parts[0]
        guard let value = Double("\(whole).\(parts[1])") else { return text }
        if parts[1].allSatisfy({ $0 == "0" }) { return (sign < 0 ? "-" : "") + whole + Self.text(suffix) }
        guard let (unit, factor) = lower[Self.text(suffix)] else { return text }
        let scaled = (value * factor).rounded(.up)
        guard scaled < 9e15 else { return text }
        return (sign < 0 ? "-" : "") + String(Int(scaled)) + unit
    }

    /// Of each suffix the next smaller one, and how many of that make one of this.
    private static let lower: [String: (String, Double)] = [
        "": ("m", 1_000), "k": ("", 1_000), "M": ("k", 1_000), "G": ("M", 1_000), "T": ("G", 1_000),
        "Mi": ("Ki", 1_024), "Gi": ("Mi", 1_024), "Ti": ("Gi", 1_024), "Ki": ("", 1_024),
    ]

    private static let factors: [String: Double] = [
        "": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
        "E": 1e18,
        "Ki": 1_024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776,
        "Pi": 1_125_899_906_842_624, "Ei": 1_152_921_504_606_846_976,
    ]

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func factor(_ suffix: String) -> Double? {
        if let factor = factors[suffix] { return factor }
        guard let first = suffix.first, first == "e" || first == "E" else { return nil }
        guard let exponent = Int(suffix.dropFirst()), suffix.utf8.count > 1 else { return nil }
        return Double("1e\(exponent)")
    }

    /// `[eEinumkKMGTP]*[-+]?[0-9]*`
    private static func hasSuffixForm(_ suffix: ArraySlice<UInt8>) -> Bool {
        var rest = suffix
        while let byte = rest.first, "eEinumkKMGTP".utf8.contains(byte) { rest = rest.dropFirst() }
        if let byte = rest.first, byte == 0x2B || byte == 0x2D { rest = rest.dropFirst() }
        return rest.allSatisfy(isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
        var rest = text[...]
        while rest.first == 0x20 { rest = rest.dropFirst() }
        while rest.last == 0x20 { rest = rest.dropLast() }
        return ArraySlice(Array(rest))
    }
}
