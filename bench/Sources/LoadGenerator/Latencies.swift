private import Histogram

/// A distribution of latencies: an HDR histogram of nanoseconds, three digits up to two minutes.
package struct Latencies: Sendable {
    private static let most: UInt64 = 120_000_000_000

    private var histogram = Histogram<UInt64>(
        highestTrackableValue: most, numberOfSignificantValueDigits: .three)

    package init() {}

    package var count: Int { Int(histogram.totalCount) }

    /// What is longer than two minutes counts as two minutes.
    package mutating func record(_ nanoseconds: UInt64) { histogram.record(min(nanoseconds, Self.most)) }

    package mutating func add(_ other: Latencies) { histogram.add(other.histogram) }

    package func milliseconds(_ percentile: Double) -> Double {
        let value = percentile >= 100 ? histogram.max : histogram.valueAtPercentile(percentile)
        return Double(value) / 1e6
    }

    package var meanMilliseconds: Double { histogram.mean / 1e6 }
}
