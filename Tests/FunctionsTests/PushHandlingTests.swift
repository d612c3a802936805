import JSON
import Net
import TestSupport
import Testing

@testable import Functions

@Suite("A push to a handler that checks tokens")
struct PushHandlingTests {
    private struct Outcome: Sendable {
        let status: Int
        let challenge: String?
        let sent: [String]
        let lines: [String]
    }

    /// What comes of a heartbeat with this token, where the issuer's keys can be had or not.
    private static func outcome(_ token: [UInt8]?, hasKeys: Bool = true) async throws -> Outcome {
        let variables = WarmUpTests.variables.merging([
            "PUSH_AUDIENCE": PushTokens.audience,
            "PUSH_SERVICE_ACCOUNT": PushTokens.serviceAccount,
        ]) { $1 }
        return try await LoopSupport.run {
            let exchange = FakeExchange { request, origin in
                guard origin.host == "www.googleapis.com" else { return .success(.json(200, "{}")) }
                return .success(hasKeys ? PushTokens.keySet() : .json(403, "{}"))
            }
            let sink = KeptLines()
            let parts = WarmUpTests.parts(exchange, Log(level: .debug, sink: sink))
            let read = try Configuration(.eventHandler, environment: Environment(variables))
            guard case .eventHandler(let configuration) = read else { throw NotAnEvent.noMessage }
            var request = HTTPRequest(method: .post, target: [0x2F], body: heartbeat)
            request.fields.append("Content-Type", "application/json")
            if let token { request.fields.append("Authorization", Array("Bearer ".utf8) + token) }
            let handler = EventHandler(configuration, parts)
            let response = await handler.handle(request, deadline: .after(milliseconds: 10_000))
            EventLoop.shared.endTurn()
            return Outcome(
                status: response.status,
                challenge: response.fields["www-authenticate"].map { String(decoding: $0, as: UTF8.self) },
                sent: exchange.sent.map { "\($0.origin.host) \($0.target) \($0.body)" }, lines: sink.texts)
        }
    }

    private static let heartbeat: [UInt8] = {
        let attributes = AttributeName.required.map { "\"\($0)\":\"octue/x:1\"" }.joined(separator: ",")
        let data = String(decoding: Base64.encode(Array(#"{"kind":"heartbeat"}"#.utf8)), as: UTF8.self)
        return Array(
            #"{"message":{"data":"\#(data)","attributes":{\#(attributes)},"messageId":"1"},"subscription":"s"}"#
                .utf8)
    }()

    @Test("is stored where the token is Google's for it")
    func accepted() async throws {
        let outcome = try await Self.outcome(PushTokens.token())
        #expect(outcome.status == 200 && outcome.challenge == nil)
        #expect(outcome.sent.count == 2 && outcome.sent[1].hasPrefix("bigquery.googleapis.com "))
    }

    @Test("is 401 with a challenge where it is not, and nothing is stored", arguments: [true, false])
    func refused(isMissing: Bool) async throws {
        let wrong = PushTokens.token(PushTokens.claims(changing: "aud", to: "\"other\""))
        let outcome = try await Self.outcome(isMissing ? nil : wrong)
        #expect(outcome.status == 401 && outcome.challenge == "Bearer")
        #expect(!outcome.sent.contains { $0.hasPrefix("bigquery.googleapis.com ") })
    }

    @Test("is 503, to come again, where the issuer's keys could not be obtained")
    func undecided() async throws {
        let outcome = try await Self.outcome(PushTokens.token(), hasKeys: false)
        #expect(outcome.status == 503)
        #expect(!outcome.sent.contains { $0.hasPrefix("bigquery.googleapis.com ") })
    }

    @Test("has its token written nowhere, and sent nowhere")
    func secret() async throws {
        for (token, hasKeys) in [(PushTokens.token(), true), (PushTokens.token(), false)] {
            let parts = token.split(separator: 0x2E).map { String(decoding: $0, as: UTF8.self) }
            let outcome = try await Self.outcome(token, hasKeys: hasKeys)
            #expect(!outcome.lines.isEmpty && !outcome.sent.isEmpty)
            for text in outcome.lines + outcome.sent {
                #expect(!parts.contains { text.contains($0) })
            }
        }
    }
}
