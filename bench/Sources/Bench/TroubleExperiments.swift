import LoadGenerator
import Results

/// What a good client meets while upstream calls fail, and beside slow clients.
enum TroubleExperiments {
    private static let slowClients = 1_000

    static func all(_ effort: Experiment.Effort) -> [Experiment] {
        [failing(.heartbeat, effort), failing(.question, effort), slow(effort)]
    }

    private static func failing(_ kind: EventRequests.Kind, _ effort: Experiment.Effort) -> Experiment {
        // Long enough for the retries, which wait, to be many.
        let load = Load(.closed(concurrency: 16), seconds: effort.seconds * 2)
        return Experiment(
            scenario: Scenario(
                name: "\(kind)-faults-1-percent", group: .faults,
                title:
                    "\(kind == .heartbeat ? "Heartbeats" : "Questions"), 16 at once, while 1 % of the calls to "
                    + "BigQuery and Kubernetes are answered 503", series: "\(kind)",
                axis: Scenario.Axis(name: "failing calls, %", value: 1)),
            isQuick: kind == .question, rounds: effort.rounds,
            warmUp: { session in _ = try session.run(load, EventExperiments.source(kind, session)) },
            measure: { session, measurement in
                try Faults.set(session.cloud, every: 100)
                try session.measure(load, EventExperiments.source(kind, session), into: &measurement)
            })
    }

    private static func slow(_ effort: Experiment.Effort) -> Experiment {
        let load = Load(.closed(concurrency: 1), seconds: effort.seconds * 2)
        return Experiment(
            scenario: Scenario(
                name: "heartbeat-beside-\(slowClients)-slow", group: .slowClients,
                title: "Heartbeats, one at a time, beside \(slowClients) clients that never finish a head",
                series: "heartbeat", axis: Scenario.Axis(name: "slow clients", value: Double(slowClients))),
            rounds: effort.rounds,
            warmUp: { session in _ = try session.run(load, EventExperiments.source(.heartbeat, session)) },
            measure: { session, measurement in
                let alone = try session.run(load, EventExperiments.source(.heartbeat, session))
                guard alone.events > 0 else {
                    throw BenchError("\(session.program.name) answered nothing as it should: \(alone.errors)")
                }
                let slow = try SlowClients(count: slowClients, port: session.port)
                let source = try EventExperiments.source(.heartbeat, session)
                try session.measure(load, source, into: &measurement, beside: slow)
                measurement.figures[.slowClientsReplaced] = Double(slow.ended + slow.refused)
                guard let p99 = alone.latency.percentile(99) else { return }
                measurement.figures[.latencyP99Alone] = p99
                measurement.figures[.latencyP99Ratio] = measurement.figures[.latencyP99].map { $0 / p99 }
            })
    }
}
