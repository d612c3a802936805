internal import JSON
public import Net

/// The log: one JSON object a line, or readable lines on a terminal.
///
/// A message is a constant; everything that varies is a field, which is not even put together where the
/// severity is off. Tokens and inputs are never given to it.
@EventLoopActor
public final class Log {
    /// Lines below it are not written.
    public let level: LogSeverity
    /// What traces are named with; may become known after the start.
    public var projectID: String?

    private let sink: any LogSink
    private let form: LogLine.Form
    private let service: String
    private let version: String
    private let writesExecutionIDs: Bool
    private var buffer: [UInt8] = []
    private let stamp = Timestamp()

    /// A log.
    /// - Parameters:
    ///   - service: the name Error Reporting groups faults by.
    ///   - writesExecutionIDs: LOG_EXECUTION_ID.
    public init(
        level: LogSeverity = .info, sink: any LogSink, form: LogLine.Form = .json,
        service: String = "twined-functions",
        version: String = Version.current, projectID: String? = nil, writesExecutionIDs: Bool = false
    ) {
        self.level = level
        self.sink = sink
        self.form = form
        self.service = service
        self.version = version
        self.projectID = projectID
        self.writesExecutionIDs = writesExecutionIDs
    }

    /// Whether lines of `severity` are written.
    public func isOn(_ severity: LogSeverity) -> Bool { severity >= level }

    /// The context of a request.
    public func context(of fields: HTTPFields) -> LogContext {
        LogContext(fields, withExecutionID: writesExecutionIDs)
    }

    /// Writes a line. `fields` adds what varies, and is called only where the severity is on.
    public func write(
        _ severity: LogSeverity, _ message: StaticString, _ context: LogContext = .none,
        _ fields: (inout LogLine) -> Void = { _ in }
    ) {
        guard isOn(severity) else { return }
        reportDroppedLines()
        emit(severity, message) { line in
            append(context, to: &line)
            fields(&line)
        }
    }

    /// The line about a crash of ours, in the form that Error Reporting collects: what stands before its
    /// time, between the time and the signal, and after that.
    ///
    /// It is made ahead: a program that crashes can put nothing together any more.
    func crashReport() -> (before: String, between: String, after: String) {
        let time: StaticString = "TIME"
        let signal: StaticString = "SIGNAL"
        var line = LogLine(
            form, .error, "the program crashed", timestamp: Array(time.description.utf8))
        line.json("@type") {
            $0.string("type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent")
        }
        line.json("serviceContext") { json in
            json.beginObject()
            json.member("service", service)
            json.member("version", version)
            json.endObject()
        }
        line.json("context") { json in
            json.beginObject()
            json.key("reportLocation")
            json.beginObject()
            json.member("filePath", "twined-functions")
            json.member("lineNumber", 0)
            json.member("functionName", service)
            json.endObject()
            json.endObject()
        }
        line.json("signal") { $0.string(signal.description) }
        if form != .json { line.field("signal", signal.description) }
        let bytes = line.finish()
        let (before, rest) = Self.split(bytes[...], at: time.description, last: false)
        let (between, after) = Self.split(rest, at: signal.description, last: true)
        return (
            String(decoding: before, as: UTF8.self), String(decoding: between, as: UTF8.self),
            String(decoding: after, as: UTF8.self)
        )
    }

    /// What stands before and after the first or last occurrence of `mark`.
    private static func split(
        _ bytes: ArraySlice<UInt8>, at mark: String, last: Bool
    ) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
        let mark = Array(mark.utf8)
        let isMark = { place in bytes[place] == mark[0] && bytes[place...].starts(with: mark) }
        let place = last ? bytes.indices.last(where: isMark) : bytes.indices.first(where: isMark)
        guard let place else { preconditionFailure("a line without its mark") }
        return (bytes[..<place], bytes[(place + mark.count)...])
    }

    /// How many lines were dropped since the start.
    var droppedLines: Int { sink.droppedLinesTotal }

    /// Gives lines a last chance that are held, or that were left to the end of the turn: the program ends.
    public func drain() {
        EventLoop.shared.endTurn()
        sink.drain()
    }

    private func emit(_ severity: LogSeverity, _ message: StaticString, _ fields: (inout LogLine) -> Void) {
        var room = buffer
        buffer = []
        var line = LogLine(form, severity, message, timestamp: stamp.now(), taking: &room)
        fields(&line)
        buffer = line.finish()
        // What somebody may have to act on is written at once, whatever comes next.
        if severity >= .warning { sink.write(buffer) } else { sink.writeLater(buffer) }
    }

    private func append(_ context: LogContext, to line: inout LogLine) {
        if let trace = context.traceID {
            if let projectID {
                line.field(
                    "logging.googleapis.com/trace", Array("projects/\(projectID)/traces/".utf8) + trace)
            } else {
                line.field("logging.googleapis.com/trace", trace)
            }
        }
        if let span = context.spanID {
            // The platform lifts the first into the entry; other collectors know the plain name.
            line.field("logging.googleapis.com/spanId", span)
            line.field("spanId", span)
        }
        if let execution = context.executionID {
            line.json("logging.googleapis.com/labels") { json in
                json.beginObject()
                json.key("execution_id")
                json.string { JSONEscaping.append(execution, to: &$0, form: .ascii) }
                if let span = context.spanID { json.member("span_id", bytes: span) }
                json.endObject()
            }
        }
    }

    private func reportDroppedLines() {
        let dropped = sink.takeDroppedLines()
        if dropped > 0 {
            emit(.warning, "log lines were dropped, standard error was not read") {
                $0.field("lines", dropped)
            }
        }
    }
}

/// Now in RFC 3339, microseconds, UTC. The part that changes once a second is kept.
private final class Timestamp {
    private var second: Int64 = .min
    private var bytes: [UInt8] = []

    func now() -> [UInt8] {
        let time = WallClock.now
        if time.seconds != second {
            second = time.seconds
            bytes = Array(WallClock(seconds: time.seconds).rfc3339(fractionDigits: 6).utf8)
        }
        var bytes = bytes
        self.bytes = []
        // 2026-01-01T00:00:00.000000Z: the fraction stands before the Z.
        var rest = time.nanoseconds / 1_000
        for offset in 2...7 {
            bytes[bytes.count - offset] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        self.bytes = bytes
        return bytes
    }
}
