/// One figure of one scenario, measured twice: by an earlier run, or by another target of the same run.
package struct Comparison: Equatable, Sendable {
    /// What can be said of the difference.
    package enum Verdict: String, Sendable {
        /// The ranges of the rounds overlap, or the medians are too close to tell apart.
        case same
        case better
        case worse
        /// Different, of a figure of which neither more nor less is better.
        case different
    }

    /// Medians that differ by less are called the same, however narrow the ranges are: a machine's speed
    /// moves by as much from one hour to the next.
    package static let smallestRatio = 1.05

    package let scenario: String
    package let target: String
    package let figure: Figure
    package let before: Spread
    package let after: Spread

    package init(scenario: String, target: String, figure: Figure, before: Spread, after: Spread) {
        self.scenario = scenario
        self.target = target
        self.figure = figure
        self.before = before
        self.after = after
    }

    /// `after` over `before`; nil where `before` is zero.
    package var ratio: Double? { before.median == 0 ? nil : after.median / before.median }

    /// Whether every round of one lies beyond every round of the other, outliers left out.
    package var isOutsideSpread: Bool { !before.overlaps(after) }

    package var verdict: Verdict {
        guard isOutsideSpread, isLarge else { return .same }
        switch figure.better {
        case .lower: return after.median < before.median ? .better : .worse
        case .higher: return after.median > before.median ? .better : .worse
        case nil: return .different
        }
    }

    private var isLarge: Bool {
        guard let ratio else { return true }
        return ratio >= Self.smallestRatio || ratio <= 1 / Self.smallestRatio
    }

    /// Every figure that both runs have for the same scenario and the same target.
    package static func between(_ before: BenchmarkResult, and after: BenchmarkResult) -> [Comparison] {
        after.scenarios.flatMap { scenario in
            after.targets.flatMap { target in
                after.figures(of: scenario.name).compactMap { figure -> Comparison? in
                    guard
                        let old = before.spread(of: figure, scenario: scenario.name, target: target.name),
                        let new = after.spread(of: figure, scenario: scenario.name, target: target.name)
                    else { return nil }
                    return Comparison(
                        scenario: scenario.name, target: target.name, figure: figure, before: old, after: new)
                }
            }
        }
    }

    /// A target beside another one of the same run: `before` is the reference.
    package static func of(_ target: String, beside reference: String, in result: BenchmarkResult)
        -> [Comparison]
    {
        result.scenarios.flatMap { scenario in
            result.figures(of: scenario.name).compactMap { figure -> Comparison? in
                guard
                    let base = result.spread(of: figure, scenario: scenario.name, target: reference),
                    let own = result.spread(of: figure, scenario: scenario.name, target: target)
                else { return nil }
                return Comparison(
                    scenario: scenario.name, target: target, figure: figure, before: base, after: own)
            }
        }
    }
}
