import Foundation
import Results

/// What a result says beside the goals, beside the other targets, and beside the last result that was kept.
enum Judgement {
    /// `previous` is what it is compared with.
    static func print(_ result: BenchmarkResult, goals: [Goal], previous: BenchmarkResult?) {
        let own = result.targets[0].name
        let outcomes = Goal.outcomes(goals, of: own, in: result)
        if !outcomes.isEmpty {
            Swift.print("\n\(own) beside the goals\n" + Terminal.table(outcomes.map(line)))
        }
        let absent = Set(goals.compactMap(\.reference)).subtracting(result.targets.map(\.name)).sorted()
        if !absent.isEmpty {
            Swift.print("  goals that are ratios to \(absent.joined(separator: ", ")) need it in the run")
        }
        for target in result.targets.dropFirst() { printComparison(of: own, beside: target.name, in: result) }
        guard let previous else {
            Swift.print("\nno earlier \(result.extent.rawValue) result was kept to compare with")
            return
        }
        printComparison(previous, result)
    }

    /// Prints what differs between two programs of one run, of what people look at first.
    private static func printComparison(of own: String, beside reference: String, in result: BenchmarkResult)
    {
        let comparisons = Comparison.of(own, beside: reference, in: result).filter(isHeadline(in: result))
        if comparisons.isEmpty { return }
        let different = comparisons.filter { $0.verdict != .same }
        Swift.print(
            "\n\(reference), then \(own): \(comparisons.count) figures, \(different.count) differ\n"
                + Terminal.table(
                    different.map { comparison in
                        let ratio = result.ratio(
                            of: comparison.figure, scenario: comparison.scenario, target: own, to: reference)
                        return line(comparison, ratio: ratio?.median)
                    }))
    }

    /// Prints what differs between two runs.
    static func printComparison(_ before: BenchmarkResult, _ after: BenchmarkResult, showsAll: Bool = false) {
        let all = Comparison.between(before, and: after)
        let different = all.filter { $0.verdict != .same }
        Swift.print(
            "\nbeside \(before.commit) of \(before.date): \(all.count) figures, \(different.count) differ")
        if !before.machine.isLike(after.machine) {
            let machine = before.machine
            Swift.print(
                "  ! measured on another machine: \(machine.processor), \(machine.cores) cores, "
                    + "\(machine.memoryMebibytes) MiB, \(machine.kernel), \(machine.system)")
        }
        let shown = showsAll ? all : different
        if !shown.isEmpty { Swift.print(Terminal.table(shown.map { line($0, ratio: $0.ratio) })) }
    }

    private static func isHeadline(in result: BenchmarkResult) -> (Comparison) -> Bool {
        { comparison in
            guard let scenario = result.scenario(comparison.scenario) else { return false }
            return Terminal.headline(scenario.group).contains(comparison.figure)
        }
    }

    private static func line(_ outcome: Goal.Outcome) -> [String] {
        let bound =
            outcome.goal.atMost.map { "≤ \(Terminal.number($0))" }
            ?? outcome.goal.atLeast.map { "≥ \(Terminal.number($0))" } ?? ""
        let title = outcome.goal.title + (outcome.goal.reference.map { ", ratio to \($0)" } ?? "")
        let value = Terminal.number(outcome.value) + Terminal.range(outcome.rounds)
        return [title, value, bound, outcome.isReached ? "reached" : "MISSED"]
    }

    /// `ratio` is that of the rounds where they are of one run and paired, else of the medians.
    private static func line(_ comparison: Comparison, ratio: Double?) -> [String] {
        [
            "\(comparison.scenario) \(comparison.target)", comparison.figure.title,
            Terminal.spread(comparison.before), Terminal.spread(comparison.after),
            ratio.map { "× \(Terminal.number($0))" } ?? "–",
            comparison.verdict == .same ? "" : comparison.verdict.rawValue,
        ]
    }
}

extension Terminal {
    /// The same columns in Markdown.
    static func markdown(_ rows: [[String]]) -> String {
        guard let head = rows.first else { return "" }
        let rule = "|" + head.map { _ in "---|" }.joined()
        return ([head] + rows.dropFirst()).map { "| " + $0.joined(separator: " | ") + " |" }.enumerated()
            .map { $0.offset == 0 ? $0.element + "\n" + rule : $0.element }.joined(separator: "\n")
    }
}
