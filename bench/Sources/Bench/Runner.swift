import Foundation
import Results

/// Carries out experiments: the targets take turns, round by round, so that what slows the machine down for a
/// while slows all of them down.
final class Runner {
    private let cloud: Cloud
    private let programs: [Program]
    private let logs: String?
    private(set) var result: BenchmarkResult
    private(set) var hasFailed = false
    /// Of the scenario that is run: the rounds of each target in which others were at work, by their share.
    private var disturbed: [String: [Double]] = [:]
    /// Of the scenario that is run: how processes of each target ended that did not as they should, and after
    /// which rounds.
    private var faults: [String: [String: [Int]]] = [:]
    /// Told after each scenario.
    var finished: (Scenario, BenchmarkResult) -> Void = { _, _ in }

    init(cloud: Cloud, programs: [Program], logs: String?, result: BenchmarkResult) {
        self.cloud = cloud
        self.programs = programs
        self.logs = logs
        self.result = result
    }

    func run(_ experiments: [Experiment]) throws {
        for experiment in experiments {
            try cloud.resetAll()
            try experiment.arrange(cloud)
            result.scenarios.append(experiment.scenario)
            measure(experiment)
            finished(experiment.scenario, result)
        }
    }

    /// The order of the targets in a round: each begins one further on, so that none is always the first, nor
    /// always after the same one.
    static func order(of count: Int, round: Int) -> [Int] {
        (0..<count).map { ($0 + round - 1) % count }
    }

    private func measure(_ experiment: Experiment) {
        var sessions = programs.map { Session($0, experiment.function, cloud: cloud, logs: logs) }
        sessions = sessions.filter { session in
            attempt(experiment, session) {
                // The events of all targets have the same numbers: else these are redeliveries of the last
                // one's.
                try cloud.forget()
                try experiment.warmUp(session)
            }
        }
        for round in 1...experiment.rounds {
            let turns = Self.order(of: sessions.count, round: round).map { sessions[$0] }
            let failed = turns.filter { session in
                !attempt(experiment, session) { try measure(experiment, session, round) }
            }
            sessions = sessions.filter { session in !failed.contains { $0 === session } }
        }
        for session in sessions { _ = attempt(experiment, session) { try session.stop() } }
        remarkFaults(experiment.scenario)
        remarkForeignLoad(experiment.scenario)
    }

    private func measure(_ experiment: Experiment, _ session: Session, _ round: Int) throws {
        try cloud.forget()
        session.round = round
        var measurement = Measurement(
            scenario: experiment.scenario.name, target: session.program.name, round: round)
        let before = ForeignLoad.Reading(of: trees(session), isFirst: true)
        try experiment.measure(session, &measurement)
        let after = ForeignLoad.Reading(of: trees(session), isFirst: false)
        if let before, let after, let foreign = ForeignLoad(from: before, to: after) {
            measurement.foreignShare = foreign.share
            if foreign.isWorthARemark { disturbed[session.program.name, default: []].append(foreign.share) }
        }
        result.measurements.append(measurement)
    }

    private func trees(_ session: Session) -> [ProcessTree] {
        [cloud.tree] + (session.process.map { [$0.tree] } ?? [])
    }

    private func remarkForeignLoad(_ scenario: Scenario) {
        for program in programs {
            guard let shares = disturbed[program.name], let most = shares.max() else { continue }
            let count = result.rounds(of: scenario.name, target: program.name).count
            result.remarks.append(
                "\(scenario.name), \(program.name): others were at work on the machine in \(shares.count) of "
                    + "\(count) rounds, up to \(Terminal.number((most * 100).rounded())) % of a processor")
        }
        disturbed = [:]
    }

    /// A process that has not ended as it should is an error of the last round that it served.
    private func note(_ found: [(round: Int, text: String)], of session: Session, in scenario: String) {
        let name = session.program.name
        for fault in found {
            faults[name, default: [:]][fault.text, default: []].append(fault.round)
            let index = result.measurements.lastIndex {
                $0.scenario == scenario && $0.target == name && $0.round == fault.round
            }
            if let index { result.measurements[index].add(error: fault.text) }
        }
    }

    /// One remark for each way of ending, however often there was one: some scenarios start a process a
    /// round.
    private func remarkFaults(_ scenario: Scenario) {
        for program in programs {
            for (text, rounds) in (faults[program.name] ?? [:]).sorted(by: { $0.key < $1.key }) {
                result.remarks.append("\(scenario.name), \(program.name) \(Self.remark(text, rounds))")
            }
        }
        faults = [:]
    }

    /// Round 0 is the warm-up.
    static func remark(_ fault: String, _ rounds: [Int]) -> String {
        let names = rounds.map { $0 == 0 ? "the warm-up" : "round \($0)" }
        return "\(fault) instead of by itself with 0: after \(names.joined(separator: ", "))"
    }

    /// A target that fails is left out of the rest of its scenario, and the result says so.
    private func attempt(_ experiment: Experiment, _ session: Session, _ work: () throws -> Void) -> Bool {
        defer { note(session.takeFaults(), of: session, in: experiment.scenario.name) }
        do {
            try work()
            return true
        } catch {
            hasFailed = true
            result.remarks.append("\(experiment.scenario.name), \(session.program.name): \(error)")
            session.process?.kill()
            return false
        }
    }
}
