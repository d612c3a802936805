internal import JSON
internal import Net

/// One event's way through the handler: its deadline, what ties its log lines together, and when each step
/// ended.
///
/// The loop's clock stands still within a turn, and an event is read within one: where reading begins and
/// ends the clock is asked anew.
@EventLoopActor
struct Course {
    let context: LogContext
    let deadline: Deadline
    private var event: Event?
    private let startNanoseconds = EventLoop.shared.nowNanoseconds
    private var parsingNanoseconds: UInt64?
    private var parsedNanoseconds: UInt64?
    private var storedNanoseconds: UInt64?
    private var dispatchedNanoseconds: UInt64?

    init(context: LogContext, deadline: Deadline) {
        self.context = context
        self.deadline = deadline
    }

    /// The event is about to be read.
    mutating func parsing() { parsingNanoseconds = EventLoop.shared.readingNanoseconds }
    /// The event is read; nil where it could not be.
    mutating func parsed(_ event: Event?) {
        self.event = event
        parsedNanoseconds = EventLoop.shared.readingNanoseconds
    }
    /// BigQuery has answered.
    mutating func stored() { storedNanoseconds = EventLoop.shared.nowNanoseconds }
    /// The cluster or Pub/Sub has answered, or was found not to be asked.
    mutating func dispatched() { dispatchedNanoseconds = EventLoop.shared.nowNanoseconds }

    /// Which event a log line is about.
    func append(_ event: Event, to line: inout LogLine) {
        line.field("event", event.uuid)
        line.field("kind", event.kindBytes)
        line.field("question", event.attribute(.questionUUID))
        appendIDs(of: event.message, to: &line)
    }

    /// Which message a log line is about, and which event, if it could be read.
    func append(_ message: PubSubMessage, to line: inout LogLine) {
        if let event { append(event, to: &line) } else { appendIDs(of: message, to: &line) }
    }

    private func appendIDs(of message: PubSubMessage, to line: inout LogLine) {
        if let id = message.messageID { line.field("message_id", id) }
        if let attempt = message.deliveryAttempt { line.field("delivery_attempt", attempt) }
    }

    /// Adds how long the steps took, as far as they were reached.
    func appendTimes(to line: inout LogLine) { Self.append(times, to: &line) }

    /// As above, with times that were asked for already.
    static func append(_ times: Metrics.StepTimes, to line: inout LogLine) {
        if let time = times.parse { line.field("parse_ms", milliseconds: time) }
        if let time = times.store { line.field("store_ms", milliseconds: time) }
        if let time = times.dispatch { line.field("dispatch_ms", milliseconds: time) }
        line.field("ms", milliseconds: times.all)
    }

    /// Counts the event, and the time its steps took, which it returns.
    @discardableResult
    func count(_ outcome: EventOutcome, in metrics: Metrics) -> Metrics.StepTimes {
        let times = times
        metrics.count(EventKindLabel(event), outcome, times)
        return times
    }

    private var times: Metrics.StepTimes {
        Metrics.StepTimes(
            parse: parseNanoseconds, store: storeNanoseconds, dispatch: dispatchNanoseconds,
            all: totalNanoseconds)
    }

    private var parseNanoseconds: UInt64? {
        guard let parsingNanoseconds, let parsedNanoseconds else { return nil }
        return parsedNanoseconds - parsingNanoseconds
    }

    private var storeNanoseconds: UInt64? {
        guard let storedNanoseconds else { return nil }
        return Self.elapsed(from: parsedNanoseconds ?? startNanoseconds, to: storedNanoseconds)
    }

    private var dispatchNanoseconds: UInt64? {
        guard let dispatchedNanoseconds else { return nil }
        return Self.elapsed(
            from: storedNanoseconds ?? parsedNanoseconds ?? startNanoseconds, to: dispatchedNanoseconds)
    }

    private var totalNanoseconds: UInt64 {
        Self.elapsed(
            from: startNanoseconds, to: max(EventLoop.shared.nowNanoseconds, parsedNanoseconds ?? 0))
    }

    /// Zero where a step ended in the turn in which the event was read: the turn's time is the earlier one.
    private static func elapsed(from start: UInt64, to end: UInt64) -> UInt64 {
        end > start ? end - start : 0
    }
}
