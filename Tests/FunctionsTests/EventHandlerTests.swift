import JSON
import Net
import Testing

@testable import Functions

/// An event handler over an exchange that answers from a closure.
enum HandlerBench {
    /// What was asked of an upstream.
    struct Call: Sendable {
        let host: String
        let target: String
        let body: [UInt8]
        /// The time that the attempt was given.
        let nanoseconds: UInt64

        /// The body, read.
        var json: JSONDocument.Value? { try? JSONDocument(parsing: body).root }
    }

    /// What comes of the requests, one after another, and what is asked meanwhile.
    static func handle(
        _ requests: [HTTPRequest], _ changes: [String: String] = [:], deadlineMilliseconds: UInt64 = 10_000,
        answering answer: @escaping @Sendable @EventLoopActor (HTTPRequest, Origin) -> HTTPResponse = {
            _, origin in
            .json(200, origin.host == "pubsub.googleapis.com" ? #"{"messageIds":["1"]}"# : "{}")
        }
    ) async throws -> (statuses: [Int], calls: [Call]) {
        try await LoopSupport.run {
            let exchange = FakeExchange { request, origin in .success(answer(request, origin)) }
            let variables = WarmUpTests.variables.merging(changes) { $1 }
            let read = try Configuration(.eventHandler, environment: Environment(variables))
            guard case .eventHandler(let configuration) = read else { throw NotAnEvent.noMessage }
            let handler = EventHandler(configuration, WarmUpTests.parts(exchange, .silent()))
            var statuses: [Int] = []
            for request in requests {
                let response = await handler.handle(
                    request, deadline: .after(milliseconds: deadlineMilliseconds))
                statuses.append(response.status)
            }
            let calls = exchange.sent.map {
                Call(
                    host: $0.origin.host, target: $0.target, body: Array($0.request.body),
                    nanoseconds: $0.nanoseconds)
            }
            return (statuses, calls)
        }
    }

    /// A POST of JSON.
    static func post(_ body: String, type: String = "application/json") -> HTTPRequest {
        var request = HTTPRequest(method: .post, target: [0x2F], body: Array(body.utf8))
        request.fields.append("Content-Type", Array(type.utf8)[...])
        return request
    }

    /// A wrapped push of an event with what every event has; `changes` are attributes.
    static func push(_ event: String, _ changes: [String: String] = [:]) -> HTTPRequest {
        var attributes = Dictionary(
            uniqueKeysWithValues: AttributeName.required.map { ($0.description, "octue/x:1") })
        attributes.merge(changes) { $1 }
        let members = attributes.map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",")
        let data = text(Base64.encode(Array(event.utf8)))
        return post(
            #"{"message":{"data":"\#(data)","attributes":{\#(members)},"messageId":"1"},"subscription":"s"}"#)
    }
}

@Suite("An event handler")
struct EventHandlerTests {
    private static let deadLetters = ["DEAD_LETTER_TOPIC_NAME": "dead"]

    /// The message that was published, as text: its data, and its attributes.
    private func letter(_ calls: [HandlerBench.Call]) throws -> (data: String, attributes: [String: String]) {
        let call = try #require(calls.last)
        #expect(call.host == "pubsub.googleapis.com" && call.target == "/v1/projects/p-1/topics/dead:publish")
        let message = try #require(call.json?["messages"]?.elements.first(where: { _ in true }))
        let data = try #require(message["data"]?.stringBytes)
        var attributes: [String: String] = [:]
        message["attributes"]?.forEachMember { name, value in
            attributes[text((0..<name.count).map { name[$0] })] = value.string
        }
        return (text(try Base64.decode(data)), attributes)
    }

    @Test("publishes in its own project, though the table is in another")
    func projects() async throws {
        let question = HandlerBench.push(#"{"kind":"question"}"#, ["recipient": "no revision"])
        let (statuses, calls) = try await HandlerBench.handle(
            [question], ["BIGQUERY_EVENTS_TABLE": "other.d.t"])
        #expect(statuses == [200])
        let targets = calls.map(\.target)
        #expect(
            targets.contains { $0.hasPrefix("/bigquery/v2/projects/other/datasets/d/tables/t/insertAll") })
        #expect(targets.contains("/v1/projects/p-1/topics/twined:publish"))
    }

