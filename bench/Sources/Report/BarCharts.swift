import Results

/// What is best compared by length: the phases of a start, and memory.
enum BarCharts {
    // MARK: Cold start

    /// The start of each program, phase by phase, from exec to the answer.
    static func coldStart(_ scenario: Scenario, in result: BenchmarkResult) -> String? {
        let targets = Targets(result)
        let groups = targets.all.compactMap { number, name -> (heading: String?, rows: [BarTable.Row])? in
            let phases = medians(result.rounds(of: scenario.name, target: name).map(\.phases))
            if phases.isEmpty { return nil }
            return (
                name,
                phases.map { phase in
                    BarTable.Row(
                        name: phase.name, target: number, isTarget: false,
                        segments: [
                            .init(start: phase.startMilliseconds, end: phase.endMilliseconds, isStrong: true)
                        ],
                        value: "\(NumberText.rounded(phase.endMilliseconds))\u{202F}ms")
                }
            )
        }
        if groups.isEmpty { return nil }
        return figure(
            scenario.title, BarTable(rows: groups, unit: "ms since exec").markup(targets: targets))
    }

    /// The moments that most rounds have, in the order of their medians, each with the stretch from the one
    /// before.
    static func medians(_ rounds: [[Phase]]) -> [Phase] {
        let measured = rounds.filter { !$0.isEmpty }
        var names: [String] = []
        for phase in measured.joined() where !names.contains(phase.name) { names.append(phase.name) }
        let moments = names.compactMap { name -> (name: String, time: Double)? in
            let times = measured.compactMap { phases in phases.first { $0.name == name }?.endMilliseconds }
            guard times.count * 2 > measured.count else { return nil }
            return Spread(times).map { (name, $0.median) }
        }.sorted { $0.time < $1.time }
        return zip(moments, [0] + moments.map(\.time)).map { moment, start in
            Phase(name: moment.name, startMilliseconds: start, endMilliseconds: moment.time)
        }
    }

    // MARK: Memory

    /// The memory of each program in the scenarios of a series: all of it, and its anonymous part.
    static func memory(_ series: [Scenario], in result: BenchmarkResult) -> String? {
        let targets = Targets(result)
        let groups = series.compactMap { scenario -> (heading: String?, rows: [BarTable.Row])? in
            let rows = targets.all.compactMap { number, name in
                memory(scenario, number, name, in: result)
            }
            return rows.isEmpty ? nil : (scenario.title, rows)
        }
        if groups.isEmpty { return nil }
        return BarTable(rows: groups, unit: "MiB").markup(targets: targets)
    }

    private static func memory(
        _ scenario: Scenario, _ number: Int, _ name: String, in result: BenchmarkResult
    ) -> BarTable.Row? {
        func spread(_ figure: Figure) -> Spread? {
            result.spread(of: figure, scenario: scenario.name, target: name)
        }
        guard let all = spread(.proportionalMemory) ?? spread(.residentMemory) else { return nil }
        let anonymous = spread(.anonymousMemory)
        var segments = [BarTable.Segment(start: 0, end: all.median, isStrong: false)]
        var value = NumberText.rounded(all.median)
        if let anonymous {
            segments.append(.init(start: 0, end: anonymous.median, isStrong: true))
            value += " (\(NumberText.rounded(anonymous.median)))"
        }
        return BarTable.Row(
            name: name, target: number, isTarget: true, segments: segments, value: value,
            range: all.minimum < all.maximum ? all.minimum...all.maximum : nil)
    }

    static func figure(_ title: String, _ content: String) -> String {
        Markup.element("figure", [Markup.text("figcaption", title), content])
    }
}
