internal import JSON
internal import Net

/// A set of values that a label of a metric can have, numbered from 0, so that counting is an addition in an
/// array.
protocol MetricLabel: RawRepresentable, Sendable where RawValue == Int {
    /// The values as Prometheus gets them, in the order of the cases.
    static var labels: [String] { get }
}

extension MetricLabel {
    /// The value as Prometheus gets it.
    var label: String { Self.labels[rawValue] }
}

/// What became of one push, as a label: every value that there is.
enum EventOutcome: Int, MetricLabel {
    /// Its row is in BigQuery, and nothing else was to be done.
    case stored
    /// Its Job is there.
    case dispatched
    /// Its Job is gone, or going.
    case cancelled
    /// Another event of the same question has the Job.
    case duplicateQuestion
    /// Stored, but its Job can never be made; the asker was told, unless that is off.
    case undispatchable
    /// It can never be stored, and is in the dead-letter topic.
    case deadLettered
    /// It can never be stored, and was answered 400.
    case refused
    /// Answered 503: BigQuery could not take the row.
    case notStored
    /// Answered 503: stored, but the Job could not be made.
    case notDispatched
    /// Answered 503: stored, but the Job could not be deleted.
    case notCancelled
    /// Answered 503: the dead-letter topic could not take it.
    case notDeadLettered
    /// Answered 400 or 415: no event in any form.
    case notAnEvent
    /// Answered 401: the push did not prove that it is Pub/Sub's.
    case unauthenticated
    /// Answered 503: whether it is Pub/Sub's could not be found out.
    case notAuthenticated

    static let labels = [
        "stored", "dispatched", "cancelled", "duplicate_question", "undispatchable", "dead_lettered",
        "refused", "not_stored", "not_dispatched", "not_cancelled", "not_dead_lettered", "not_an_event",
        "unauthenticated", "not_authenticated",
    ]
}

/// The kind of an event, as a label: those in use, and one value for whatever else may come.
enum EventKindLabel: Int, MetricLabel {
    case question
    case cancellation
    case exception
    case result
    case heartbeat
    case logRecord
    case monitorMessage
    case deliveryAcknowledgement
    case other
    /// The push did not get as far as a kind.
    case unreadable

    static let labels = [
        "question", "cancellation", "exception", "result", "heartbeat", "log_record", "monitor_message",
        "delivery_acknowledgement", "other", "unreadable",
    ]

    /// The label of an event.
    init(_ event: Event?) {
        guard let event else {
            self = .unreadable
            return
        }
        switch event.kind {
        case .question: self = .question
        case .cancellation: self = .cancellation
        case .exception: self = .exception
        case .other:
            let kind = event.kindBytes
            self = Self.named.first { $0.kind == kind[...] }?.label ?? .other
        }
    }

    private static let named = [
        EventKindLabel.logRecord, .heartbeat, .monitorMessage, .result, .deliveryAcknowledgement,
    ].map { (kind: Array($0.label.utf8)[...], label: $0) }
}

/// What became of one request to an upstream, as a label.
enum AttemptOutcome: Int, MetricLabel {
    case informational
    case success
    case redirection
    case clientError
    case serverError
    case notConnected
    case notVerified
    case noAnswer

    static let labels = ["1xx", "2xx", "3xx", "4xx", "5xx", "not_connected", "not_verified", "no_answer"]

    /// The label of an answer.
    init(status: Int) {
        switch status {
        case ..<200: self = .informational
        case ..<300: self = .success
        case ..<400: self = .redirection
        case ..<500: self = .clientError
        default: self = .serverError
        }
    }

    /// The label of a request without an answer.
    init(_ error: HTTPClientError) {
        switch Outcome(error) {
        case .notConnected: self = .notConnected
        case .notVerified: self = .notVerified
        case .noAnswer, .answer: self = .noAnswer
        }
    }
}

/// What became of a call, its retries included, as a label.
enum CallOutcome: Int, MetricLabel {
    case done
    case alreadyExists
    case quotaExceeded
    case notFound
    /// It will never be taken.
    case refused
    case unavailable

    static let labels = ["done", "already_exists", "quota_exceeded", "not_found", "refused", "unavailable"]

    init(_ reaction: Reaction) {
        switch reaction {
        case .done: self = .done
        case .alreadyExists: self = .alreadyExists
        case .quotaExceeded: self = .quotaExceeded
        case .notFound: self = .notFound
        case .cannotBeStored, .undispatchable: self = .refused
        case .again, .freshToken, .askClusterAnew, .unavailable: self = .unavailable
        }
    }
}

/// What became of a look-up, as a label.
enum LookupOutcome: Int, MetricLabel {
    case found
    case missing
    case failed
    case timedOut

    static let labels = ["found", "missing", "failed", "timed_out"]

