import Results

/// The figures that matter, beside the goals.
enum Summary {
    /// What stands at the top in large print.
    private static let headlines: [(title: String, scenario: String, figure: Figure)] = [
        ("a heartbeat, p50", "heartbeat-c1", .latencyP50),
        ("a question, p50", "question-c1", .latencyP50),
        ("heartbeats, 64 at once", "heartbeat-c64", .eventsPerSecond),
        ("exec to the first stored heartbeat", "cold-heartbeat", .firstRow),
        ("memory after 1,000 events", "memory-after-1000", .proportionalMemory),
    ]

    /// The few large figures of the first target, with its ratios to the others.
    static func headlines(of result: BenchmarkResult) -> String {
        let targets = Targets(result)
        let cards = headlines.compactMap { headline -> String? in
            guard
                let own = result.spread(
                    of: headline.figure, scenario: headline.scenario, target: targets.own)
            else { return nil }
            let ratios = targets.names.dropFirst().compactMap { name in
                result.ratio(
                    of: headline.figure, scenario: headline.scenario, target: targets.own, to: name
                ).map { "\(NumberText.ratio($0.median)) \(name)" }
            }
            return Markup.element(
                "div", ["class": "card"],
                [
                    Markup.text("div", ["class": "what"], headline.title),
                    Markup.text("div", ["class": "large"], NumberText.value(own.median, of: headline.figure)),
                    Markup.text("div", ["class": "what"], ratios.joined(separator: " · ")),
                ])
        }
        return cards.isEmpty ? "" : Markup.element("div", ["class": "cards"], cards)
    }

    /// A row for each goal that was measured: the medians of all targets, the ratios to them, the goal.
    static func table(_ goals: [Goal], in result: BenchmarkResult) -> String? {
        let targets = Targets(result)
        let outcomes = Goal.outcomes(goals, of: targets.own, in: result)
        if outcomes.isEmpty { return nil }
        var table = Table(["figure"])
        table.head += targets.all.map { targets.heading($0.number, $0.name) }
        table.head += targets.names.dropFirst().map { .text("ratio to \($0)") }
        table.head.append(.text("goal"))
        table.rows = outcomes.map { row($0, targets, result) }
        let reached = outcomes.filter(\.isReached).count
        let lead = "\(reached) of \(outcomes.count) goals are reached (✓)."
        return Markup.text("p", ["class": "lead"], lead) + table.markup()
    }

    private static func row(
        _ outcome: Goal.Outcome, _ targets: Targets, _ result: BenchmarkResult
    ) -> [Table.Cell] {
        let goal = outcome.goal
        let spreads = targets.names.map {
            result.spread(of: goal.figure, scenario: goal.scenario, target: $0)
        }
        let verdict = outcome.isReached ? ("good", "reached", "✓") : ("bad", "missed", "✗")
        let mark = Markup.text(
            "span",
            ["class": "mark \(verdict.0)", "role": "img", "aria-label": verdict.1, "title": verdict.1],
            verdict.2)
        var cells = [Table.Cell(content: mark + Markup.escaped(goal.title), classes: nil)]
        cells += spreads.map { $0?.cell(of: goal.figure) ?? .text("–", "number") }
        cells += targets.names.dropFirst().map { name in
            let ratio = result.ratio(
                of: goal.figure, scenario: goal.scenario, target: targets.own, to: name)
            return .text(
                ratio.map { NumberText.ratio($0.median) } ?? "–",
                goal.reference == name ? "number held" : "number")
        }
        let bound =
            goal.atMost.map { "≤ \(NumberText.short($0))" }
            ?? goal.atLeast.map { "≥ \(NumberText.short($0))" } ?? ""
        cells.append(.text(bound + (goal.reference.map { " × \($0)" } ?? unit(of: goal.figure)), "goal"))
        return cells
    }

    private static func unit(of figure: Figure) -> String {
        figure.unit.rawValue.isEmpty ? "" : "\u{202F}\(figure.unit.rawValue)"
    }
}
