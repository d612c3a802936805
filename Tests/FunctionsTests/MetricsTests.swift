import JSON
import Net
import Testing

@testable import Functions

@Suite("Metrics")
struct MetricsTests {
    /// The text after `body` has counted.
    private func text(
        _ kind: FunctionKind = .eventHandler, _ readings: Readings = Readings(),
        _ body: @escaping @Sendable @EventLoopActor (Metrics) -> Void
    ) async throws -> [Substring] {
        try await LoopSupport.run {
            let metrics = Metrics()
            body(metrics)
            return metrics.text(readings, kind).split(separator: "\n")
        }
    }

    @Test("every value of a label has its name, and no name comes twice")
    func labels() {
        func check<Label: MetricLabel>(_ type: Label.Type) {
            #expect(Set(Label.labels).count == Label.labels.count)
            #expect(Label(rawValue: Label.labels.count - 1) != nil, "\(type)")
            #expect(Label(rawValue: Label.labels.count) == nil, "\(type)")
        }
        check(EventOutcome.self)
        check(EventKindLabel.self)
        check(AttemptOutcome.self)
        check(CallOutcome.self)
        check(LookupOutcome.self)
        check(Metrics.Step.self)
        check(Metrics.LookupQuery.self)
        #expect(EventKindLabel.logRecord.label == "log_record")
        #expect(EventOutcome.notAuthenticated.label == "not_authenticated")
        #expect(AttemptOutcome.noAnswer.label == "no_answer")
        #expect(CallOutcome.unavailable.label == "unavailable")
        #expect(LookupOutcome.timedOut.label == "timed_out")
    }

