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

    private func measure(_ experiment: Experiment) {
        var sessions = programs.map { Session($0, experiment.function, cloud: cloud, logs: logs) }
        sessions = sessions.filter { session in
            attempt(experiment, session) { try experiment.warmUp(session) }
        }
        for round in 1...experiment.rounds {
            sessions = sessions.filter { session in
                attempt(experiment, session) {
                    try cloud.forget()
                    var measurement = Measurement(
                        scenario: experiment.scenario.name, target: session.program.name, round: round)
                    try experiment.measure(session, &measurement)
                    result.measurements.append(measurement)
                }
            }
        }
        for session in sessions { _ = attempt(experiment, session) { try session.stop() } }
    }

    /// A target that fails is left out of the rest of its scenario, and the result says so.
    private func attempt(_ experiment: Experiment, _ session: Session, _ work: () throws -> Void) -> Bool {
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
