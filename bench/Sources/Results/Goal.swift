package import Foundation

/// A number to reach: a ratio to another target of the same run, or a value.
package struct Goal: Codable, Equatable, Sendable {
    package var title: String
    package var scenario: String
    package var figure: Figure
    /// The target that the ratio is to; nil where the number is a value in the figure's unit.
    package var reference: String?
    package var atMost: Double?
    package var atLeast: Double?

    package init(
        title: String, scenario: String, figure: Figure, reference: String? = nil, atMost: Double? = nil,
        atLeast: Double? = nil
    ) {
        self.title = title
        self.scenario = scenario
        self.figure = figure
        self.reference = reference
        self.atMost = atMost
        self.atLeast = atLeast
    }

    /// A goal beside what was measured.
    package struct Outcome: Equatable, Sendable {
        package let goal: Goal
        /// What was measured in the single rounds: values, or ratios to the reference's same round.
        package let rounds: Spread

        /// What is held against the goal: the median of the rounds; of what must never happen the worst.
        package var value: Double { goal.atMost == 0 ? rounds.maximum : rounds.median }

        package var isReached: Bool {
            if let atMost = goal.atMost, value > atMost { return false }
            if let atLeast = goal.atLeast, value < atLeast { return false }
            return true
        }
    }

    private struct File: Codable {
        let goals: [Goal]
    }

    /// Reads `{"goals": […]}`; a goal without a number, or with two, is an error that names it.
    package static func read(_ file: URL) throws -> [Goal] {
        let goals: [Goal]
        do {
            goals = try JSONDecoder().decode(File.self, from: Data(contentsOf: file)).goals
        } catch {
            throw ResultFile.Unreadable(description: "\(file.path): expected {\"goals\": […]}: \(error)")
        }
        for goal in goals where (goal.atMost == nil) == (goal.atLeast == nil) {
            throw ResultFile.Unreadable(
                description: "\(file.path): \(goal.title): expected one of atMost and atLeast")
        }
        return goals
    }

    /// What was measured of the goals, for one target; goals whose figures are not in the result are left
    /// out.
    package static func outcomes(_ goals: [Goal], of target: String, in result: BenchmarkResult) -> [Outcome]
    {
        goals.compactMap { goal in
            if goal.reference == target { return nil }
            let rounds =
                if let reference = goal.reference {
                    result.ratio(of: goal.figure, scenario: goal.scenario, target: target, to: reference)
                } else {
                    result.spread(of: goal.figure, scenario: goal.scenario, target: target)
                }
            return rounds.map { Outcome(goal: goal, rounds: $0) }
        }
    }
}
