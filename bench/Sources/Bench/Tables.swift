import Foundation
import Results

/// The tables of figures in documents: made from a result, between two comments.
///
///     <!-- bench:begin events -->
///     <!-- bench:end -->
enum Tables {
    private static let begin = "<!-- bench:begin "
    private static let end = "<!-- bench:end -->"

    /// The document with each table made anew.
    static func fill(_ document: String, from result: BenchmarkResult, goals: [Goal]) throws -> String {
        var lines: [Substring] = []
        var rest = document.split(separator: "\n", omittingEmptySubsequences: false)[...]
        var count = 0
        while let line = rest.popFirst() {
            lines.append(line)
            guard line.hasPrefix(begin) else { continue }
            let name = line.dropFirst(begin.count).prefix { $0 != " " }
            guard let index = rest.firstIndex(of: Substring(end)) else {
                throw BenchError("\(line) has no \(end) below it")
            }
            lines += try table(String(name), result, goals).split(
                separator: "\n", omittingEmptySubsequences: false)
            lines.append(rest[index])
            rest = rest[(index + 1)...]
            count += 1
        }
        if count == 0 { throw BenchError("no table to fill. Expected a line such as \(begin)events -->") }
        return lines.joined(separator: "\n")
    }

    private static func table(_ name: String, _ result: BenchmarkResult, _ goals: [Goal]) throws -> String {
        switch name {
        case "machine": return machine(result)
        case "goals": return table(of: goals, result)
        case "summary": return summary(result)
        default:
            guard let group = Scenario.Group(rawValue: name) else {
                let known = Scenario.Group.allCases.map(\.rawValue).joined(separator: ", ")
                throw BenchError("there is no table \"\(name)\". Expected machine, goals, summary, \(known)")
            }
            return table(of: group, result)
        }
    }

    private static func machine(_ result: BenchmarkResult) -> String {
        let machine = result.machine
        return
            "Measured on \(machine.processor), \(machine.cores) cores, \(machine.memoryMebibytes / 1_024) GiB, "
            + "\(machine.kernelVersion), \(machine.system); commit `\(result.commit)`, \(result.date.prefix(10)), "
            + "\(result.extent.rawValue) run, load average \(machine.loadBefore) before it. Medians; in brackets, "
            + "where they follow, the least and the greatest round."
    }

    private static func table(of group: Scenario.Group, _ result: BenchmarkResult) -> String {
        let scenarios = result.scenarios.filter { $0.group == group }
        let measured = Set(scenarios.flatMap { result.figures(of: $0.name) })
        let figures = Terminal.headline(group).filter(measured.contains)
        let several = result.targets.count > 1
        var rows = [["scenario"] + (several ? ["program"] : []) + figures.map(heading)]
        for scenario in scenarios {
            for target in result.targets {
                let cells = figures.map { figure in
                    result.spread(of: figure, scenario: scenario.name, target: target.name)
                        .map(Terminal.spread) ?? ""
                }
                if cells.allSatisfy(\.isEmpty) { continue }
                rows.append([scenario.name] + (several ? [target.name] : []) + cells)
            }
        }
        return Terminal.markdown(rows)
    }

    private static func heading(_ figure: Figure) -> String {
        figure.unit.rawValue.isEmpty ? figure.title : "\(figure.title), \(figure.unit.rawValue)"
    }

    private static func table(of goals: [Goal], _ result: BenchmarkResult) -> String {
        let outcomes = Goal.outcomes(goals, of: result.targets[0].name, in: result)
        let rows = outcomes.map { outcome in
            [
                outcome.goal.title + (outcome.goal.reference.map { ", ratio to \($0)" } ?? ""),
                Terminal.number(outcome.value) + Terminal.range(outcome.rounds),
                outcome.goal.atMost.map { "≤ \(Terminal.number($0))" }
                    ?? outcome.goal.atLeast.map { "≥ \(Terminal.number($0))" } ?? "",
                outcome.isReached ? "yes" : "no",
            ]
        }
        return Terminal.markdown([["goal", "measured", "to reach", "reached"]] + rows)
    }

    /// The few figures of the README, a column for each program.
    private static let summaryFigures: [(String, String, Figure)] = [
        ("heartbeat, one at a time, p50 ms", "heartbeat-c1", .latencyP50),
        ("question, one at a time, p50 ms", "question-c1", .latencyP50),
        ("question, 64 at once, p99 ms", "question-c64", .latencyP99),
        ("CPU a heartbeat, 16 at once, ms", "heartbeat-c16", .cpuPerEvent),
        ("heartbeats a second, 64 at once", "heartbeat-c64", .eventsPerSecond),
        ("registry look-up among 10,000 images, p50 ms", "registry-exists-10000", .latencyP50),
        ("exec to first answer, ms", "cold-answer", .firstAnswer),
        ("exec to first stored heartbeat, ms", "cold-heartbeat", .firstRow),
        ("memory idle (PSS), MiB", "memory-idle", .proportionalMemory),
        ("memory after 1,000 events (PSS), MiB", "memory-after-1000", .proportionalMemory),
        ("executable, MB", "memory-idle", .binarySize),
    ]

    private static func summary(_ result: BenchmarkResult) -> String {
        let rows = summaryFigures.compactMap { title, scenario, figure -> [String]? in
            let cells = result.targets.map { target in
                result.spread(of: figure, scenario: scenario, target: target.name)
                    .map { Terminal.number($0.median) } ?? ""
            }
            return cells.allSatisfy(\.isEmpty) ? nil : [title] + cells
        }
        return Terminal.markdown([[""] + result.targets.map(\.name)] + rows)
    }
}
