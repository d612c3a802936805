import Results

/// The programs of a result, as the report shows them: each has one colour and one marker everywhere.
struct Targets {
    /// How many colours there are; further targets take them again.
    static let colours = 5

    let names: [String]

    init(_ result: BenchmarkResult) { names = result.targets.map(\.name) }

    var all: [(number: Int, name: String)] {
        names.enumerated().map { ($0.offset % Self.colours, $0.element) }
    }

    /// The one that the others are compared with.
    var own: String { names.first ?? "" }

    /// A name with its marker.
    func heading(_ number: Int, _ name: String) -> Table.Cell {
        Table.Cell(content: key(number, name), classes: nil)
    }

    func key(_ number: Int, _ name: String) -> String {
        let marker = Markup.element(
            "svg", ["class": "key t\(number)", "viewBox": "0 0 12 12", "aria-hidden": "true"],
            Marker.drawing(number, x: 6, y: 6))
        return Markup.element("span", ["class": "name"], marker + Markup.escaped(name))
    }
}

extension BenchmarkResult {
    /// The scenarios of a group by their series, in the order of the run.
    func series(of group: Scenario.Group) -> [(name: String, scenarios: [Scenario])] {
        var found: [(name: String, scenarios: [Scenario])] = []
        for scenario in scenarios where scenario.group == group {
            if let index = found.firstIndex(where: { $0.name == scenario.series }) {
                found[index].scenarios.append(scenario)
            } else {
                found.append((scenario.series, [scenario]))
            }
        }
        return found
    }
}

extension Figure {
    /// For headings: `p50, ms`, `events a second`.
    var heading: String {
        switch unit {
        case .count: title
        case .perSecond: "\(title) a second"
        default: "\(title), \(unit.rawValue)"
        }
    }
}

extension Spread {
    /// A median, and in small print its range.
    func cell(of figure: Figure) -> Table.Cell {
        let median = Markup.escaped(NumberText.value(self.median, of: figure))
        guard count > 1, minimum < maximum else { return Table.Cell(content: median, classes: "number") }
        let range = "\(NumberText.rounded(minimum))–\(NumberText.rounded(maximum))"
        return Table.Cell(
            content: median + Markup.text("small", ["title": "least and greatest of \(count) rounds"], range),
            classes: "number")
    }
}
