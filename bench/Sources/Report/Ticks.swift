import Foundation

/// Round values at which an axis is labelled.
package enum Ticks {
    /// Multiples of 1, 2 or 5 times a power of ten from zero to just beyond `maximum`, about `count` of them.
    package static func linear(upTo maximum: Double, count: Int = 5) -> [Double] {
        guard maximum > 0 else { return [0, 1] }
        let rough = maximum / Double(count)
        let power = pow(10, floor(log10(rough)))
        let step = ([1, 2, 5, 10].first { $0 * power >= rough * 0.999_999 } ?? 10) * power
        let last = Int((maximum / step * 0.999_999).rounded(.up))
        return (0...last).map { Double($0) * step }
    }

    /// Round values that enclose `minimum` to `maximum`: 1, 2 and 5 of each power of ten, or the powers alone
    /// where there are many.
    package static func logarithmic(from minimum: Double, to maximum: Double) -> [Double] {
        precondition(minimum > 0 && maximum >= minimum, "a logarithm needs values above zero")
        let decades = log10(maximum) - log10(minimum)
        let digits: [Double] = decades <= 2.2 ? [1, 2, 5] : [1]
        let first = Int(floor(log10(minimum))) - 1
        let last = Int(ceil(log10(maximum))) + 1
        let candidates = (first...last).flatMap { power in digits.map { round($0, power: power) } }
        // A hair's breadth of rounding must not cost a tick.
        let lower = candidates.last { $0 <= minimum * 1.000_001 } ?? candidates[0]
        let upper = candidates.first { $0 >= maximum * 0.999_999 && $0 > lower }
        return candidates.filter { $0 >= lower && $0 <= upper ?? .infinity }
    }

    /// A logarithmic axis that is little longer than the values need, and the ticks on it: two at least.
    package static func logarithmicAxis(from minimum: Double, to maximum: Double) -> (Scale, [Double]) {
        let enclosing = logarithmic(from: minimum, to: maximum)
        let lower = max(enclosing[0], minimum / margin)
        let upper = min(enclosing[enclosing.count - 1], maximum * margin)
        let inside = enclosing.filter { $0 >= lower && $0 <= upper }
        if inside.count >= 2 { return (Scale(.logarithmic, from: lower, to: upper), inside) }
        return (Scale(.logarithmic, from: enclosing[0], to: enclosing[enclosing.count - 1]), enclosing)
    }

    /// What an axis has beyond its values, as a ratio.
    private static let margin = 1.2

    /// The percentiles that people name, up to `maximum`.
    package static func percentiles(upTo maximum: Double) -> [Double] {
        [50, 90, 99, 99.9, 99.99, 99.999].filter { $0 <= maximum + 1e-9 }
    }

    /// Exact where a product with a power of ten would not be: 0.3 and not 0.30000000000000004.
    private static func round(_ digit: Double, power: Int) -> Double {
        power < 0 ? digit / pow(10, Double(-power)) : digit * pow(10, Double(power))
    }
}
