/// The median of some rounds, with how far they lie apart.
public struct Spread: Equatable, Sendable {
    public let median: Double
    public let minimum: Double
    public let maximum: Double
    /// How many rounds there were.
    public let count: Int

    /// Nil without values: a figure that was not measured has no median.
    public init?(_ values: [Double]) {
        guard let median = Self.median(of: values), let minimum = values.min(), let maximum = values.max()
        else { return nil }
        self.median = median
        self.minimum = minimum
        self.maximum = maximum
        count = values.count
    }

    /// The middle value; the mean of the two middle ones where their number is even.
    public static func median(of values: [Double]) -> Double? {
        if values.isEmpty { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Whether the two ranges have a point in common.
    public func overlaps(_ other: Spread) -> Bool {
        minimum <= other.maximum && other.minimum <= maximum
    }
}
