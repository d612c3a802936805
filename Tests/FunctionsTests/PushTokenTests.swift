import JSON
import Net
import TestSupport
import Testing

@testable import Functions

@Suite("Tokens of authenticated pushes")
struct PushTokenTests {
    private static let push = EventHandlerConfiguration.Push(
        audience: PushTokens.audience, serviceAccount: PushTokens.serviceAccount)

    /// Verdicts over tokens given one after another to one verifier, and how often the keys were asked for.
    private static func verdicts(
        _ tokens: [[UInt8]?],
        keys: @escaping @Sendable @EventLoopActor (Int) -> Result<HTTPResponse, HTTPClientError> = { _ in
            .success(PushTokens.keySet())
        }
    ) async throws -> (verdicts: [PushVerifier.Verdict], requests: [String]) {
        try await LoopSupport.run {
            nonisolated(unsafe) var asked = 0
            let exchange = FakeExchange { _, _ in
                asked += 1
                return keys(asked)
            }
            let verifier = PushVerifier(push, caller: UpstreamCaller(exchange: exchange, log: .silent()))
            var verdicts: [PushVerifier.Verdict] = []
            for token in tokens {
                var fields = HTTPFields()
                if let token { fields.append("Authorization", Array("Bearer ".utf8) + token) }
                verdicts.append(await verifier.verify(fields, deadline: .after(milliseconds: 1_000)))
            }
            return (verdicts, exchange.sent.map { "\($0.origin.host)\($0.target)" })
        }
    }

    @Test(
        "a token of Google's with the right audience and e-mail is accepted, and the keys are asked for once")
    func accepted() async throws {
        let token = PushTokens.token()
        let outcome = try await Self.verdicts([token, token, token])
        #expect(outcome.verdicts == [.accepted, .accepted, .accepted])
        #expect(outcome.requests == ["www.googleapis.com/oauth2/v3/certs"])
    }

