internal import JSON
internal import Net

/// One event's way through the handler: its deadline, what ties its log lines together, and when each step
/// ended.
@EventLoopActor
final class Course {
    let context: LogContext
    let deadline: Deadline
    private var event: Event?
    private let startNanoseconds = EventLoop.shared.nowNanoseconds
    private var parsedNanoseconds: UInt64?
    private var storedNanoseconds: UInt64?
    private var dispatchedNanoseconds: UInt64?

    init(context: LogContext, deadline: Deadline) {
        self.context = context
        self.deadline = deadline
    }

    /// The event is read.
    func parsed(_ event: Event) {
        self.event = event
        parsedNanoseconds = EventLoop.shared.nowNanoseconds
    }
    /// BigQuery has answered.
    func stored() { storedNanoseconds = EventLoop.shared.nowNanoseconds }
    /// The cluster or Pub/Sub has answered, or was found not to be asked.
    func dispatched() { dispatchedNanoseconds = EventLoop.shared.nowNanoseconds }

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

    /// How long the steps took, in milliseconds, as far as they were reached.
    func appendTimes(to line: inout LogLine) {
        let now = EventLoop.shared.nowNanoseconds
        if let stored = storedNanoseconds {
            line.field("store_ms", Self.milliseconds(stored - (parsedNanoseconds ?? startNanoseconds)))
        }
        if let dispatched = dispatchedNanoseconds {
            let before = storedNanoseconds ?? parsedNanoseconds ?? startNanoseconds
            line.field("dispatch_ms", Self.milliseconds(dispatched - before))
        }
        line.field("ms", Self.milliseconds(now - startNanoseconds))
    }

    /// Counts the event, and the time its steps took.
    func count(_ outcome: EventOutcome, in metrics: Metrics) {
        metrics.count(EventKindLabel(event), outcome)
        if let stored = storedNanoseconds {
            metrics.observe(.store, nanoseconds: stored - (parsedNanoseconds ?? startNanoseconds))
        }
        if let dispatched = dispatchedNanoseconds {
            let before = storedNanoseconds ?? parsedNanoseconds ?? startNanoseconds
            metrics.observe(.dispatch, nanoseconds: dispatched - before)
        }
        metrics.observe(.all, nanoseconds: EventLoop.shared.nowNanoseconds - startNanoseconds)
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> Int { Int(nanoseconds / 1_000_000) }
}
