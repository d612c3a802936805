import Results

/// The distribution of latencies: how long the slowest of ten, of a hundred, of a thousand answers take.
enum PercentileCurves {
    /// Beyond this a round of some seconds says nothing.
    private static let finest = 99.99
    /// Where the curves begin: the quickest answers of a load are those of its first moment, and would
    /// stretch the axis for nothing.
    private static let first = 10.0

    /// The chart of a scenario; nil where no latency was measured.
    static func chart(of scenario: Scenario, in result: BenchmarkResult) -> String? {
        let lines = Targets(result).all.compactMap { number, name -> LineChart.Line? in
            let points = curve(result.rounds(of: scenario.name, target: name).map(\.latency))
            return points.isEmpty ? nil : LineChart.Line(name: name, target: number, points: points)
        }
        let points = lines.flatMap(\.points)
        guard let low = points.map(\.low).min(), let high = points.map(\.high).max(), low > 0,
            let last = points.map(\.x).max(), last > first
        else { return nil }
        let (scale, ticks) = Ticks.logarithmicAxis(from: low, to: high)
        let chart = LineChart(
            title: scenario.title, lines: lines, x: Scale(.percentile, from: first, to: last),
            xTicks: Ticks.percentiles(upTo: last).map { .init(value: $0, text: NumberText.percentile($0)) },
            xTitle: "percentile of answers", y: scale,
            yTicks: ticks.map { .init(value: $0, text: NumberText.short($0)) }, yTitle: "latency, ms",
            extremes: .band)
        return chart.markup()
    }

    /// The median of the rounds at each percentile that all of them have: with fewer of them towards its
    /// end, a curve of medians could fall.
    static func curve(_ rounds: [[PercentilePoint]]) -> [LineChart.Point] {
        var found: [Double: [Double]] = [:]
        for point in rounds.joined()
        where (first...finest).contains(point.percentile) && point.milliseconds > 0 {
            found[point.percentile, default: []].append(point.milliseconds)
        }
        let needed = rounds.filter { !$0.isEmpty }.count
        return found.filter { $0.value.count >= needed }.sorted { $0.key < $1.key }.compactMap {
            percentile, values in
            Spread(values).map {
                LineChart.Point(x: percentile, y: $0.median, low: $0.minimum, high: $0.maximum)
            }
        }
    }
}
