import LoadGenerator
import Results

/// Cost against size: results of 1 KiB to 8 MiB, one at a time.
enum SizeExperiments {
    private static let quick = [1_024, 65_536, 1_048_576, 8_388_608]
    private static let sizes = [1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 8_388_608]

    /// Of 8 MiB a round's time is enough for one or two.
    private static let eventsMinQuick = 10
    private static let eventsMinFull = 20
    /// Events of the size that come before those that are measured: the first one makes buffers grow.
    private static let warmUpEvents = 3
    /// Longer than a program waits before it gives memory back.
    private static let settlingMilliseconds = 300.0

    static func all(_ effort: Experiment.Effort) -> [Experiment] { sizes.map { make($0, effort) } }

    private static func make(_ bytes: Int, _ effort: Experiment.Effort) -> Experiment {
        let load = Load(
            .closed(concurrency: 1), seconds: effort.seconds,
            eventsMin: effort.extent == .quick ? eventsMinQuick : eventsMinFull)
        return Experiment(
            scenario: Scenario(
                name: "result-\(name(bytes))", group: .sizes,
                title: "Results of \(name(bytes)), one at a time", series: "result",
                axis: Scenario.Axis(name: "bytes", value: Double(bytes))),
            isQuick: quick.contains(bytes), rounds: effort.rounds,
            measure: { session, measurement in
                // A process of its own for each round: an allocator keeps what an earlier round has made it
                // take.
                try session.start()
                // What the peak is compared with: at rest, with all connections up.
                _ = try session.run(
                    Load(.closed(concurrency: 1), seconds: 5, eventsMax: 10), source(1_024, session))
                Clock.sleep(milliseconds: settlingMilliseconds)
                let rest = try session.memory().memory
                _ = try session.run(
                    Load(.closed(concurrency: 1), seconds: 0, eventsMin: warmUpEvents),
                    source(bytes, session))
                try session.running().tree.resetPeak()
                try session.measure(load, source(bytes, session), into: &measurement)
                let memory = try session.memory().memory
                measurement.fill(memory)
                let body = try EventRequests.bodyLength(.result, payloadBytes: bytes)
                measurement.figures[.peakMemoryPerRequestBody] =
                    Double(memory.peakKibibytes - rest.residentKibibytes) * 1_024 / Double(body)
                perByte(bytes, &measurement)
            })
    }

    /// Nanoseconds a byte of the payload, all of the event's cost counted: it is flat where cost grows with
    /// size, and falls where something else costs more.
    private static func perByte(_ bytes: Int, _ measurement: inout Measurement) {
        if let latency = measurement.figures[.latencyP50] {
            measurement.figures[.latencyPerByte] = latency * 1e6 / Double(bytes)
        }
        if let cpu = measurement.figures[.cpuPerEvent] {
            measurement.figures[.cpuPerByte] = cpu * 1e6 / Double(bytes)
        }
    }

    private static func source(_ bytes: Int, _ session: Session) throws -> NumberedRequests {
        try EventRequests.make(
            .result, payloadBytes: bytes, numbering: .fresh(from: session.numbers(1_000_000).lowerBound))
    }

    static func name(_ bytes: Int) -> String {
        bytes >= 1_048_576 ? "\(bytes / 1_048_576)MiB" : "\(bytes / 1_024)KiB"
    }
}
