import Foundation
package import Results

/// Numbers as people read them.
package enum NumberText {
    /// Three significant digits, thousands set apart: `0.0783`, `1.20`, `31,500`.
    package static func rounded(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let magnitude = abs(value)
        if magnitude == 0 { return "0" }
        let exponent = Int(floor(log10(magnitude)))
        if exponent >= 3 {
            let unit = pow(10, Double(exponent - 2))
            return grouped((value / unit).rounded() * unit)
        }
        if magnitude >= 999.5 { return grouped(value) }
        let text = String(format: "%.\(min(max(2 - exponent, 0), 6))f", value)
        // 9.996 has become 10.00.
        return text.filter(\.isNumber).drop { $0 == "0" }.count > 3
            ? String(text.dropLast()).trimmingPoint : text
    }

    /// As short as it is exact: `0.5`, `2`, `10,000`. For ticks, which are round.
    package static func short(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return grouped(value) }
        return String(format: "%.6g", value)
    }

    /// A number of bytes in the unit in which it is round or small.
    package static func bytes(_ value: Double) -> String {
        let units = ["B", "KiB", "MiB", "GiB"]
        var value = value
        var unit = 0
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        return "\(short((value * 10).rounded() / 10))\u{202F}\(units[unit])"
    }

    /// A percentile: `p50`, `p99.9`.
    package static func percentile(_ value: Double) -> String { "p\(short(value))" }

    /// A value of a figure with its unit.
    package static func value(_ value: Double, of figure: Figure) -> String {
        switch figure.unit {
        case .count: rounded(value)
        case .perSecond: "\(rounded(value))/s"
        case .percent: "\(rounded(value))\u{202F}%"
        case .ratio: "\(rounded(value))\u{202F}×"
        default: "\(rounded(value))\u{202F}\(figure.unit.rawValue)"
        }
    }

    /// A quotient: `0.44 ×`.
    package static func ratio(_ value: Double) -> String {
        let text = value >= 100 ? rounded(value) : String(format: value >= 10 ? "%.1f" : "%.2f", value)
        return "\(text)\u{202F}×"
    }

    private static func grouped(_ value: Double) -> String {
        let digits = Array(String(format: "%.0f", abs(value)))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return value < 0 ? "−\(text)" : text
    }
}

extension String {
    fileprivate var trimmingPoint: String { hasSuffix(".") ? String(dropLast()) : self }
}
