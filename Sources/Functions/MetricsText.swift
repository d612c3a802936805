internal import JSON
internal import Net

/// Prometheus's text format, version 0.0.4.
///
/// https://prometheus.io/docs/instrumenting/exposition_formats/
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// What a family is.
    enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    private(set) var text = ""

    /// Begins a family of samples.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// One sample. Label values are names of ours, without quotes, backslashes or line ends.
    mutating func sample(_ name: String, _ labels: [(name: String, value: String)] = [], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{\(labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    /// A family of one sample.
    mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: String) {
        family(name, kind, help)
        sample(name, [], value)
    }

    /// The samples of one histogram: cumulative buckets, sum and count.
    @EventLoopActor
    mutating func histogram(_ name: String, _ labels: [(name: String, value: String)], _ value: Histogram) {
        var cumulative: UInt64 = 0
        for (index, count) in value.counts.enumerated() {
            cumulative += count
            let bound = index < Histogram.bounds.count ? "\(Histogram.bounds[index])" : "+Inf"
            sample("\(name)_bucket", labels + [(name: "le", value: bound)], "\(cumulative)")
        }
        sample("\(name)_sum", labels, Self.seconds(value.sumNanoseconds))
        sample("\(name)_count", labels, "\(cumulative)")
    }

    /// Nanoseconds as seconds.
    static func seconds(_ nanoseconds: UInt64) -> String { "\(Double(nanoseconds) / 1_000_000_000)" }
}

/// What is read from elsewhere at the moment of a scrape.
struct Readings: Sendable {
    var connections = 0
    var connectionsAccepted = 0
    var refused = Refusals()
    var upstreamConnectionsOpened = 0
    var logLinesDropped = 0
    var residentBytes: Int?
    var processorNanoseconds: UInt64 = 0
    var startSeconds: Int64 = 0
}

extension Metrics {
    /// All of it. The steps of an event and the retries of each upstream are there from the start; series of
    /// the other labels appear when they first count something.
    func text(_ readings: Readings, _ kind: FunctionKind) -> String {
        var text = PrometheusText()
        text.family("twined_build_info", .gauge, "The program's version and which function it is.")
        text.sample(
            "twined_build_info",
            [(name: "version", value: Version.current), (name: "function", value: kind.rawValue)], "1")
        switch kind {
        case .eventHandler: appendEvents(to: &text)
        case .serviceRegistry: appendLookups(to: &text)
        }
        appendUpstreams(to: &text)
        append(readings, to: &text)
        return text.text
    }

    private func appendEvents(to text: inout PrometheusText) {
        text.family(
            "twined_events_total", .counter, "Pushes by the kind of their event and what became of them.")
        for (kind, outcome, count) in events.nonZero {
            text.sample(
                "twined_events_total",
                [
                    (name: "kind", value: EventKindLabel.labels[kind]),
                    (name: "outcome", value: EventOutcome.labels[outcome]),
                ], "\(count)")
        }
        text.family(
            "twined_event_seconds", .histogram,
            "Time of an event, from its last byte to its answer, and of its steps.")
        for (step, histogram) in zip(Step.labels, eventSeconds) {
            text.histogram("twined_event_seconds", [(name: "step", value: step)], histogram)
        }
        text.single(
            "twined_redeliveries_recognised_total", .counter,
            "Questions delivered again whose own Job was there already.", "\(redeliveriesRecognised)")
    }

    private func appendLookups(to text: inout PrometheusText) {
        text.family("twined_lookups_total", .counter, "Look-ups by what was asked and what was answered.")
        for (query, outcome, count) in lookups.nonZero {
            text.sample(
                "twined_lookups_total",
                [
                    (name: "query", value: LookupQuery.labels[query]),
                    (name: "outcome", value: LookupOutcome.labels[outcome]),
                ],
                "\(count)")
        }
        text.family("twined_lookup_seconds", .histogram, "Time of a look-up.")
        text.histogram("twined_lookup_seconds", [], lookupSeconds)
    }

    private func appendUpstreams(to text: inout PrometheusText) {
        text.family(
            "twined_upstream_calls_total", .counter,
            "Calls of upstreams, retries included, by what came of them.")
        for (upstream, outcome, count) in calls.nonZero {
            text.sample(
                "twined_upstream_calls_total",
                [
                    (name: "upstream", value: Upstream.labels[upstream]),
                    (name: "outcome", value: CallOutcome.labels[outcome]),
                ],
                "\(count)")
        }
        text.family(
            "twined_upstream_attempts_total", .counter,
            "Requests to upstreams by the class of their status, or why there was none.")
        for (upstream, outcome, count) in attempts.nonZero {
            text.sample(
                "twined_upstream_attempts_total",
                [
                    (name: "upstream", value: Upstream.labels[upstream]),
                    (name: "outcome", value: AttemptOutcome.labels[outcome]),
                ],
                "\(count)")
        }
        text.family(
            "twined_upstream_attempt_seconds", .histogram,
            "Time of one request to an upstream, until its answer or failure.")
        for (upstream, histogram) in zip(Upstream.labels, attemptSeconds) where !histogram.isEmpty {
            text.histogram(
                "twined_upstream_attempt_seconds", [(name: "upstream", value: upstream)], histogram)
        }
        text.family(
            "twined_upstream_retries_total", .counter, "Requests to upstreams beyond the first of a call.")
        for (upstream, count) in zip(Upstream.labels, retries) {
            text.sample(
                "twined_upstream_retries_total", [(name: "upstream", value: upstream)], "\(count)")
        }
    }

    private func append(_ readings: Readings, to text: inout PrometheusText) {
        text.single(
            "twined_connections", .gauge, "Connections from clients that are open.", "\(readings.connections)"
        )
        text.single(
            "twined_connections_accepted_total", .counter, "Connections accepted from clients.",
            "\(readings.connectionsAccepted)")
        text.family(
            "twined_requests_refused_total", .counter,
            "Requests and connections that no handler saw, by the ceiling or rule that they broke.")
        for reason in RefusalReason.allCases where readings.refused[reason] > 0 {
            text.sample(
                "twined_requests_refused_total", [(name: "reason", value: reason.label)],
                "\(readings.refused[reason])")
        }
        text.single(
            "twined_upstream_connections_opened_total", .counter, "Connections opened to upstreams.",
            "\(readings.upstreamConnectionsOpened)")
        text.single(
            "twined_log_lines_dropped_total", .counter, "Log lines that standard error did not take.",
            "\(readings.logLinesDropped)")
        if let bytes = readings.residentBytes {
            text.single(
                "process_resident_memory_bytes", .gauge, "Resident memory, in bytes.", "\(bytes)")
        }
        text.single(
            "process_cpu_seconds_total", .counter, "Processor time, user and system, in seconds.",
            PrometheusText.seconds(readings.processorNanoseconds))
        text.single(
            "process_start_time_seconds", .gauge, "When the program started, in seconds since 1970.",
            "\(readings.startSeconds)")
    }
}

extension RefusalReason {
    /// The value as Prometheus gets it.
    var label: String {
        switch self {
        case .malformed: "malformed"
        case .headTooLarge: "head_too_large"
        case .bodyTooLarge: "body_too_large"
        case .tooSlow: "too_slow"
        case .connections: "connections"
        case .requestsInFlight: "requests_in_flight"
        case .bufferedBytes: "buffered_bytes"
        case .stopping: "stopping"
        }
    }
}

extension Upstream {
    /// Their names as values of a label, in the form of the others.
    fileprivate static let labels = allCases.map { upstream in
        let bytes = upstream.rawValue.utf8.map { $0 == UInt8(ascii: " ") ? UInt8(ascii: "_") : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
