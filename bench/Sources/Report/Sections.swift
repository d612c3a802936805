import Results

/// The parts of the page between the summary and the tables.
struct Sections {
    let result: BenchmarkResult

    /// Scenarios whose curves are open from the start; the others are a click away.
    private static let openSeries = ["heartbeat", "question"]

    func latency() -> String {
        var open: [String] = []
        var closed: [(title: String, charts: [String])] = []
        for (name, scenarios) in result.series(of: .events) {
            let charts = scenarios.compactMap { PercentileCurves.chart(of: $0, in: result) }
            if Self.openSeries.contains(name) {
                open += charts
            } else if !charts.isEmpty {
                closed.append((name, charts))
            }
        }
        for (group, title) in [
            (Scenario.Group.rates, "at a rate"), (.upstreamLatency, "slow upstreams"),
            (.faults, "failing upstreams"),
            (.slowClients, "slow clients"), (.registry, "look-ups"),
        ] {
            let charts = result.scenarios.filter { $0.group == group }
                .compactMap { PercentileCurves.chart(of: $0, in: result) }
            if !charts.isEmpty { closed.append((title, charts)) }
        }
        if open.isEmpty, !closed.isEmpty { open = closed.removeFirst().charts }
        return section(
            "Latency", id: "latency",
            "Each curve says how long the given share of the answers took at most: at p99, one of a hundred "
                + "took longer. Further right is rarer; lower is better. A light band spans the rounds.",
            [grid(open)] + closed.map { details("More: \($0.title)", grid($0.charts)) })
    }

    func throughput() -> String {
        let charts = result.series(of: .events).compactMap { name, scenarios in
            AxisCharts.chart(
                .eventsPerSecond, of: scenarios, titled: "Events a second: \(name)", in: result,
                vertical: .fromZero, axisTitle: "events at once")
        }
        let cpu = result.series(of: .events).filter { Self.openSeries.contains($0.name) }.compactMap {
            name, scenarios in
            AxisCharts.chart(
                .cpuPerEvent, of: scenarios, titled: "CPU time an event: \(name)", in: result,
                vertical: .fromZero, axisTitle: "events at once")
        }
        return section(
            "Throughput and CPU time", id: "throughput",
            "Events are sent as fast as they are answered, so many at once. More a second is better; less CPU "
                + "time is better. Thin strokes span the rounds.", [grid(charts + cpu)])
    }

    func coldStart() -> String {
        section(
            "Cold start", id: "cold-start",
            "From exec to the answer, seen from outside. Each bar is the time up to the named moment, counted "
                + "from the moment before; the number is the time since exec.",
            result.scenarios.filter { $0.group == .coldStart }.compactMap {
                BarCharts.coldStart($0, in: result)
            })
    }

    func sizes() -> String {
        let charts = result.series(of: .sizes).flatMap { name, scenarios in
            [
                (Figure.latencyP50, "Latency"), (.cpuPerEvent, "CPU time"), (.cpuPerByte, "CPU time a byte"),
                (.peakMemory, "Peak memory"),
            ].compactMap { figure, title in
                AxisCharts.chart(
                    figure, of: scenarios, titled: "\(title): \(name)", in: result, vertical: .logarithmic,
                    axisTitle: "size of the event")
            }
        }
        return section(
            "Cost against size", id: "sizes",
            "Both axes are logarithmic: where a cost grows with the size, its line rises like the diagonal, and "
                + "its cost a byte is flat.", [grid(charts)])
    }

    func memory() -> String {
        section(
            "Memory", id: "memory",
            "Of the process and its children, in MiB: the whole bar is what it holds (PSS), the solid part, in "
                + "brackets, what is its own alone (anonymous). Scales differ from chart to chart.",
            result.series(of: .memory).compactMap { BarCharts.memory($0.scenarios, in: result) }.map {
                Markup.element("figure", [$0])
            })
    }

    func others() -> String {
        let registry = result.series(of: .registry).compactMap { name, scenarios in
            AxisCharts.chart(
                .latencyP50, of: scenarios, titled: "Look-up, p50: \(name)", in: result, vertical: .fromZero,
                axisTitle: "images in the repository")
        }
        let upstream = result.series(of: .upstreamLatency).flatMap { name, scenarios in
            [Figure.latencyP50, .eventsPerSecond].compactMap { figure in
                AxisCharts.chart(
                    figure, of: scenarios, titled: "\(figure.title), slow upstreams: \(name)", in: result,
                    vertical: .fromZero)
            }
        }
        return section(
            "Repository size and slow upstreams", id: "surroundings",
            "The size of the repository should not matter; what the upstreams take is waited for by everyone.",
            [grid(registry + upstream)])
    }

    /// All figures of all scenarios.
    func tables() -> String {
        let targets = Targets(result)
        let groups = Scenario.Group.allCases.compactMap { group -> String? in
            let scenarios = result.scenarios.filter { $0.group == group }
            if scenarios.isEmpty { return nil }
            let tables = scenarios.map { scenario in
                var table = Table(["figure"])
                table.head += targets.all.map { targets.heading($0.number, $0.name) }
                table.rows = result.figures(of: scenario.name).map { figure in
                    [.text(figure.title)]
                        + targets.names.map {
                            result.spread(of: figure, scenario: scenario.name, target: $0)?.cell(of: figure)
                                ?? .text("–", "number")
                        }
                }
                return Markup.text("h4", "\(scenario.title) (\(scenario.name))") + table.markup()
            }
            return details("\(Self.title(of: group)): \(scenarios.count)", tables.joined())
        }
        return section(
            "All figures", id: "figures", "Medians, with the least and the greatest round beside them.",
            groups)
    }

    private static func title(of group: Scenario.Group) -> String {
        switch group {
        case .events: "Events"
        case .rates: "At a rate"
        case .sizes: "Sizes"
        case .registry: "Registry"
        case .upstreamLatency: "Upstream latency"
        case .coldStart: "Cold start"
        case .memory: "Memory"
        case .faults: "Failing upstreams"
        case .slowClients: "Slow clients"
        case .overload: "Overload"
        case .shutdown: "Shutdown"
        }
    }

    // MARK: Building

    /// A section; empty where it has nothing to show.
    private func section(_ title: String, id: String, _ lead: String, _ parts: [String]) -> String {
        let parts = parts.filter { !$0.isEmpty }
        if parts.isEmpty { return "" }
        return Markup.element(
            "section", ["id": id],
            [Markup.text("h2", title), Markup.text("p", ["class": "lead"], lead)] + parts)
    }

    private func grid(_ charts: [String]) -> String {
        charts.isEmpty ? "" : Markup.element("div", ["class": "charts"], charts)
    }

    private func details(_ title: String, _ content: String) -> String {
        Markup.element("details", [Markup.text("summary", title), content])
    }
}
