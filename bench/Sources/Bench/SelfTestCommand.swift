import ArgumentParser
import Foundation
import Glibc
import LoadGenerator
import Results

/// `bench self-test`: shows that the bench sees what it is there to see, and nothing else.
struct SelfTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "self-test",
        abstract:
            "Shows that the bench sees a millisecond and a stall, and no difference where there is none.")

    @OptionGroup var setting: Setting

    private static let rounds = 7
    private static let stallMilliseconds = 400.0

    func run() throws {
        let cloud = try setting.cloud()
        let program = try setting.programs()[0]
        try cloud.resetAll()
        let checks = try millisecond(program, cloud) + stall(program, cloud)
        for (text, holds) in checks { print("\(holds ? "holds" : "FAILS"): \(text)") }
        if checks.contains(where: { !$0.1 }) { throw ExitCode(1) }
    }

    // MARK: A millisecond

    /// The same program three times, in turns: twice as it is, once with an upstream that takes 1 ms longer.
    private func millisecond(_ program: Program, _ cloud: Cloud) throws -> [(String, Bool)] {
        let names = ["before", "same", "slower"]
        var results = names.map { _ in
            BenchmarkResult(
                date: Surroundings.date, commit: Surroundings.commit, extent: .quick,
                machine: Surroundings.machine, targets: [Target(name: program.name, binaryBytes: nil)])
        }
        let scenario = Scenario(
            name: "heartbeat-c1", group: .events, title: "Heartbeats", series: "heartbeat")
        let sessions = names.map { _ in Session(program, .eventHandler, cloud: cloud, logs: setting.logs) }
        let load = Load(.closed(concurrency: 1), seconds: 0.4)
        for session in sessions { _ = try session.run(load, EventExperiments.source(.heartbeat, session)) }
        for round in 1...Self.rounds {
            for (index, session) in sessions.enumerated() {
                try cloud.forget()
                try cloud.setLatency(milliseconds: names[index] == "slower" ? 1 : 0)
                var measurement = Measurement(scenario: scenario.name, target: program.name, round: round)
                try session.measure(load, EventExperiments.source(.heartbeat, session), into: &measurement)
                results[index].measurements.append(measurement)
            }
        }
        try cloud.setLatency(milliseconds: 0)
        for session in sessions { try session.stop() }
        for index in results.indices { results[index].scenarios = [scenario] }
        let itself = Comparison.between(results[0], and: results[1])
        let same = [Figure.latencyP50, .eventsPerSecond, .cpuPerEvent].map { figure in
            let found = verdict(of: figure, itself)
            return ("a program beside itself is the same: \(found.text)", found.verdict == .same)
        }
        let comparisons = Comparison.between(results[0], and: results[2])
        let slower = verdict(of: .latencyP50, comparisons)
        let added = comparisons.first { $0.figure == .latencyP50 }.map { $0.after.median - $0.before.median }
        let cost = results[0].spread(of: .cpuPerEvent, scenario: scenario.name, target: program.name)?.median
        let calls = results[0].spread(
            of: .upstreamCallsPerEvent, scenario: scenario.name, target: program.name)
        return same + [
            ("one whose upstream takes 1 ms longer is worse: \(slower.text)", slower.verdict == .worse),
            // The local cloud's timers are exact; what is woken takes its time.
            (
                "by about that millisecond: \(Terminal.number(added ?? 0)) ms",
                added.map { 0.9...1.6 ~= $0 } ?? false
            ),
            (
                "a heartbeat takes time on a processor, less than a millisecond: "
                    + "\(Terminal.number(cost ?? 0)) ms", cost.map { $0 > 0.005 && $0 < 1 } ?? false
            ),
            ("and one upstream call: \(Terminal.number(calls?.median ?? 0))", calls?.median == 1),
        ]
    }

    private func verdict(of figure: Figure, _ comparisons: [Comparison])
        -> (text: String, verdict: Comparison.Verdict?)
    {
        guard let found = comparisons.first(where: { $0.figure == figure }) else {
            return ("is missing", nil)
        }
        let text =
            "\(Terminal.spread(found.before)), then \(Terminal.spread(found.after)) \(figure.unit.rawValue)"
        return ("\(figure.title) \(text)", found.verdict)
    }

    // MARK: A stall

    /// Stops a process for a while.
    private final class Stall: BackgroundWork {
        private let process: ChildProcess
        private(set) var due: UInt64
        private var isStopped = false

        init(_ process: ChildProcess, afterMilliseconds: Double) {
            self.process = process
            due = Clock.now() + UInt64(afterMilliseconds * 1e6)
        }

        func work(at now: UInt64) {
            process.signal(isStopped ? SIGCONT : SIGSTOP)
            due = isStopped ? .max : now + UInt64(stallMilliseconds * 1e6)
            isStopped = true
        }
    }

    /// A server that stands still for 400 ms of 2 s hurts a fifth of what arrives in that time. An open loop
    /// says so; a closed one, which waits with it, has sent one request into the stall and calls it one in
    /// thousands.
    private func stall(_ program: Program, _ cloud: Cloud) throws -> [(String, Bool)] {
        let session = Session(program, .eventHandler, cloud: cloud, logs: setting.logs)
        let process = try session.start()
        func p90(_ arrival: Arrival) throws -> Double {
            _ = try session.run(Load(arrival, seconds: 0.3), EventExperiments.source(.heartbeat, session))
            let stall = Stall(process, afterMilliseconds: 800)
            let result = try session.run(
                Load(arrival, seconds: 2), EventExperiments.source(.heartbeat, session), beside: stall)
            if result.errorCount > 0 { throw BenchError("the stalled program's answers: \(result.errors)") }
            return result.latency.milliseconds(90)
        }
        let open = try p90(.open(perSecond: 500, connectionsMax: 64))
        let closed = try p90(.closed(concurrency: 1))
        try session.stop()
        return [
            (
                "a stall of 400 ms in 2 s is in the 90th percentile of an open loop: \(Terminal.number(open)) ms",
                // A fifth of the requests wait between 0 and 400 ms: half of these longer than 200.
                open > 100 && open < 400
            ),
            (
                "and the closed loop, which would have left it out, did: \(Terminal.number(closed)) ms",
                closed < 100
            ),
        ]
    }
}
