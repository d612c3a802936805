import LoadGenerator
import Results

/// Ten times as many events as can be handled, up to a ceiling: what is still handled, how soon the rest is
/// refused, and how soon all is well afterwards.
///
/// Every upstream takes 50 ms here, so that capacity is bound by what waits and not by the processor, which
/// the generator shares.
enum OverloadExperiments {
    private static let factor = 10.0
    private static let upstreamMilliseconds = 50
    private static let capacityConcurrency = 256
    private static let connectionsMax = 4_096
    /// More than this the generator cannot be trusted to send beside the other programs on few cores.
    private static let offeredMax = 30_000.0
    private static let recoveryShare = 0.9
    private static let recoveryWindowSteps = 10

    static func all(_ effort: Experiment.Effort) -> [Experiment] {
        let seconds = effort.extent == .quick ? 1.5 : 5
        return [
            Experiment(
                scenario: Scenario(
                    name: "overload", group: .overload,
                    title:
                        "Heartbeats at \(Int(factor)) times the capacity, \(Int(offeredMax)) a second at most, every "
                        + "upstream taking \(upstreamMilliseconds) ms",
                    series: "heartbeat", axis: Scenario.Axis(name: "of capacity, at most", value: factor)),
                rounds: effort.extent == .quick ? 3 : 5,
                arrange: { try $0.setLatency(milliseconds: upstreamMilliseconds) },
                warmUp: { session in
                    let load = Load(.closed(concurrency: capacityConcurrency), seconds: seconds / 2)
                    _ = try session.run(load, EventExperiments.source(.heartbeat, session))
                },
                measure: { session, measurement in try measure(session, seconds, &measurement) })
        ]
    }

    private static func measure(_ session: Session, _ seconds: Double, _ measurement: inout Measurement)
        throws
    {
        let closed = Load(.closed(concurrency: capacityConcurrency), seconds: seconds)
        let calm = try session.run(closed, EventExperiments.source(.heartbeat, session))
        guard calm.events > 0 else {
            throw BenchError("\(session.program.name) answered nothing as it should: \(calm.errors)")
        }
        let capacity = Double(calm.events) / calm.seconds
        let offered = min(capacity * factor, offeredMax)

        var open = Load(.open(perSecond: offered, connectionsMax: connectionsMax), seconds: seconds)
        open.drainSeconds = 0
        let flood = try session.run(open, EventExperiments.source(.heartbeat, session))
        let end = Clock.now()

        let after = try session.run(closed, EventExperiments.source(.heartbeat, session))
        measurement.fill(flood)
        measurement.figures[.capacity] = capacity
        measurement.figures[.offered] = offered
        // Less than that where all connections wait for answers.
        measurement.figures[.sent] = Double(flood.sent) / seconds
        measurement.figures[.goodput] = Double(flood.events) / seconds
        measurement.figures[.goodputShare] = Double(flood.events) / seconds / capacity * 100
        measurement.figures[.refusalsPerSecond] = Double(flood.refusals.count) / seconds
        measurement.figures[.refusalP50] = flood.refusals.percentile(50)
        measurement.figures[.refusalP99] = flood.refusals.percentile(99)
        let connecting = Double(after.start - min(end, after.start)) / 1e6
        if let steps = recovery(after.timeline, capacity: capacity) {
            measurement.figures[.recovery] =
                connecting + Double(steps) * Double(LoadResult.stepNanoseconds) / 1e6
        } else {
            // As long as it was watched, at least.
            measurement.errors["did not recover"] = 1
            measurement.figures[.recovery] = connecting + after.seconds * 1_000
        }
    }

    /// How many steps of a timeline pass before the first window in which the rate is that of the capacity
    /// again; nil when there is none.
    static func recovery(_ timeline: [Int], capacity: Double) -> Int? {
        let windowSeconds = Double(recoveryWindowSteps) * Double(LoadResult.stepNanoseconds) / 1e9
        let enough = capacity * windowSeconds * recoveryShare
        guard timeline.count >= recoveryWindowSteps else { return nil }
        return (0...timeline.count - recoveryWindowSteps).first { start in
            Double(timeline[start..<start + recoveryWindowSteps].reduce(0, +)) >= enough
        }
    }
}
