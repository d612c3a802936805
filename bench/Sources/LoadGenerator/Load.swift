/// How the requests of a load arrive.
package enum Arrival: Sendable {
    /// So many clients, each of which sends its next request when it has the answer to the last.
    case closed(concurrency: Int)
    /// So many a second whatever becomes of them, on as many connections as that takes, up to a ceiling.
    case open(perSecond: Double, connectionsMax: Int)
}

/// What a generator is to do.
package struct Load: Sendable {
    package var arrival: Arrival
    /// For how long requests are sent; answers on their way after that are waited for.
    package var seconds: Double
    /// Ends the sending sooner.
    package var eventsMax: Int
    /// A closed loop sends so many even where that takes longer than `seconds`.
    package var eventsMin: Int
    /// How long an answer may take before it counts as an error.
    package var patienceSeconds = 20.0
    /// How long, after the last request was sent, answers are waited for.
    package var drainSeconds = 20.0
    /// The answer that is right.
    package var status = 200
    /// So many failures without an answer between them end the load; by default that is an error.
    package var failuresInARowMax = 2_000
    package var isFailureExpected = false

    package init(_ arrival: Arrival, seconds: Double, eventsMax: Int = .max, eventsMin: Int = 0) {
        precondition(eventsMin <= eventsMax, "a load's least number of events is no more than its most")
        self.arrival = arrival
        self.seconds = seconds
        self.eventsMax = eventsMax
        self.eventsMin = eventsMin
    }
}

/// What came of a load.
package struct LoadResult: Sendable {
    /// The width of a step of `timeline`.
    package static let stepNanoseconds: UInt64 = 10_000_000

    /// When the first request could be sent, by the monotonic clock.
    package var start: UInt64 = 0
    /// From the first request to the last answer.
    package var seconds = 0.0
    /// Of the answers with the right status.
    package var latency = Latencies()
    /// Of the answers with another status.
    package var refusals = Latencies()
    /// What else happened, by what it was.
    package var errors: [String: Int] = [:]
    package var sent = 0
    /// Right answers in each step of time from the start.
    package var timeline: [Int] = []

    package init() {}

    /// How many answers were right.
    package var events: Int { latency.count }
    package var errorCount: Int { errors.values.reduce(0, +) }

    /// Adds what another load has measured; its time is added too.
    package mutating func add(_ other: LoadResult) {
        seconds += other.seconds
        latency.add(other.latency)
        refusals.add(other.refusals)
        errors.merge(other.errors, uniquingKeysWith: +)
        sent += other.sent
        timeline += other.timeline
    }

    mutating func record(_ status: Int, expected: Int, latency nanoseconds: UInt64, sinceStart: UInt64) {
        guard status == expected else {
            refusals.record(nanoseconds)
            errors["status \(status)", default: 0] += 1
            return
        }
        latency.record(nanoseconds)
        let step = Int(sinceStart / Self.stepNanoseconds)
        while timeline.count <= step { timeline.append(0) }
        timeline[step] += 1
    }
}

/// Work that a generator does beside its load, such as keeping slow clients slow.
package protocol BackgroundWork: AnyObject {
    /// When there is something to do next.
    var due: UInt64 { get }
    func work(at now: UInt64)
}

/// Why a load could not be carried out.
package struct LoadError: Error, CustomStringConvertible {
    package let description: String
}
