import Net
import Testing

@testable import Functions

@Suite("Calling an upstream")
struct UpstreamTests {
    static let origin = Origin(scheme: .https, host: "upstream.example")

    /// A caller over answers that are given one after another; the last one stays.
    @EventLoopActor
    final class Bench {
        var answers: [Result<HTTPResponse, HTTPClientError>]
        let sink = KeptLines()
        private(set) lazy var exchange = FakeExchange { [self] _, _ in
            answers.count > 1 ? answers.removeFirst() : answers[0]
        }
        private(set) lazy var caller = UpstreamCaller(exchange: exchange, log: Log(level: .debug, sink: sink))
        private(set) var minted = 0
        private(set) lazy var token = AccessToken(log: .silent()) { [self] _ in
            minted += 1
            return FetchedToken(Array("t\(minted)".utf8), lifetimeMilliseconds: 3_600_000).map {
                .success($0)
            }
                ?? .failure(.failed("no token"))
        }

        init(_ answers: [Result<HTTPResponse, HTTPClientError>]) { self.answers = answers }

        func call(
            _ upstream: Upstream = .bigQuery, milliseconds: UInt64 = 10_000,
            renewOrigin: @EventLoopActor (Origin) async -> Origin? = { $0 }
        ) async -> UpstreamResult {
            await caller.call(
                upstream, at: origin, deadline: .after(milliseconds: milliseconds), token: token,
                renewOrigin: renewOrigin
            ) { authorization in
                var fields = HTTPFields()
                if let authorization { fields.append("Authorization", authorization) }
                return HTTPRequest(method: .post, target: Array("/x".utf8), fields: fields)
            }
        }
    }

    private static func answer(_ status: Int, _ body: String = "{}") -> Result<HTTPResponse, HTTPClientError>
    {
        .success(.json(status, body))
    }

