import Foundation

/// A chart of lines, each named at its end.
struct LineChart {
    struct Point {
        var x: Double
        var y: Double
        /// The extremes of the rounds.
        var low: Double
        var high: Double
    }

    struct Line {
        var name: String
        /// The number of the target, which decides colour and marker.
        var target: Int
        var points: [Point]
    }

    struct Tick {
        var value: Double
        var text: String
    }

    /// How the extremes of the rounds are shown.
    enum Extremes { case band, whiskers }

    var title: String
    var lines: [Line]
    var x: Scale
    var xTicks: [Tick]
    var xTitle: String
    var y: Scale
    var yTicks: [Tick]
    var yTitle: String
    var extremes: Extremes

    private static let width = 380.0
    private static let height = 246.0
    private static let top = 24.0
    private static let bottom = 40.0
    private static let left = 48.0
    /// The width of a character of a label, more or less.
    private static let character = 6.4
    private static let labelDistance = 14.0

    private var right: Double {
        18 + Self.character * Double(lines.map(\.name.count).max() ?? 0)
    }
    private var plotWidth: Double { Self.width - Self.left - right }
    private var plotHeight: Double { Self.height - Self.top - Self.bottom }

    private func px(_ value: Double) -> Double { Self.left + x.fraction(of: value) * plotWidth }
    private func py(_ value: Double) -> Double {
        Self.top + (1 - min(max(y.fraction(of: value), 0), 1)) * plotHeight
    }

    /// The figure: caption and drawing.
    func markup() -> String {
        let drawing = Markup.element(
            "svg",
            [
                "viewBox": "0 0 \(Markup.number(Self.width)) \(Markup.number(Self.height))", "role": "img",
                "aria-label": "\(title): \(yTitle) by \(xTitle)",
            ], [grid(), xAxis()] + lines.map(drawing(of:)) + [labels()])
        return Markup.element(
            "figure", ["class": "chart"], [Markup.text("figcaption", title), drawing])
    }

    private func grid() -> String {
        let end = Self.left + plotWidth
        let marks = yTicks.map { tick in
            let place = Markup.number(py(tick.value))
            return Markup.empty(
                "line",
                [
                    "class": "grid", "x1": Markup.number(Self.left), "x2": Markup.number(end), "y1": place,
                    "y2": place,
                ])
                + Markup.text(
                    "text",
                    [
                        "class": "tick", "x": Markup.number(Self.left - 6), "y": place, "dy": "0.32em",
                        "text-anchor": "end",
                    ], tick.text)
        }
        let unit = Markup.text(
            "text", ["class": "unit", "x": "0", "y": Markup.number(Self.top - 12)], yTitle)
        return marks.joined() + unit
    }

    private func xAxis() -> String {
        let base = Self.top + plotHeight
        var marks = [
            Markup.empty(
                "line",
                [
                    "class": "axis", "x1": Markup.number(Self.left),
                    "x2": Markup.number(Self.left + plotWidth),
                    "y1": Markup.number(base), "y2": Markup.number(base),
                ])
        ]
        var free = -Double.infinity
        for tick in xTicks {
            let place = px(tick.value)
            marks.append(
                Markup.empty(
                    "line",
                    [
                        "class": "axis", "x1": Markup.number(place), "x2": Markup.number(place),
                        "y1": Markup.number(base), "y2": Markup.number(base + 4),
                    ]))
            let half = Double(tick.text.count) * Self.character / 2
            // A label that would touch the one before it is left out; its mark stays.
            guard place - half > free else { continue }
            free = place + half + 4
            marks.append(
                Markup.text(
                    "text",
                    [
                        "class": "tick", "x": Markup.number(place), "y": Markup.number(base + 16),
                        "text-anchor": "middle",
                    ], tick.text))
        }
        marks.append(
            Markup.text(
                "text",
                [
                    "class": "unit", "x": Markup.number(Self.left + plotWidth / 2),
                    "y": Markup.number(base + 33), "text-anchor": "middle",
                ], xTitle))
        return marks.joined()
    }

