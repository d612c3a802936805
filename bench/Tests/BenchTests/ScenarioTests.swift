import Foundation
import LoadGenerator
import Results
import Testing

@testable import Bench

@Suite("Scenarios")
struct ScenarioTests {
    private let all = Experiment.all(Experiment.Effort(extent: .full))

    @Test("every scenario has a name of its own, and the quick run is a part of the full one")
    func names() {
        let names = all.map(\.scenario.name)
        #expect(Set(names).count == names.count)
        let quick = Experiment.all(Experiment.Effort(extent: .quick)).map(\.scenario.name)
        #expect(!quick.isEmpty && quick.count < names.count)
        #expect(Set(quick).isSubset(of: names))
    }

    @Test("every goal is about a scenario that is run")
    func goals() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let goals = try Goal.read(root.appendingPathComponent("goals.json"))
        let names = Set(all.map(\.scenario.name))
        #expect(goals.count > 15)
        for goal in goals { #expect(names.contains(goal.scenario), "\(goal.title): \(goal.scenario)") }
    }

    @Test("the phases of a start lie end to end, in the order of their times")
    func phases() {
        let found = ColdStartExperiments.phases(
            [("answers", 5_000_000), ("listens", 1_000_000), ("asks for a token", 2_500_000)], from: 500_000)
        #expect(
            found == [
                Phase(name: "listens", startMilliseconds: 0, endMilliseconds: 0.5),
                Phase(name: "asks for a token", startMilliseconds: 0.5, endMilliseconds: 2),
                Phase(name: "answers", startMilliseconds: 2, endMilliseconds: 4.5),
            ])
    }

    @Test("recovery is where the rate of a tenth of a second is that of the capacity again")
    func recovery() {
        // Ten steps of 10 ms: 100 a second are 10 in them.
        let timeline = [0, 0, 0] + [Int](repeating: 1, count: 20)
        #expect(OverloadExperiments.recovery(timeline, capacity: 100) == 2)
        #expect(OverloadExperiments.recovery([Int](repeating: 1, count: 20), capacity: 100) == 0)
        #expect(OverloadExperiments.recovery([Int](repeating: 0, count: 20), capacity: 100) == nil)
        #expect(OverloadExperiments.recovery([1, 1], capacity: 100) == nil)
    }
}

@Suite("What is made of a load")
struct FillTests {
    private func figures(answers: Int) -> [Figure: Double] {
        var result = LoadResult()
        result.seconds = 1
        for number in 0..<answers { result.latency.record(UInt64(number + 1) * 1_000_000) }
        var measurement = Measurement(scenario: "heartbeat-c1", target: "a", round: 1)
        measurement.fill(result)
        return measurement.figures
    }

    @Test(
        "a percentile that no answer lies above is not there: it would be the maximum under another name",
        arguments: [
            (9, [Figure.latencyP50]), (10, [.latencyP50, .latencyP90]), (99, [.latencyP50, .latencyP90]),
            (100, [.latencyP50, .latencyP90, .latencyP99]),
            (1_000, [.latencyP50, .latencyP90, .latencyP99, .latencyP999]),
        ])
    func percentiles(answers: Int, expected: [Figure]) {
        let all: [Figure] = [.latencyP50, .latencyP90, .latencyP99, .latencyP999]
        let found = figures(answers: answers)
        #expect(all.filter { found[$0] != nil } == expected)
        #expect(found[.latencyMaximum] != nil)
    }
}

@Suite("Figures as text")
struct TerminalTests {
    @Test("numbers have the digits that say something")
    func numbers() {
        #expect(
            [0, 0.1234, 1.234, 12.34, 123.4, 1_234.4, 1_234_567].map(Terminal.number)
                == ["0", "0.123", "1.23", "12.3", "123", "1,234", "1,234,567"])
        #expect(
            [3, 999.4, 999.7, 1_000, 9.996].map(Terminal.number) == ["3", "999", "1,000", "1,000", "10.0"])
        #expect(Terminal.number(.infinity) == "–")
    }

    @Test("tables in documents are made anew between their marks, and the rest stays")
    func tables() throws {
        var result = BenchmarkResult(
            date: "2025-01-02T03:04:05Z", commit: "abc", extent: .full,
            machine: Machine(
                processor: "P", cores: 2, memoryMebibytes: 2_048, kernel: "Linux 6", system: "Debian",
                loadBefore: 0),
            targets: [Target(name: "a", binaryBytes: nil)])
        result.scenarios = [Scenario(name: "heartbeat-c1", group: .events, title: "", series: "heartbeat")]
        var measurement = Measurement(scenario: "heartbeat-c1", target: "a", round: 1)
        measurement.figures = [.latencyP50: 0.125]
        result.measurements = [measurement]
        let document = "before\n<!-- bench:begin events -->\nold\n<!-- bench:end -->\nafter\n"
        let filled = try Tables.fill(document, from: result, goals: [])
        #expect(
            filled == """
                before
                <!-- bench:begin events -->
                | scenario | p50, ms |
                |---|---|
                | heartbeat-c1 | 0.125 |
                <!-- bench:end -->
                after

                """)
        #expect(try Tables.fill(filled, from: result, goals: []) == filled)
        #expect(throws: BenchError.self) { try Tables.fill("nothing", from: result, goals: []) }
        #expect(throws: BenchError.self) {
            try Tables.fill("<!-- bench:begin nonsense -->\n<!-- bench:end -->", from: result, goals: [])
        }
    }
}
