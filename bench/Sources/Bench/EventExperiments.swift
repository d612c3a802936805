import LoadGenerator
import Results

/// Each kind of event at several concurrencies, and against upstreams that take their time.
enum EventExperiments {
    private typealias Effort = Experiment.Effort

    /// What the events of a scenario are.
    private enum Work: String, CaseIterable {
        case heartbeat, question, cancellation, result, duplicate

        var title: String {
            switch self {
            case .heartbeat: "Heartbeats: one row each"
            case .question: "Questions: a row and a Job each"
            case .cancellation: "Cancellations of questions whose Jobs are there"
            case .result: "Results: one row each"
            case .duplicate: "Questions that were delivered before"
            }
        }
    }

    private static let rateConnectionsMax = 512
    /// How many questions come again and again.
    private static let duplicatesMax = 256
    private static let quick: [Work: [Int]] = [
        .heartbeat: [1, 16, 64, 256], .question: [1, 16, 64, 256], .cancellation: [1, 16], .result: [1, 16],
        .duplicate: [1, 16],
    ]

    static func all(_ effort: Experiment.Effort) -> [Experiment] {
        let concurrencies = Work.allCases.flatMap { work in
            [1, 16, 64, 256].map { make(work, concurrency: $0, effort) }
        }
        let latencies = [0, 5, 50].map { makeLatency($0, effort) }
        let rates = [
            (EventRequests.Kind.heartbeat, 500), (.heartbeat, 2_000), (.heartbeat, 5_000), (.question, 1_000),
        ]
        return concurrencies + rates.map { makeRate($0.0, perSecond: $0.1, effort) } + latencies
    }

    /// An open loop: what clients meet that do not wait for each other.
    private static func makeRate(_ kind: EventRequests.Kind, perSecond: Int, _ effort: Effort) -> Experiment {
        var load = Load(
            .open(perSecond: Double(perSecond), connectionsMax: rateConnectionsMax),
            seconds: effort.seconds * 2)
        // A program that cannot keep up is given up, and what it has left undone is counted.
        load.drainSeconds = 5
        let title = kind == .heartbeat ? "Heartbeats" : "Questions"
        return Experiment(
            scenario: Scenario(
                name: "\(kind)-rate-\(perSecond)", group: .rates,
                title: "\(title), \(perSecond) a second whatever becomes of them", series: "\(kind)",
                axis: Scenario.Axis(name: "events a second", value: Double(perSecond))),
            isQuick: perSecond == 1_000 || perSecond == 2_000, rounds: effort.rounds,
            warmUp: { session in _ = try session.run(load, try source(kind, session)) },
            measure: { session, measurement in
                try session.measure(load, try source(kind, session), into: &measurement)
            })
    }

    private static func make(_ work: Work, concurrency: Int, _ effort: Effort) -> Experiment {
        let load = Load(.closed(concurrency: concurrency), seconds: effort.seconds)
        let warmUp = Load(.closed(concurrency: concurrency), seconds: effort.warmUpSeconds)
        return Experiment(
            scenario: Scenario(
                name: "\(work.rawValue)-c\(concurrency)", group: .events,
                title: "\(work.title), \(concurrency) at once",
                series: work.rawValue, axis: Scenario.Axis(name: "concurrency", value: Double(concurrency))),
            isQuick: quick[work]?.contains(concurrency) ?? false, rounds: effort.rounds,
            warmUp: { session in _ = try session.run(warmUp, try source(.question, session)) },
            measure: { session, measurement in
                try session.measure(load, try prepare(work, load, session), into: &measurement)
            })
    }

    private static func makeLatency(_ milliseconds: Int, _ effort: Effort) -> Experiment {
        let load = Load(.closed(concurrency: 16), seconds: effort.seconds)
        return Experiment(
            scenario: Scenario(
                name: "question-upstream-\(milliseconds)ms", group: .upstreamLatency,
                title: "Questions, 16 at once, while every upstream takes \(milliseconds) ms",
                series: "question",
                axis: Scenario.Axis(name: "upstream latency, ms", value: Double(milliseconds))),
            rounds: effort.rounds,
            arrange: { try $0.setLatency(milliseconds: milliseconds) },
            warmUp: { session in _ = try session.run(load, try source(.question, session)) },
            measure: { session, measurement in
                try session.measure(load, try source(.question, session), into: &measurement)
            })
    }

    /// Events of a kind, each its own.
    static func source(_ kind: EventRequests.Kind, _ session: Session) throws -> NumberedRequests {
        try EventRequests.make(kind, numbering: .fresh(from: session.numbers(100_000_000).lowerBound))
    }

    /// The events of a round, after what must have come before them.
    private static func prepare(_ work: Work, _ load: Load, _ session: Session) throws -> NumberedRequests {
        switch work {
        case .heartbeat: return try source(.heartbeat, session)
        case .question: return try source(.question, session)
        case .result: return try source(.result, session)
        case .cancellation:
            // A cancellation costs about as much as a question, so these are enough for most of a round.
            let numbers = session.numbers(100_000_000)
            let asked = try session.run(
                load, EventRequests.make(.question, numbering: .fresh(from: numbers.lowerBound)))
            let range = numbers.lowerBound..<numbers.lowerBound + asked.sent
            return try EventRequests.make(.cancellation, numbering: .once(range))
        case .duplicate:
            let numbers = session.numbers(duplicatesMax)
            _ = try session.run(load, EventRequests.make(.question, numbering: .once(numbers)))
            return try EventRequests.make(.question, numbering: .cycling(numbers))
        }
    }
}
