import Foundation
import Results

/// What is different from the last result.
enum Changes {
    static func section(_ result: BenchmarkResult, since previous: BenchmarkResult) -> String {
        let all = Comparison.between(previous, and: result)
        let changed = all.filter { $0.verdict != .same }.sorted { size($0) > size($1) }
        var text =
            "Beside commit \(previous.commit) of \(Page.day(previous.date)): of \(all.count) figures "
            + (changed.isEmpty ? "none differs" : "\(changed.count) differ")
            + " by more than the rounds and 5\u{202F}%."
        if !previous.machine.isLike(result.machine) {
            text += " It was measured on another machine: \(Page.machine(previous.machine))."
        }
        let lead = Markup.text("p", text)
        if changed.isEmpty { return lead }
        var table = Table(["scenario", "program", "figure", "before", "now", "ratio", ""])
        table.rows = changed.map { comparison in
            [
                .text(comparison.scenario), .text(comparison.target), .text(comparison.figure.title),
                comparison.before.cell(of: comparison.figure), comparison.after.cell(of: comparison.figure),
                .text(comparison.ratio.map(NumberText.ratio) ?? "–", "number"), verdict(comparison.verdict),
            ]
        }
        return lead + table.markup()
    }

    private static func size(_ comparison: Comparison) -> Double {
        guard let ratio = comparison.ratio, ratio > 0 else { return .infinity }
        return abs(log(ratio))
    }

    private static func verdict(_ verdict: Comparison.Verdict) -> Table.Cell {
        switch verdict {
        case .better: .text("✓ better", "verdict good")
        case .worse: .text("✗ worse", "verdict bad")
        case .same, .different: .text(verdict.rawValue, "verdict")
        }
    }
}
