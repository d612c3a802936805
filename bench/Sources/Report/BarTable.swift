/// Horizontal bars with their values beside them, all on one axis. It is a table, so that it can be read as
/// one.
struct BarTable {
    struct Segment {
        var start: Double
        var end: Double
        var isStrong: Bool
    }

    struct Row {
        var name: String
        var target: Int
        /// Whether the name is a target's, and gets its marker.
        var isTarget: Bool
        var segments: [Segment]
        var value: String
        /// The extremes of the rounds, where they say something.
        var range: ClosedRange<Double>?
    }

    /// What took no time at all is drawn as a thin stroke, as a part of the axis.
    private static let thinnest = 0.002

    var rows: [(heading: String?, rows: [Row])]
    var unit: String

    /// Ticks up to the longest bar.
    private var ticks: [Double] {
        let rows = rows.flatMap(\.rows)
        let ends = rows.flatMap(\.segments).map(\.end) + rows.compactMap(\.range?.upperBound)
        return Ticks.linear(upTo: ends.max() ?? 0, count: 4)
    }

    func markup(targets: Targets) -> String {
        let ticks = ticks
        let extent = ticks.last ?? 1
        let head = Markup.element(
            "tr", [Markup.text("th", ["class": "unit"], unit), axis(ticks, extent), "<td></td>"])
        let body = rows.flatMap { group in
            let heading = group.heading.map {
                Markup.element(
                    "tr", ["class": "heading"], Markup.text("th", ["scope": "rowgroup", "colspan": "3"], $0))
            }
            return (heading.map { [$0] } ?? []) + group.rows.map { line($0, ticks, extent, targets) }
        }
        return Markup.element("table", ["class": "bars"], [head] + body)
    }

    private func line(_ row: Row, _ ticks: [Double], _ extent: Double, _ targets: Targets) -> String {
        let name = row.isTarget ? targets.key(row.target, row.name) : Markup.escaped(row.name)
        return Markup.element(
            "tr", ["class": "t\(row.target)"],
            [
                Markup.element("th", ["scope": "row", "class": row.isTarget ? nil : "phase"], name),
                bar(row.segments, row.range, ticks, extent),
                Markup.text("td", ["class": "number"], row.value),
            ])
    }

    private func bar(
        _ segments: [Segment], _ range: ClosedRange<Double>?, _ ticks: [Double], _ extent: Double
    ) -> String {
        var parts = ticks.map { tick in
            let place = Markup.percent(tick / extent)
            return Markup.empty("line", ["class": "grid", "x1": place, "x2": place, "y1": "0", "y2": "100%"])
        }
        parts += segments.map { segment in
            Markup.empty(
                "rect",
                [
                    "class": segment.isStrong ? "bar strong" : "bar",
                    "x": Markup.percent(segment.start / extent), "y": "4", "height": "14",
                    "width": Markup.percent(max((segment.end - segment.start) / extent, Self.thinnest)),
                ])
        }
        if let range {
            parts.append(
                Markup.empty(
                    "line",
                    [
                        "class": "extremes", "x1": Markup.percent(range.lowerBound / extent), "y1": "11",
                        "x2": Markup.percent(range.upperBound / extent), "y2": "11",
                    ]))
        }
        let drawing = Markup.element("svg", ["width": "100%", "height": "22", "aria-hidden": "true"], parts)
        return Markup.element("td", ["class": "bar"], drawing)
    }

    private func axis(_ ticks: [Double], _ extent: Double) -> String {
        let labels = ticks.enumerated().map { index, tick in
            Markup.text(
                "text",
                [
                    "class": "tick", "x": Markup.percent(tick / extent), "y": "13",
                    "text-anchor": index == 0 ? "start" : index == ticks.count - 1 ? "end" : "middle",
                ], NumberText.short(tick))
        }
        let drawing = Markup.element("svg", ["width": "100%", "height": "18", "aria-hidden": "true"], labels)
        return Markup.element("td", ["class": "bar"], drawing)
    }
}
