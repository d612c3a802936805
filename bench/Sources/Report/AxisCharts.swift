import Results

/// A figure against what was varied: concurrency, size, images, the upstreams' latency.
enum AxisCharts {
    enum Vertical { case fromZero, logarithmic }

    /// The chart of one series and one figure; nil where there are no two points to compare.
    static func chart(
        _ figure: Figure, of series: [Scenario], titled title: String, in result: BenchmarkResult,
        vertical: Vertical, axisTitle: String? = nil
    ) -> String? {
        let lines = Targets(result).all.compactMap { number, name -> LineChart.Line? in
            let points = series.compactMap { scenario -> LineChart.Point? in
                guard let place = scenario.axis?.value,
                    let spread = result.spread(of: figure, scenario: scenario.name, target: name)
                else { return nil }
                return LineChart.Point(
                    x: place, y: spread.median, low: spread.minimum, high: spread.maximum)
            }.sorted { $0.x < $1.x }
            return points.isEmpty ? nil : LineChart.Line(name: name, target: number, points: points)
        }
        let places = Array(Set(lines.flatMap(\.points).map(\.x))).sorted()
        guard places.count > 1, let (scale, ticks) = axis(lines.flatMap(\.points), vertical) else {
            return nil
        }
        let axis = axisTitle ?? series.first?.axis?.name ?? ""
        let isBytes = series.first?.axis?.name == "bytes"
        return LineChart(
            title: title, lines: lines, x: Scale(ofPoints: places),
            xTicks: places.map {
                .init(value: $0, text: isBytes ? NumberText.bytes($0) : NumberText.short($0))
            },
            xTitle: axis, y: scale, yTicks: ticks, yTitle: figure.heading, extremes: .whiskers
        ).markup()
    }

    private static func axis(
        _ points: [LineChart.Point], _ vertical: Vertical
    ) -> (Scale, [LineChart.Tick])? {
        guard let low = points.map(\.low).min(), let high = points.map(\.high).max() else { return nil }
        func labelled(_ values: [Double]) -> [LineChart.Tick] {
            values.map { .init(value: $0, text: NumberText.short($0)) }
        }
        if vertical == .logarithmic, low > 0 {
            let (scale, values) = Ticks.logarithmicAxis(from: low, to: high)
            return (scale, labelled(values))
        }
        let values = Ticks.linear(upTo: high)
        return (Scale(.linear, from: 0, to: values[values.count - 1]), labelled(values))
    }
}
