/// The median of some rounds, with how far they lie apart.
package struct Spread: Equatable, Sendable {
    package let median: Double
    package let minimum: Double
    package let maximum: Double
    /// How many rounds there were.
    package let count: Int
    /// Where the rounds lie but for outliers: a tenth at each end, none of fewer than ten.
    private let usual: ClosedRange<Double>

    /// Nil without values: a figure that was not measured has no median.
    package init?(_ values: [Double]) {
        guard let median = Self.median(of: values), let minimum = values.min(), let maximum = values.max()
        else { return nil }
        self.median = median
        self.minimum = minimum
        self.maximum = maximum
        count = values.count
        let sorted = values.sorted()
        let outliers = values.count / 10
        usual = sorted[outliers]...sorted[values.count - 1 - outliers]
    }

    /// The middle value; the mean of the two middle ones where their number is even.
    package static func median(of values: [Double]) -> Double? {
        if values.isEmpty { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Whether the two ranges have a point in common, outliers left out.
    package func overlaps(_ other: Spread) -> Bool { usual.overlaps(other.usual) }
}
