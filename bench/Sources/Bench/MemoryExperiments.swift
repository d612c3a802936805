import LoadGenerator
import Results

/// What a program holds: idle, after events, with idle connections. Every round is a process of its own.
enum MemoryExperiments {
    private static let idleConnections = 10_000
    private static let settlingMilliseconds = 300.0
    /// Past this, a program that is slow is measured after what it has managed.
    private static let longSeconds = 900.0

    static func all(_ effort: Experiment.Effort) -> [Experiment] {
        let rounds = effort.extent == .quick ? 3 : 5
        return [
            afterEvents(0, isQuick: true, rounds: rounds), afterEvents(1_000, isQuick: true, rounds: rounds),
            afterEvents(100_000, isQuick: false, rounds: 3),
            connections(rounds: effort.extent == .quick ? 1 : 3),
            growth(),
        ]
    }

    private static func afterEvents(_ count: Int, isQuick: Bool, rounds: Int) -> Experiment {
        let title =
            count == 0
            ? "Memory of an idle process, at rest"
            : "Memory after \(count) heartbeats and questions, at rest"
        return Experiment(
            scenario: Scenario(
                name: count == 0 ? "memory-idle" : "memory-after-\(count)", group: .memory, title: title,
                series: "events", axis: Scenario.Axis(name: "events", value: Double(count))),
            isQuick: isQuick, rounds: rounds,
            measure: { session, measurement in
                try session.start()
                Clock.sleep(milliseconds: settlingMilliseconds)
                if count > 0 {
                    let load = Load(.closed(concurrency: 16), seconds: longSeconds, eventsMax: count)
                    let result = try session.run(load, mixed(session))
                    guard result.errorCount == 0, result.events > 0 else {
                        throw BenchError("\(session.program.name), \(count) events: \(result.errors)")
                    }
                    measurement.fill(result)
                    // The connections stay: a front end keeps its own as well.
                    Clock.sleep(milliseconds: settlingMilliseconds)
                }
                measurement.fill(try session.memory().memory)
                if count == 0 {
                    measurement.figures[.binarySize] = session.program.binaryBytes.map { Double($0) / 1e6 }
                }
            })
    }

    private static func mixed(_ session: Session) throws -> MixedRequests {
        MixedRequests(
            [
                try EventExperiments.source(.heartbeat, session),
                try EventExperiments.source(.question, session),
            ], pattern: [0, 1])
    }

    private static func connections(rounds: Int) -> Experiment {
        Experiment(
            scenario: Scenario(
                name: "memory-\(idleConnections)-connections", group: .memory,
                title: "Memory with \(idleConnections) kept connections, each after one answer, at rest",
                series: "connections",
                axis: Scenario.Axis(name: "connections", value: Double(idleConnections))),
            rounds: rounds,
            measure: { session, measurement in
                try session.start()
                Clock.sleep(milliseconds: settlingMilliseconds)
                let idle = try session.memory().memory
                let kept = try IdleConnections(idleConnections, of: session)
                Clock.sleep(milliseconds: settlingMilliseconds)
                let held = try session.memory().memory
                measurement.events = kept.count
                measurement.fill(held)
                measurement.figures[.memoryPerConnection] =
                    Double(held.residentKibibytes - idle.residentKibibytes) / Double(kept.count)
            })
    }

    // MARK: A million events

    private static let early = 10_000
    private static let late = 1_000_000
    /// The cloud remembers each row it has ever seen; it forgets them after so many events.
    private static let chunk = 50_000

    private static func growth() -> Experiment {
        Experiment(
            scenario: Scenario(
                name: "memory-growth-\(late)", group: .memory,
                title:
                    "Memory after \(late) events of mixed kinds and sizes, 10 % of upstream calls failing, "
                    + "against that after \(early), both at rest", series: "growth",
                axis: Scenario.Axis(name: "events", value: Double(late))),
            isQuick: false, rounds: 1,
            measure: { session, measurement in
                try session.start()
                let source = try mixedSizes(session)
                _ = try run(early, source, session)
                let before = try settled(session)
                let result = try run(late - early, source, session)
                let after = try settled(session)
                measurement.fill(result)
                measurement.fill(after.memory)
                measurement.figures[.anonymousMemoryGrowth] =
                    Double(after.memory.anonymousKibibytes - before.memory.anonymousKibibytes) / 1_024
                measurement.figures[.descriptorGrowth] = Double(after.descriptors - before.descriptors)
            })
    }

    private static func mixedSizes(_ session: Session) throws -> MixedRequests {
        let kinds: [(EventRequests.Kind, Int)] = [
            (.heartbeat, 0), (.result, 1_000), (.question, 1_000), (.result, 10_000), (.question, 20_000),
            (.result, 100_000), (.cancellation, 0),
        ]
        let sources = try kinds.map { kind, bytes in
            try EventRequests.make(
                kind, payloadBytes: bytes, numbering: .fresh(from: session.numbers(100_000_000).lowerBound))
        }
        // 40 heartbeats, 20 small results, 20 questions … in a hundred, spread out.
        let weights = [40, 20, 20, 8, 6, 1, 5]
        let pattern = weights.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element) }
        return MixedRequests(sources, pattern: pattern.indices.map { pattern[$0 * 37 % pattern.count] })
    }

    private static func run(_ count: Int, _ source: MixedRequests, _ session: Session) throws -> LoadResult {
        var all = LoadResult()
        while all.sent < count, all.seconds < longSeconds {
            try session.cloud.forget()
            try Faults.set(session.cloud, every: 10)
            let events = min(chunk, count - all.sent)
            all.add(
                try session.run(
                    Load(.closed(concurrency: 64), seconds: longSeconds - all.seconds, eventsMax: events),
                    source))
        }
        try session.cloud.forget()
        return all
    }

    private static func settled(_ session: Session) throws -> (memory: ProcessFiles.Memory, descriptors: Int)
    {
        Clock.sleep(milliseconds: settlingMilliseconds)
        return try session.memory()
    }
}

/// Failing upstream calls.
enum Faults {
    /// Every so many'th call to the services that store and dispatch is answered 503, undone.
    static func set(_ cloud: Cloud, every: Int) throws {
        for service in ["bigquery", "kubernetes"] {
            try cloud.post("/faults", ["service": service, "every": every, "count": -1, "status": 503])
        }
    }
}
