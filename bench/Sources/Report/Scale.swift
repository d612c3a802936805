import Foundation

/// Places values along an axis: 0 at its start, 1 at its end.
package struct Scale: Equatable, Sendable {
    package enum Form: Equatable, Sendable {
        case linear
        /// Equal ratios are equal distances. Values must be above zero.
        case logarithmic
        /// Percentiles, by how rare what lies beyond them is: 90, 99 and 99.9 are equally far apart.
        case percentile
        /// A few values, equally far apart, whatever lies between them.
        case ordinal([Double])
    }

    package let form: Form
    package let lower: Double
    package let upper: Double

    /// A scale from `lower` to `upper`, which must lie above it.
    package init(_ form: Form, from lower: Double, to upper: Double) {
        precondition(lower < upper, "an axis has an extent")
        if form == .logarithmic { precondition(lower > 0, "a logarithm needs values above zero") }
        if form == .percentile { precondition(upper < 100, "the 100th percentile is infinitely rare") }
        self.form = form
        self.lower = lower
        self.upper = upper
    }

    /// A scale of a few values, which is logarithmic where their distances can be seen on it.
    package init(ofPoints values: [Double]) {
        let distinct = Array(Set(values)).sorted()
        guard let first = distinct.first, let last = distinct.last, first < last else {
            self.init(.ordinal(distinct), from: 0, to: 1)
            return
        }
        if first > 0 {
            self.init(.logarithmic, from: first, to: last)
        } else {
            self.init(.ordinal(distinct), from: 0, to: Double(distinct.count - 1))
        }
    }

    /// Where `value` is; beyond 0...1 outside the axis.
    package func fraction(of value: Double) -> Double {
        (transformed(value) - transformedLower) / (transformedUpper - transformedLower)
    }

    private var transformedLower: Double { isOrdinal ? lower : transformed(lower) }
    private var transformedUpper: Double { isOrdinal ? upper : transformed(upper) }

    private var isOrdinal: Bool { if case .ordinal = form { true } else { false } }

    private func transformed(_ value: Double) -> Double {
        switch form {
        case .linear: value
        case .logarithmic: log10(max(value, .leastNormalMagnitude))
        case .percentile: Self.nines(of: min(value, upper))
        case .ordinal(let values):
            values.count == 1 ? 0.5 : Double(values.firstIndex { $0 >= value } ?? values.count - 1)
        }
    }

    /// How many nines a percentile has: 1 for 90, 2 for 99, and what lies between them.
    package static func nines(of percentile: Double) -> Double { -log10(1 - percentile / 100) }

    /// The percentile that has so many nines.
    package static func percentile(nines: Double) -> Double { 100 * (1 - pow(10, -nines)) }
}
