import Foundation
import Results
import Testing

@Suite("Goals")
struct GoalTests {
    private func outcome(_ goal: Goal, own: Double, reference: Double) -> Goal.Outcome? {
        var result = Example.result(p50: [own], targets: ["own", "go"])
        for index in result.measurements.indices where result.measurements[index].target == "go" {
            result.measurements[index].figures[.latencyP50] = reference
        }
        return Goal.outcomes([goal], of: "own", in: result).first
    }

    @Test("a ratio is reached up to its number")
    func ratio() {
        let goal = Goal(
            title: "p50", scenario: "heartbeat-c1", figure: .latencyP50, reference: "go", atMost: 0.5)
        #expect(outcome(goal, own: 1, reference: 2)?.isReached == true)
        #expect(outcome(goal, own: 1.1, reference: 2)?.isReached == false)
        #expect(outcome(goal, own: 1, reference: 4)?.value == 0.25)
    }

    @Test("the rounds of a ratio are paired: what slows both down is in none of them")
    func paired() throws {
        let goal = Goal(
            title: "p50", scenario: "heartbeat-c1", figure: .latencyP50, reference: "go", atMost: 0.6)
        var result = Example.result(p50: [1, 2, 4], targets: ["own", "go"])
        for index in result.measurements.indices where result.measurements[index].target == "go" {
            result.measurements[index].figures[.latencyP50]? *= 2
        }
        let outcome = try #require(Goal.outcomes([goal], of: "own", in: result).first)
        #expect(outcome.rounds.minimum == 0.5 && outcome.rounds.maximum == 0.5 && outcome.rounds.count == 3)
    }

    @Test("a ratio is the median of the rounds' ratios, and not the ratio of the medians")
    func medianOfRatios() throws {
        let goal = Goal(
            title: "p50", scenario: "heartbeat-c1", figure: .latencyP50, reference: "go", atMost: 0.6)
        var result = Example.result(p50: [1, 4, 2], targets: ["own", "go"])
        let reference = [1: 2.0, 2: 2, 3: 4]
        for index in result.measurements.indices where result.measurements[index].target == "go" {
            result.measurements[index].figures[.latencyP50] = reference[result.measurements[index].round]
        }
        let outcome = try #require(Goal.outcomes([goal], of: "own", in: result).first)
        // The medians are both 2; the rounds' ratios are 0.5, 2 and 0.5.
        #expect(outcome.value == 0.5 && outcome.isReached)
        #expect(outcome.rounds.minimum == 0.5 && outcome.rounds.maximum == 2)
    }

    @Test("a value is held against its number, and at least means at least")
    func value() {
        let most = Goal(title: "p50", scenario: "heartbeat-c1", figure: .latencyP50, atMost: 1)
        #expect(outcome(most, own: 1, reference: 9)?.isReached == true)
        #expect(outcome(most, own: 1.01, reference: 9)?.isReached == false)
        let least = Goal(title: "p50", scenario: "heartbeat-c1", figure: .latencyP50, atLeast: 1)
        #expect(outcome(least, own: 0.9, reference: 9)?.isReached == false)
    }

    @Test("what must never happen is held against the worst round, not the median")
    func never() throws {
        let goal = Goal(title: "lost", scenario: "heartbeat-c1", figure: .latencyP50, atMost: 0)
        func reached(_ rounds: [Double]) throws -> Bool {
            let result = Example.result(p50: rounds, targets: ["own"])
            return try #require(Goal.outcomes([goal], of: "own", in: result).first).isReached
        }
        #expect(try reached([0, 0, 0]))
        #expect(try !reached([0, 1, 0]))
    }

    @Test("a goal whose figure or reference was not measured has no outcome")
    func absent() {
        let result = Example.result(p50: [1], targets: ["own"])
        let goals = [
            Goal(title: "a", scenario: "heartbeat-c1", figure: .latencyP50, reference: "go", atMost: 1),
            Goal(title: "b", scenario: "heartbeat-c1", figure: .recovery, atMost: 1),
            Goal(title: "c", scenario: "nowhere", figure: .latencyP50, atMost: 1),
        ]
        #expect(Goal.outcomes(goals, of: "own", in: result).isEmpty)
    }

    @Test("a goal without a number is an error that names it")
    func withoutNumber() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(#"{"goals":[{"title":"fast","scenario":"a","figure":"latencyP50"}]}"#.utf8).write(to: file)
        let error = #expect(throws: ResultFile.Unreadable.self) { try Goal.read(file) }
        #expect(error?.description.contains("fast: expected one of atMost and atLeast") == true)
    }
}
