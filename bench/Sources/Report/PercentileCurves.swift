import Results

/// The distribution of latencies: how long the slowest of ten, of a hundred, of a thousand answers take.
enum PercentileCurves {
    /// Beyond this a round of some seconds says nothing.
    private static let finest = 99.99

    /// The chart of a scenario; nil where no latency was measured.
    static func chart(of scenario: Scenario, in result: BenchmarkResult) -> String? {
        let lines = Targets(result).all.compactMap { number, name -> LineChart.Line? in
            let points = curve(result.rounds(of: scenario.name, target: name).map(\.latency))
            return points.isEmpty ? nil : LineChart.Line(name: name, target: number, points: points)
        }
        let points = lines.flatMap(\.points)
        guard let low = points.map(\.low).min(), let high = points.map(\.high).max(), low > 0,
            let last = points.map(\.x).max(), last > 0
        else { return nil }
        let ticks = Ticks.logarithmic(from: low, to: high)
        guard let lower = ticks.first, let upper = ticks.last, lower < upper else { return nil }
        let chart = LineChart(
            title: scenario.title, lines: lines, x: Scale(.percentile, from: 0, to: last),
            xTicks: Ticks.percentiles(upTo: last).map { .init(value: $0, text: NumberText.percentile($0)) },
            xTitle: "percentile of answers", y: Scale(.logarithmic, from: lower, to: upper),
            yTicks: ticks.map { .init(value: $0, text: NumberText.short($0)) }, yTitle: "latency, ms",
            extremes: .band)
        return chart.markup()
    }

    /// The median of the rounds at each percentile that most of them have.
    static func curve(_ rounds: [[PercentilePoint]]) -> [LineChart.Point] {
        var found: [Double: [Double]] = [:]
        for point in rounds.joined() where point.percentile <= finest && point.milliseconds > 0 {
            found[point.percentile, default: []].append(point.milliseconds)
        }
        let needed = rounds.filter { !$0.isEmpty }.count / 2 + 1
        return found.filter { $0.value.count >= needed }.sorted { $0.key < $1.key }.compactMap {
            percentile, values in
            Spread(values).map {
                LineChart.Point(x: percentile, y: $0.median, low: $0.minimum, high: $0.maximum)
            }
        }
    }
}