    @Test("a push without a token, or with something else, is refused before anything is asked")
    func missing() async throws {
        let outcome = try await Self.verdicts([
            nil, Array("a.b".utf8), Array("a.b.c.d".utf8), Array("!.!.!".utf8),
        ])
        #expect(
            outcome.verdicts == [
                .refused(.missing), .refused(.malformed), .refused(.malformed), .refused(.malformed),
            ])
        #expect(outcome.requests.isEmpty)
    }

    @Test(
        "each claim that is wrong or missing refuses the token",
        arguments: [
            ("iss", "\"https://accounts.example\"", PushTokenFault.issuer), ("iss", nil, .issuer),
            ("aud", "\"https://other.example\"", .audience),
            ("aud", "[\"https://handler.example\"]", .audience),
            ("aud", nil, .audience), ("email", "\"other@p.iam.gserviceaccount.com\"", .email),
            ("email", nil, .email),
            ("email_verified", "false", .email), ("email_verified", "\"true\"", .email),
            ("email_verified", nil, .email), ("exp", "1", .expired), ("exp", "\"9999999999\"", .expired),
            ("exp", nil, .expired), ("iat", "9999999999", .notYetValid), ("iat", nil, .notYetValid),
        ] as [(String, String?, PushTokenFault)])
    func wrongClaims(name: String, value: String?, fault: PushTokenFault) async throws {
        let token = PushTokens.token(PushTokens.claims(changing: name, to: value))
        #expect(try await Self.verdicts([token]).verdicts == [.refused(fault)])
    }

    @Test("numbers at the ends of their range are times like others")
    func extremeTimes() async throws {
        let latest = PushTokens.token(PushTokens.claims(changing: "exp", to: "9223372036854775807"))
        let earliest = PushTokens.token(PushTokens.claims(changing: "iat", to: "-9223372036854775808"))
        #expect(try await Self.verdicts([latest, earliest]).verdicts == [.accepted, .accepted])
    }

    /// What becomes of a token with this claim at a time.
    private static func fault(
        _ name: String, _ value: Int64, at nowSeconds: Int64
    ) throws -> PushTokenFault? {
        let token = PushTokens.token(PushTokens.claims(changing: name, to: "\(value)"))
        let read = try PushToken(authorization: Array("Bearer ".utf8) + token[...])
        let key = try #require(RSAPublicKey(modulus: TestKey.modulus, exponent: [1, 0, 1]))
        do throws(PushTokenFault) {
            try read.verify(key: key, push: push, nowSeconds: nowSeconds)
            return nil
        } catch {
            return error
        }
    }

    @Test("expiry has little leeway, for clocks that differ by seconds")
    func leeway() throws {
        let expiry = WallClock.now.seconds + 1_000
        #expect(try Self.fault("exp", expiry, at: expiry + 9) == nil)
        #expect(try Self.fault("exp", expiry, at: expiry + 10) == .expired)
    }

    @Test("the time of issue has as little")
    func leewayOfIssue() throws {
        let issued = WallClock.now.seconds
        #expect(try Self.fault("iat", issued, at: issued - 10) == nil)
        #expect(try Self.fault("iat", issued, at: issued - 11) == .notYetValid)
    }

    @Test(
        "no other algorithm is taken, whatever the token says",
        arguments: ["none", "None", "HS256", "RS512", "ES256", "PS256", ""])
    func algorithms(name: String) async throws {
        let token = PushTokens.token(head: #"{"alg":"\#(name)","kid":"k1"}"#)
        #expect(try await Self.verdicts([token]).verdicts == [.refused(.algorithm)])
    }

    @Test("a token with an extension that must be understood is refused: none is")
    func criticalExtensions() async throws {
        let token = PushTokens.token(head: #"{"alg":"RS256","kid":"k1","b64":false,"crit":["b64"]}"#)
        #expect(try await Self.verdicts([token]).verdicts == [.refused(.extended)])
    }

    @Test("a token changed in any part is refused")
    func forged() async throws {
        let forged = (0..<3).map { part in
            var token = PushTokens.token()
            let dots = token.indices.filter { token[$0] == 0x2E }
            let at = [dots[0] - 4, dots[1] - 4, token.count - 4][part]
            token[at] = token[at] == 0x41 ? 0x42 : 0x41
            return token
        }
        for verdict in try await Self.verdicts(forged).verdicts { #expect(verdict != .accepted) }
    }

    @Test("an unknown key is refused, and within a minute the keys are not asked for again")
    func unknownKey() async throws {
        let token = PushTokens.token()
        let outcome = try await Self.verdicts([token, token, token]) { _ in
            .success(PushTokens.keySet(["another"]))
        }
        #expect(outcome.verdicts == Array(repeating: .refused(.unknownKey), count: 3))
        #expect(outcome.requests.count == 1)
    }

    @Test("a key has 2,048 bits that count, and an exponent that is one")
    func strength() {
        let modulus = TestKey.modulus
        let short = Array(modulus.suffix(64))
        #expect(RSAPublicKey(modulus: modulus, exponent: [1, 0, 1]) != nil)
        #expect(RSAPublicKey(modulus: [UInt8](repeating: 0, count: 192) + short, exponent: [1, 0, 1]) == nil)
        for exponent: [UInt8] in [[], [0], [1], [0, 1], [2], [1, 0, 0]] {
            #expect(RSAPublicKey(modulus: modulus, exponent: exponent) == nil, "\(exponent)")
        }
    }

    @Test("keys that are not to be kept at all are used for a minute")
    func keysOfNoAge() async throws {
        let token = PushTokens.token()
        let outcome = try await Self.verdicts([token, token]) { _ in
            .success(PushTokens.keySet(cacheControl: "max-age=0"))
        }
        #expect(outcome.verdicts == [.accepted, .accepted])
        #expect(outcome.requests.count == 1)
    }

    @Test("keys that cannot be had decide nothing: the push is to be delivered again")
    func noKeys() async throws {
        for answer in [
            .failure(.notConnected(.connectionRefused)), .success(.json(404, "{}")),
            .success(.json(200, "[]")),
            .success(.json(200, #"{"keys":[]}"#)),
        ] as [Result<HTTPResponse, HTTPClientError>] {
            let verdict = try await Self.verdicts([PushTokens.token()]) { _ in answer }.verdicts[0]
            guard case .undecided = verdict else {
                Issue.record("\(verdict)")
                continue
            }
        }
    }

    @Test(
        "max-age is read among other directives",
        arguments: [
            ("public, max-age=600", 600), ("MAX-AGE=5, private", 5), ("s-maxage=9", nil), ("max-age=x", nil),
            ("", nil),
        ] as [(String, UInt64?)])
    func cacheControl(value: String, seconds: UInt64?) {
        #expect(CacheControl.maxAgeSeconds(ArraySlice(Array(value.utf8))) == seconds)
    }
}
