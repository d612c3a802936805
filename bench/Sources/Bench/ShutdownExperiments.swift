import Glibc
import LoadGenerator
import Results

/// From SIGTERM to the end of the process, idle and under load.
enum ShutdownExperiments {
    private static let upstreamMilliseconds = 50
    private static let idleConnections = 16
    private static let concurrency = 16

    static func all(_ effort: Experiment.Effort) -> [Experiment] {
        let rounds = effort.extent == .quick ? 5 : 15
        return [
            Experiment(
                scenario: Scenario(
                    name: "exit-idle", group: .shutdown,
                    title: "From SIGTERM to exit with \(idleConnections) kept connections", series: "exit"),
                rounds: rounds, measure: { session, measurement in try measureIdle(session, &measurement) }),
            Experiment(
                scenario: Scenario(
                    name: "exit-under-load", group: .shutdown,
                    title:
                        "From SIGTERM to exit with \(concurrency) heartbeats on their way, every upstream taking "
                        + "\(upstreamMilliseconds) ms", series: "exit"),
                rounds: rounds, arrange: { try $0.setLatency(milliseconds: upstreamMilliseconds) },
                measure: { session, measurement in try measureUnderLoad(session, &measurement) }),
        ]
    }

    private static func measureIdle(_ session: Session, _ measurement: inout Measurement) throws {
        try session.start()
        let kept = try IdleConnections(idleConnections, of: session)
        Clock.sleep(milliseconds: 100)
        measurement.events = kept.count
        measurement.figures[.exitTime] = try session.stop()
    }

    /// Sends SIGTERM after a while, and notes when the process has ended.
    private final class Ender: BackgroundWork {
        private let process: ChildProcess
        private(set) var due: UInt64
        private var asked: UInt64?
        private(set) var milliseconds: Double?

        init(_ process: ChildProcess, afterMilliseconds: Int) {
            self.process = process
            due = Clock.now() + UInt64(afterMilliseconds) * 1_000_000
        }

        func work(at now: UInt64) {
            due = now + 200_000
            guard let asked else {
                asked = now
                process.signal(SIGTERM)
                return
            }
            if process.hasEnded {
                milliseconds = Double(now - asked) / 1e6
                due = .max
            }
        }

        /// Waits on, where the load has ended with the listener and the process has not.
        func finish() throws -> Double {
            while milliseconds == nil {
                let now = Clock.now()
                if let asked, now - asked > 15_000_000_000 {
                    throw BenchError("no exit within 15 s of SIGTERM")
                }
                work(at: now)
                Clock.sleep(milliseconds: 0.05)
            }
            return milliseconds ?? 0
        }
    }

    private static func measureUnderLoad(_ session: Session, _ measurement: inout Measurement) throws {
        let process = try session.start()
        let ender = Ender(process, afterMilliseconds: 330)
        var load = Load(.closed(concurrency: concurrency), seconds: 15)
        load.isFailureExpected = true
        load.failuresInARowMax = 64
        let result = try session.run(load, EventExperiments.source(.heartbeat, session), beside: ender)
        measurement.fill(result)
        measurement.figures[.exitTimeUnderLoad] = try ender.finish()
        // It has ended: this looks at how.
        try session.stop()
        measurement.figures[.unanswered] = Double(
            ["closed", "reset", "no answer"].reduce(0) { $0 + (result.errors[$1] ?? 0) })
        measurement.figures[.errorShare] = nil
    }
}
