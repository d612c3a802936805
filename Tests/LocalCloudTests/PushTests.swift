import JSON
import Testing

@testable import LocalCloud
@testable import Net

/// Answers 500 so many times, then 204, and keeps what came.
@EventLoopActor
private final class Endpoint: Handler {
    private var refusals: Int
    private(set) var bodies: [[UInt8]] = []

    init(refusals: Int) { self.refusals = refusals }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        bodies.append(request.body)
        if refusals == 0 { return HTTPResponse(status: 204) }
        refusals -= 1
        return .text(500, "not yet")
    }
}

@Suite("Pushes")
struct PushTests {
    @Test("a message is delivered again until it is acknowledged, and those of its key wait for it")
    func redelivery() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let endpoint = Endpoint(refusals: 2)
            let server = HTTPServer(handler: endpoint, configuration: .init(host: "127.0.0.1", port: 0))
            try server.listen()
            EventLoop.shared.start { await server.run() }
            let subscription =
                #"{"name":"events","topic":"main.octue.twined.services","pushEndpoint":"#
                + #""http://127.0.0.1:\#(server.port)/p?x=1","minimumBackoffMilliseconds":1}"#
            #expect(try await running.control("/subscriptions", subscription).status == 200)
            let messages =
                #"{"topic":"main.octue.twined.services","messages":[{"text":"1","orderingKey":"k"},"#
                + #"{"text":"2","attributes":{"a":"b"},"orderingKey":"k"}]}"#
            #expect(try await running.control("/publish", messages).status == 200)
            let wait =
                #"{"conditions":[{"counter":"deliveries.acknowledged","equals":2},"#
                + #"{"counter":"deliveries.pending","equals":0}]}"#
            #expect(try await running.control("/wait", wait).json?["held"]?.bool == true)
            server.stop()
            let texts = try endpoint.bodies.map { body in
                try JSONDocument(parsing: body).root["message"]?["data"]?.string
            }
            #expect(texts == ["MQ==", "MQ==", "MQ==", "Mg=="])
            let last = try JSONDocument(parsing: endpoint.bodies[3]).root
            #expect(last["message"]?["attributes"]?["a"]?.string == "b")
            #expect(last["message"]?["orderingKey"]?.string == "k")
            #expect(last["deliveryAttempt"]?.integer == 1)
        }
    }

    @Test("a message that nobody takes is given up after as many deliveries as are allowed")
    func exhausted() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let subscription =
                #"{"name":"events","topic":"main.octue.twined.services","#
                + #""pushEndpoint":"http://127.0.0.1:1/","minimumBackoffMilliseconds":1,"deliveriesMax":3}"#
            _ = try await running.control("/subscriptions", subscription)
            _ = try await running.control(
                "/publish", #"{"topic":"main.octue.twined.services","messages":[{"text":"1"}]}"#)
            let wait = #"{"conditions":[{"counter":"deliveries.exhausted","equals":1}]}"#
            #expect(try await running.control("/wait", wait).json?["held"]?.bool == true)
            let deliveries = try await running.control("/deliveries")
            #expect(deliveries.json?["deliveries"]?.elements.map { $0["attempt"]?.integer } == [1, 2, 3])
        }
    }
}