    init(_ answer: ServiceRegistry.Answer) {
        switch answer {
        case .found: self = .found
        case .missing: self = .missing
        case .failed(let failure): self = failure.kind == .timedOut ? .timedOut : .failed
        }
    }
}

/// How often something took how long.
@EventLoopActor
final class Histogram {
    /// Upper bounds of the buckets, in seconds; one more takes what is beyond.
    nonisolated static let bounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    private static let boundsNanoseconds = bounds.map { UInt64($0 * 1_000_000_000) }

    /// How many fell into each bucket, and not into one before.
    private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    private(set) var sumNanoseconds: UInt64 = 0

    /// Whether anything was observed.
    var isEmpty: Bool { sumNanoseconds == 0 && counts.allSatisfy { $0 == 0 } }

    /// Adds one observation.
    func observe(nanoseconds: UInt64) {
        var index = 0
        while index < Self.boundsNanoseconds.count, nanoseconds > Self.boundsNanoseconds[index] { index += 1 }
        // Taken out while they change: then the compiler knows that nobody looks at them meanwhile.
        var counts = counts
        self.counts = []
        counts[index] += 1
        self.counts = counts
        sumNanoseconds &+= nanoseconds
    }
}

/// How often each combination of two labels occurred.
@EventLoopActor
final class CounterTable {
    private let columnCount: Int
    private var counts: [UInt64]

    init(rows: Int, columns: Int) {
        columnCount = columns
        counts = [UInt64](repeating: 0, count: rows * columns)
    }

    func increment(_ row: Int, _ column: Int) {
        var counts = counts
        self.counts = []
        counts[row * columnCount + column] += 1
        self.counts = counts
    }

    /// The combinations that occurred.
    var nonZero: [(row: Int, column: Int, count: UInt64)] {
        counts.enumerated().filter { $0.element > 0 }.map { index, count in
            (index / columnCount, index % columnCount, count)
        }
    }
}

/// What the program counts. Counting costs an addition or two, whether or not anybody reads.
///
/// One for the program, like the caller that holds it.
@EventLoopActor
final class Metrics {
    /// The parts of an event's time.
    enum Step: Int, MetricLabel {
        case parse
        case store
        case dispatch
        case all

        static let labels = ["parse", "store", "dispatch", "all"]
    }

    /// What a look-up asks.
    enum LookupQuery: Int, MetricLabel {
        case exists
        case defaultTag

        static let labels = ["exists", "default"]
    }

    let events = CounterTable(
        rows: EventKindLabel.labels.count, columns: EventOutcome.labels.count)
    let eventSeconds = Step.labels.map { _ in Histogram() }
    let lookups = CounterTable(
        rows: LookupQuery.labels.count, columns: LookupOutcome.labels.count)
    let lookupSeconds = Histogram()
    let calls = CounterTable(
        rows: Upstream.allCases.count, columns: CallOutcome.labels.count)
    let attempts = CounterTable(
        rows: Upstream.allCases.count, columns: AttemptOutcome.labels.count)
    let attemptSeconds = Upstream.allCases.map { _ in Histogram() }
    private(set) var retries = [UInt64](repeating: 0, count: Upstream.allCases.count)
    /// Questions whose own Job was there already.
    var redeliveriesRecognised: UInt64 = 0

    /// How long the steps of one event took, in nanoseconds; nil for those that were not reached.
    struct StepTimes {
        var parse: UInt64?
        var store: UInt64?
        var dispatch: UInt64?
        var all: UInt64
    }

    /// An event has ended.
    func count(_ kind: EventKindLabel, _ outcome: EventOutcome, _ times: StepTimes) {
        events.increment(kind.rawValue, outcome.rawValue)
        func observe(_ step: Step, _ time: UInt64?) {
            if let time { eventSeconds[step.rawValue].observe(nanoseconds: time) }
        }
        observe(.parse, times.parse)
        observe(.store, times.store)
        observe(.dispatch, times.dispatch)
        observe(.all, times.all)
    }

    func count(_ query: ServiceRegistry.Query, _ answer: ServiceRegistry.Answer, nanoseconds: UInt64) {
        let query: LookupQuery = if case .exists = query { .exists } else { .defaultTag }
        lookups.increment(query.rawValue, LookupOutcome(answer).rawValue)
        lookupSeconds.observe(nanoseconds: nanoseconds)
    }

    /// One request, and the time until its answer or failure.
    func attempted(_ upstream: Upstream, _ outcome: AttemptOutcome, nanoseconds: UInt64) {
        attempts.increment(upstream.index, outcome.rawValue)
        attemptSeconds[upstream.index].observe(nanoseconds: nanoseconds)
    }

    /// A call has ended.
    func called(_ upstream: Upstream, _ reaction: Reaction, attempts: Int) {
        calls.increment(upstream.index, CallOutcome(reaction).rawValue)
        if attempts > 1 { retries[upstream.index] += UInt64(attempts - 1) }
    }
}