    private func event(_ kind: String) throws -> Event {
        let names = [
            "datetime", "uuid", "parent", "originator", "sender", "sender_type", "sender_sdk_version",
            "recipient", "question_uuid", "originator_question_uuid",
        ]
        let attributes = names.map { #""\#($0)":"x""# }.joined(separator: ",")
        let data = String(decoding: Base64.encode(Array(#"{"kind":"\#(kind)"}"#.utf8)), as: UTF8.self)
        let body =
            #"{"message":{"messageId":"1","attributes":{\#(attributes)},"data":"\#(data)"},"subscription":"s"}"#
        let fields = Fields([("Content-Type", "application/json")])
        return try Event(try CloudEvent.message(fields, body: Array(body.utf8)))
    }

    @Test("a kind that nobody knows is counted as other, so that a sender cannot make up labels")
    func kinds() throws {
        for (kind, label) in [
            ("heartbeat", "heartbeat"), ("log_record", "log_record"), ("result", "result"),
            ("question", "question"), ("made-up", "other"), ("unreadable", "other"), ("", "other"),
        ] {
            #expect(EventKindLabel(try event(kind)).label == label)
        }
        #expect(EventKindLabel(nil).label == "unreadable")
    }

    @Test("buckets are cumulative, a bound belongs to its own bucket, and the last one has all")
    func histogram() async throws {
        let lines = try await text { metrics in
            for nanoseconds: UInt64 in [999_999, 1_000_000, 1_000_001, 59_000_000_000, 61_000_000_000] {
                metrics.count(.result, .stored, .init(store: nanoseconds, all: 0))
            }
        }
        func value(_ bound: String) -> Substring? {
            let start = "twined_event_seconds_bucket{step=\"store\",le=\"\(bound)\"} "
            return lines.first { $0.hasPrefix(start) }?.dropFirst(start.count)
        }
        #expect(value("0.001") == "2")
        #expect(value("0.0025") == "3")
        #expect(value("30.0") == "3")
        #expect(value("60.0") == "4")
        #expect(value("+Inf") == "5")
        #expect(lines.contains("twined_event_seconds_count{step=\"store\"} 5"))
        #expect(lines.contains("twined_event_seconds_sum{step=\"store\"} 120.003"))
    }

    @Test("events, calls, attempts and retries are told apart by their labels")
    func counters() async throws {
        let lines = try await text { metrics in
            metrics.count(.question, .dispatched, .init(all: 1))
            metrics.count(.question, .dispatched, .init(all: 1))
            metrics.count(.heartbeat, .notStored, .init(all: 1))
            metrics.attempted(.kubernetesCreate, AttemptOutcome(status: 503), nanoseconds: 5)
            metrics.attempted(
                .kubernetesCreate, AttemptOutcome(.notConnected(.connectionRefused)), nanoseconds: 5)
            metrics.attempted(.kubernetesCreate, AttemptOutcome(status: 201), nanoseconds: 5)
            metrics.called(.kubernetesCreate, .done, attempts: 3)
            metrics.called(.pubSub, .unavailable, attempts: 0)
            metrics.redeliveriesRecognised += 1
        }
        for line in [
            "twined_events_total{kind=\"question\",outcome=\"dispatched\"} 2",
            "twined_events_total{kind=\"heartbeat\",outcome=\"not_stored\"} 1",
            "twined_upstream_attempts_total{upstream=\"kubernetes_create\",outcome=\"5xx\"} 1",
            "twined_upstream_attempts_total{upstream=\"kubernetes_create\",outcome=\"not_connected\"} 1",
            "twined_upstream_attempts_total{upstream=\"kubernetes_create\",outcome=\"2xx\"} 1",
            "twined_upstream_calls_total{upstream=\"kubernetes_create\",outcome=\"done\"} 1",
            "twined_upstream_calls_total{upstream=\"pubsub\",outcome=\"unavailable\"} 1",
            "twined_upstream_retries_total{upstream=\"kubernetes_create\"} 2",
            "twined_upstream_retries_total{upstream=\"pubsub\"} 0",
            "twined_upstream_attempt_seconds_count{upstream=\"kubernetes_create\"} 3",
            "twined_redeliveries_recognised_total 1",
        ] {
            #expect(lines.contains(line[...]), "\(line)")
        }
    }

    @Test("the registry's text has look-ups, the handler's has events")
    func functions() async throws {
        let registry = try await text(.serviceRegistry) { metrics in
            guard let name = ServiceName("my-org/my-service"), let tag = ImageTag("0.1.0") else { return }
            metrics.count(.exists(name, tag), .missing, nanoseconds: 1)
            metrics.count(.defaultTag(name), .found(tag), nanoseconds: 1)
        }
        #expect(registry.contains("twined_lookups_total{query=\"exists\",outcome=\"missing\"} 1"))
        #expect(registry.contains("twined_lookups_total{query=\"default\",outcome=\"found\"} 1"))
        #expect(registry.contains("twined_lookup_seconds_count 2"))
        #expect(!registry.contains { $0.hasPrefix("twined_events_total") })
        #expect(!(try await text { _ in }).contains { $0.hasPrefix("twined_lookup") })
    }

    @Test("what the process weighs and drops is read at each scrape")
    func readings() async throws {
        var readings = Readings(connections: 3, logLinesDropped: 7, startSeconds: 1_700_000_000)
        readings.readProcess()
        let resident = try #require(readings.residentBytes)
        #expect(resident > 1_000_000)
        #expect(readings.processorNanoseconds > 0)
        let lines = try await text(.eventHandler, readings) { _ in }
        #expect(lines.contains("twined_connections 3"))
        #expect(lines.contains("twined_log_lines_dropped_total 7"))
        #expect(lines.contains("process_resident_memory_bytes \(resident)"))
        #expect(lines.contains("process_start_time_seconds 1700000000"))
    }

    @Test("the listener answers GET and HEAD of /metrics, and nothing else")
    func listener() async throws {
        let replies = try await LoopSupport.run {
            let handler = MetricsHandler(Metrics(), .eventHandler) { Readings() }
            var replies: [Int] = []
            for (method, target) in [
                (HTTPMethod.get, "/metrics"), (.head, "/metrics"), (.get, "/metrics?x=1"), (.get, "/"),
                (.post, "/metrics"),
            ] {
                let request = HTTPRequest(method: method, target: Array(target.utf8))
                let response = await handler.handle(request, deadline: .after(milliseconds: 1_000))
                replies.append(response.status)
            }
            return replies
        }
        #expect(replies == [200, 200, 200, 404, 405])
    }

    @Test("lines that standard error does not take are counted")
    func droppedLines() async throws {
        let dropped = try await LoopSupport.run {
            let sink = StandardErrorSink(descriptor: 9_999)
            let log = Log(level: .info, sink: sink)
            for _ in 0..<3 { log.write(.info, "a line") }
            log.drain()
            return log.droppedLines
        }
        #expect(dropped == 3)
    }
}