    @Test("a refusal's own words are kept, unless they hold the token that was sent")
    func words() async throws {
        let details = try await LoopSupport.run {
            var details: [[UInt8]?] = []
            for message in ["Permission bigquery.tables.updateData denied", "what is t1 for", "bEaReR x"] {
                let bench = Bench([Self.answer(403, #"{"error":{"message":"\#(message)"}}"#)])
                details.append(CallFailure(await bench.call()).detail)
            }
            return details
        }
        #expect(details == [Array("Permission bigquery.tables.updateData denied".utf8), nil, nil])
    }

    @Test("a success carries no explanation")
    func nothingToExplain() async throws {
        let result = try await LoopSupport.run { await Bench([Self.answer(200)]).call() }
        #expect(result.explanation == nil)
    }

    @Test("trouble that passes is tried again, and the attempts are counted and logged")
    func again() async throws {
        let (result, lines) = try await LoopSupport.run {
            let bench = Bench([Self.answer(503), .failure(.connectionLost), Self.answer(200)])
            return (await bench.call(), bench.sink.texts)
        }
        #expect(result.reaction == .done && result.attempts == 3 && result.status == 200)
        #expect(lines.count == 2)
        #expect(lines[0].contains("\"status\":503") && lines[0].contains("\"attempt\":1"))
        #expect(
            lines[1].contains("closed before the answer") && lines[1].contains("\"upstream\":\"bigquery\""))
    }

    @Test("three attempts are the most, and the last answer is reported")
    func attempts() async throws {
        let result = try await LoopSupport.run { await Bench([Self.answer(429)]).call() }
        #expect(result.reaction == .unavailable && result.attempts == 3 && result.status == 429)
    }

    @Test("what cannot pass is not tried again", arguments: [302, 403, 404, 418])
    func final(_ status: Int) async throws {
        let result = try await LoopSupport.run { await Bench([Self.answer(status)]).call() }
        #expect(result.reaction == .unavailable && result.attempts == 1)
    }

    @Test("a refused token is fetched anew once, and then the call is over")
    func freshToken() async throws {
        let (result, tokens) = try await LoopSupport.run {
            let bench = Bench([Self.answer(401)])
            let result = await bench.call()
            return (result, bench.exchange.sent.map { $0.field("authorization") })
        }
        #expect(result.reaction == .unavailable && result.status == 401)
        #expect(tokens == ["Bearer t1", "Bearer t2"])
    }

    @Test("the attempt after a refused token is not counted")
    func freshTokenIsFree() async throws {
        let result = try await LoopSupport.run {
            await Bench([Self.answer(401), Self.answer(503), Self.answer(503), Self.answer(200)]).call()
        }
        #expect(result.reaction == .done && result.attempts == 4)
    }

    @Test("a cluster that cannot be reached is asked for anew once, and the request goes to the new endpoint")
    func renewedOrigin() async throws {
        let (result, hosts, renewals) = try await LoopSupport.run {
            let bench = Bench([.failure(.notConnected(.connectionRefused)), Self.answer(201)])
            var renewals = 0
            let result = await bench.call(.kubernetesCreate) { _ in
                renewals += 1
                return Origin(scheme: .https, host: "moved.example")
            }
            return (result, bench.exchange.sent.map(\.origin.host), renewals)
        }
        #expect(result.reaction == .done)
        #expect(hosts == ["upstream.example", "moved.example"])
        #expect(renewals == 1)
    }

    @Test("a certificate that is still refused at the new endpoint ends the call")
    func renewedInVain() async throws {
        let result = try await LoopSupport.run {
            await Bench([.failure(.notVerified("no"))]).call(.kubernetesCreate) { _ in Self.origin }
        }
        #expect(result.reaction == .unavailable && result.attempts == 2)
    }

    @Test("a cluster that cannot be reached, and whose endpoint cannot be had anew, ends the call")
    func notRenewed() async throws {
        let result = try await LoopSupport.run {
            await Bench([.failure(.notConnected(.connectionRefused))]).call(.kubernetesCreate) { _ in nil }
        }
        #expect(result.reaction == .unavailable && result.attempts == 1)
    }

    @Test("nothing is sent after the deadline")
    func deadline() async throws {
        let (result, sent) = try await LoopSupport.run {
            let bench = Bench([Self.answer(200)])
            return (await bench.call(milliseconds: 0), bench.exchange.sent.count)
        }
        #expect(sent == 0 && result.attempts == 0 && result.isTimeout)
    }

    @Test("a Retry-After beyond the deadline ends the call at once")
    func retryAfter() async throws {
        let result = try await LoopSupport.run {
            var response = HTTPResponse.json(503, "")
            response.fields.append("Retry-After", "3600")
            return await Bench([.success(response)]).call()
        }
        #expect(result.attempts == 1 && result.reaction == .unavailable)
    }

    @Test("an outage empties the budget of its upstream, and of no other")
    func budget() async throws {
        let (attempts, other) = try await LoopSupport.run {
            let bench = Bench([.failure(.connectionLost)])
            var attempts: [Int] = []
            for _ in 0..<8 { attempts.append(await bench.call(.bigQuery, milliseconds: 60_000).attempts) }
            return (attempts, await bench.call(.pubSub, milliseconds: 60_000).attempts)
        }
        // Ten retries are all there is: five calls take two each.
        #expect(attempts == [3, 3, 3, 3, 3, 1, 1, 1])
        #expect(other == 3)
    }

    @Test("a call that succeeds gives a tenth of a retry back, and ten pay for one more")
    func refund() async throws {
        let attempts = try await LoopSupport.run {
            var refusal = HTTPResponse.json(503, "{}")
            refusal.fields.append("Retry-After", "0")
            let bench = Bench([.success(refusal)])
            var attempts: [Int] = []
            for _ in 0..<6 { attempts.append(await bench.call().attempts) }
            for successes in [9, 1] {
                bench.answers = [Self.answer(200)]
                for _ in 0..<successes { _ = await bench.call() }
                bench.answers = [.success(refusal)]
                attempts.append(await bench.call().attempts)
            }
            return attempts
        }
        #expect(attempts == [3, 3, 3, 3, 3, 1, 1, 2])
    }

    @Test("without a token nothing is sent, and the reason is kept")
    func noToken() async throws {
        let (result, sent) = try await LoopSupport.run {
            let exchange = FakeExchange { _, _ in Self.answer(200) }
            let source = AccessToken(log: .silent()) { _ in .failure(.failed("no credentials")) }
            let result = await UpstreamCaller(exchange: exchange, log: .silent()).call(
                .bigQuery, at: Self.origin, deadline: .after(milliseconds: 1_000), token: source
            ) { _ in HTTPRequest(method: .get, target: [0x2F]) }
            return (result, exchange.sent.count)
        }
        #expect(sent == 0)
        guard case .noToken(.failed("no credentials")) = result.last else {
            Issue.record("another outcome: \(result.last)")
            return
        }
    }

    @Test("each upstream has a place of its own among the budgets")
    func indices() {
        #expect(Upstream.allCases.map(\.index) == Array(Upstream.allCases.indices))
    }
}