    private func drawing(of line: Line) -> String {
        let path = line.points.map { "\(Markup.number(px($0.x))),\(Markup.number(py($0.y)))" }
        var parts: [String] = []
        switch extremes {
        case .band: parts.append(band(of: line))
        case .whiskers: parts += line.points.map(whisker)
        }
        parts.append(Markup.empty("polyline", ["class": "line", "points": path.joined(separator: " ")]))
        if extremes == .whiskers {
            parts += line.points.map { point in
                Marker.drawing(line.target, x: px(point.x), y: py(point.y))
            }
        }
        return Markup.element("g", ["class": "t\(line.target)"], parts)
    }

    private func band(of line: Line) -> String {
        let there = line.points.map { "\(Markup.number(px($0.x))),\(Markup.number(py($0.high)))" }
        let back = line.points.reversed().map { "\(Markup.number(px($0.x))),\(Markup.number(py($0.low)))" }
        return Markup.empty("polygon", ["class": "band", "points": (there + back).joined(separator: " ")])
    }

    private func whisker(_ point: Point) -> String {
        let place = Markup.number(px(point.x))
        return Markup.empty(
            "line",
            [
                "class": "whisker", "x1": place, "x2": place, "y1": Markup.number(py(point.low)),
                "y2": Markup.number(py(point.high)),
            ])
    }

    /// The names beside the chart, moved apart where lines end close together, each joined to its line's end.
    private func labels() -> String {
        let ends = lines.compactMap { line in line.points.last.map { (line, px($0.x), py($0.y)) } }
        let places = Self.spread(
            ends.map(\.2), distance: Self.labelDistance, within: Self.top...(Self.top + plotHeight))
        let edge = Self.left + plotWidth
        return zip(ends, places).map { end, place in
            let corners = [(end.1 + 4, end.2), (max(edge, end.1) + 4, end.2), (edge + 11, place)]
            let leader = Markup.empty(
                "polyline",
                [
                    "class": "leader",
                    "points": corners.map { "\(Markup.number($0.0)),\(Markup.number($0.1))" }
                        .joined(separator: " "),
                ])
            let name = Markup.text(
                "text",
                ["class": "label", "x": Markup.number(edge + 14), "y": Markup.number(place), "dy": "0.32em"],
                end.0.name)
            return Markup.element("g", ["class": "t\(end.0.target)"], leader + name)
        }.joined()
    }

    /// Moves places apart, as little as can be, and keeps their order.
    static func spread(
        _ places: [Double], distance: Double, within range: ClosedRange<Double>
    ) -> [Double] {
        let order = places.indices.sorted { places[$0] < places[$1] }
        var moved = places
        var floor = range.lowerBound
        for index in order {
            moved[index] = max(moved[index], floor)
            floor = moved[index] + distance
        }
        var ceiling = max(range.upperBound, range.lowerBound + distance * Double(places.count - 1))
        for index in order.reversed() {
            moved[index] = min(moved[index], ceiling)
            ceiling = moved[index] - distance
        }
        return moved
    }
}

/// The shapes by which targets differ besides their colours.
enum Marker {
    static func drawing(_ target: Int, x: Double, y: Double) -> String {
        let size = 3.6
        switch target % 4 {
        case 0:
            return Markup.empty(
                "circle",
                ["class": "marker", "cx": Markup.number(x), "cy": Markup.number(y), "r": Markup.number(size)])
        case 1:
            return Markup.empty(
                "rect",
                [
                    "class": "marker", "x": Markup.number(x - 3.2), "y": Markup.number(y - 3.2),
                    "width": "6.4",
                    "height": "6.4",
                ])
        case 2: return polygon([(x, y - 4.2), (x + 4, y + 3.2), (x - 4, y + 3.2)])
        default: return polygon([(x, y - 4.6), (x + 4.6, y), (x, y + 4.6), (x - 4.6, y)])
        }
    }

    private static func polygon(_ corners: [(Double, Double)]) -> String {
        let points = corners.map { "\(Markup.number($0.0)),\(Markup.number($0.1))" }.joined(separator: " ")
        return Markup.empty("polygon", ["class": "marker", "points": points])
    }
}