    @Test("tells an asker in ten seconds at most, however long the event may take")
    func timeToTell() async throws {
        let question = HandlerBench.push(#"{"kind":"question"}"#, ["recipient": "no revision"])
        let (statuses, calls) = try await HandlerBench.handle([question], deadlineMilliseconds: 300_000)
        #expect(statuses == [200])
        let storing = try #require(calls.first { $0.target.contains("/insertAll") })
        let telling = try #require(calls.first { $0.target.hasSuffix(":publish") })
        // An attempt has a third of what is left, and no more than ten seconds.
        #expect(storing.nanoseconds > 9_000_000_000 && telling.nanoseconds <= 10_000_000_000 / 3)
    }

    /// What was named as the project whose quota pays, by host.
    @EventLoopActor
    private final class NamedQuotas {
        private(set) var projects: [String: Set<String>] = [:]

        func answer(_ request: HTTPRequest, _ origin: Origin) -> HTTPResponse {
            let named = request.fields["x-goog-user-project"].map { text($0) }
            projects[origin.host, default: []].insert(named ?? "none")
            switch origin.host {
            case "container.googleapis.com":
                return .json(
                    200, #"{"endpoint":"203.0.113.7","masterAuth":{"clusterCaCertificate":"LQ=="}}"#)
            case "pubsub.googleapis.com": return .json(200, #"{"messageIds":["1"]}"#)
            default: return .json(200, "{}")
            }
        }
    }

    @Test("names another project's quota in each call of Google's, and not to the cluster")
    func quotaProject() async throws {
        let named = try await LoopSupport.run { NamedQuotas() }
        let (statuses, _) = try await HandlerBench.handle(
            [
                HandlerBench.push(#"{"kind":"question"}"#, ["question_uuid": "q-1"]),
                HandlerBench.push(#"{"kind":"question"}"#, ["recipient": "no revision"]),
            ], ["GOOGLE_CLOUD_QUOTA_PROJECT": "quota"]
        ) { named.answer($0, $1) }
        #expect(statuses == [200, 200])
        let projects = await named.projects
        #expect(
            projects == [
                "bigquery.googleapis.com": ["quota"], "container.googleapis.com": ["quota"],
                "pubsub.googleapis.com": ["quota"], "203.0.113.7": ["none"],
            ])
    }

    @Test("gives a row whose uuid is too long for an insertId the hash of it, always the same")
    func longUUID() async throws {
        let events = [128, 129, 129].map { count in
            HandlerBench.push(#"{"kind":"heartbeat"}"#, ["uuid": String(repeating: "u", count: count)])
        }
        let (statuses, calls) = try await HandlerBench.handle(events)
        #expect(statuses == [200, 200, 200])
        let ids = calls.compactMap {
            $0.json?["rows"]?.elements.first(where: { _ in true })?["insertId"]?.string
        }
        #expect(ids.count == 3 && ids[0] == String(repeating: "u", count: 128))
        #expect(ids[1].utf8.count == 64 && ids[1] == ids[2])
    }

    @Test("takes an unwrapped push for one whatever its Content-Type says")
    func unwrappedFirst() async throws {
        for type in ["application/cloudevents+json", "application/cloudevents-batch+json", "text/plain"] {
            var request = HandlerBench.post(#"{"kind":"heartbeat","specversion":"1.0"}"#, type: type)
            request.fields.append("X-Goog-Pubsub-Message-Id", "7")
            Self.appendAttributes(to: &request)
            let (statuses, calls) = try await HandlerBench.handle([request])
            let row = try #require(calls.first?.json?["rows"]?.elements.first(where: { _ in true })?["json"])
            #expect(statuses == [200] && row["kind"]?.string == "heartbeat")
            #expect(row["event"]?.string == #"{"specversion": "1.0"}"#)
        }
    }

    @Test("puts an unwrapped push that is malformed into the dead-letter topic as Pub/Sub had it")
    func unwrappedDeadLetter() async throws {
        var request = HandlerBench.post("no JSON", type: "application/octet-stream")
        request.fields.append("X-Goog-Pubsub-Message-Id", "7")
        request.fields.append("X-Goog-Pubsub-Subscription-Name", "projects/p/subscriptions/s")
        request.fields.append("question_uuid", "q-1")
        request.fields.append("User-Agent", "none of the message's")
        let (statuses, calls) = try await HandlerBench.handle([request], Self.deadLetters)
        let letter = try letter(calls)
        #expect(statuses == [200] && letter.data == "no JSON")
        #expect(
            letter.attributes.removing("twined-dead-letter-reason") == [
                "question_uuid": "q-1", "twined-dead-letter-message-id": "7",
                "twined-dead-letter-subscription": "projects/p/subscriptions/s",
            ])
    }

    @Test("puts a legacy event that is malformed there as well")
    func legacyDeadLetter() async throws {
        let context =
            #""eventId":"9","timestamp":"2024-01-01T00:00:00Z","eventType":"google.pubsub.topic.publish""#
        let body = #"{"context":{\#(context),"resource":"r"},"data":{"data":"eA==","attributes":{"a":"b"}}}"#
        let (statuses, calls) = try await HandlerBench.handle([HandlerBench.post(body)], Self.deadLetters)
        let letter = try letter(calls)
        #expect(statuses == [200] && letter.data == "x")
        #expect(letter.attributes["a"] == "b" && letter.attributes["twined-dead-letter-message-id"] == "9")
    }

    @Test("says that it is well to anybody who asks with GET or HEAD")
    func health() async throws {
        let push = ["PUSH_AUDIENCE": "https://handler.example", "PUSH_SERVICE_ACCOUNT": "a@b"]
        let methods = [HTTPMethod.get, .head, .delete]
        let requests = methods.map { HTTPRequest(method: $0, target: Array("/health".utf8)) }
        let (statuses, calls) = try await HandlerBench.handle(requests, push)
        #expect(statuses == [200, 200, 405] && calls.isEmpty)
    }

    /// What every event has, as the field lines of an unwrapped push.
    private static func appendAttributes(to request: inout HTTPRequest) {
        for name in AttributeName.required {
            let isTaken = request.fields.append(
                name: Array(name.description.utf8), value: Array("octue/x:1".utf8))
            #expect(isTaken)
        }
    }
}

extension [String: String] {
    fileprivate func removing(_ key: String) -> [String: String] { filter { $0.key != key } }
}
