import JSON
import Net
import TestSupport
import Testing

@testable import Functions

/// An Artifact Registry with the images of the recorded cases.
@EventLoopActor
final class FakeArtifactRegistry {
    static let root = "/v1/projects/demo-project/locations/europe-west1/repositories/r"
    /// Package to digest and tags.
    var images: [String: (digest: String, tags: [String])] = [
        "my-org/my-service": ("sha256:aaa", ["0.1.0", "default", "latest"]),
        "my-org/untagged": ("sha256:bbb", []),
        "my-org/other": ("sha256:ccc", ["default"]),
        "solo": ("sha256:ddd", ["latest", "2.0.0-rc.1", "default", "z"]),
    ]
    var hasRepository = true
    /// Answers instead of the repository while it is not nil.
    var instead: Result<HTTPResponse, HTTPClientError>?
    /// What every request waits for, so long.
    var door: Gate?
    var doorMilliseconds: UInt64 = 20_000
    /// What stands for authorization that is answered 401.
    var refusedToken: String?

    private(set) lazy var exchange = FakeExchange { [self] request, _ in
        let authorization = request.fields["authorization"].map { String(decoding: $0, as: UTF8.self) }
        if let refusedToken, authorization == refusedToken { return .success(.json(401, "{}")) }
        if let door { _ = await door.wait(until: .after(milliseconds: doorMilliseconds)) }
        await EventLoop.shared.sleep(until: .after(milliseconds: 1))
        return instead ?? .success(answer(String(decoding: request.target, as: UTF8.self)))
    }

    private func answer(_ target: String) -> HTTPResponse {
        guard hasRepository, target.hasPrefix(Self.root) else { return .json(404, "{}") }
        if target == Self.root { return .json(200, "{}") }
        for (name, image) in images {
            let single = name.split(separator: "/").joined(separator: "%2F")
            let double = name.split(separator: "/").joined(separator: "%252F")
            for tag in image.tags where target == "\(Self.root)/packages/\(double)/tags/\(tag)" {
                return .json(
                    200, #"{"name":"x","version":"projects/p/packages/\#(single)/versions/\#(image.digest)"}"#
                )
            }
            let digest = image.digest.split(separator: ":").joined(separator: "%3A")
            if target == "\(Self.root)/dockerImages/\(double)%40\(digest)" {
                return .json(
                    200, #"{"uri":"x","tags":[\#(image.tags.map { "\"\($0)\"" }.joined(separator: ","))]}"#)
            }
        }
        return .json(404, #"{"error":{"code":404}}"#)
    }
}

@Suite("The service registry")
struct ServiceRegistryTests {
    /// A registry over a fake, and what to ask it with.
    @EventLoopActor
    final class Bench {
        let fake = FakeArtifactRegistry()
        let sink = KeptLines()
        let registry: ServiceRegistry
        let token: AccessToken

        init(_ changes: [String: String] = [:], token: AccessToken? = nil) throws {
            let variables = ConfigurationTests.serviceRegistry.merging(changes) { $1 }
            let environment = Environment(variables)
            let configuration = try Configuration(.serviceRegistry, environment: environment)
            guard case .serviceRegistry(let settings) = configuration else {
                throw ConfigurationError(kind: .serviceRegistry, problems: [])
            }
            let log = Log(level: .info, sink: sink)
            self.token = .fixed
            let parts = ServiceParts(
                exchange: fake.exchange, caller: UpstreamCaller(exchange: fake.exchange, log: log),
                token: token ?? self.token,
                project: ProjectLookup(
                    known: "p", credentials: nil, caller: UpstreamCaller(exchange: fake.exchange, log: log),
                    log: log),
                log: log)
            registry = ServiceRegistry(settings, parts)
        }

        func get(_ target: String, _ method: HTTPMethod = .get, milliseconds: UInt64 = 10_000) async -> Reply
        {
            let request = HTTPRequest(method: method, target: Array(target.utf8))
            return Reply(await registry.handle(request, deadline: .after(milliseconds: milliseconds)))
        }

        var calls: [String] {
            fake.exchange.sent.map {
                String($0.line.dropFirst("GET ".count + FakeArtifactRegistry.root.count))
            }
        }
    }

    struct Reply: Equatable, Sendable {
        let status: Int
        let contentType: String
        let body: String
        let allow: String?
        let sniffing: String?

        init(_ response: HTTPResponse) {
            func field(_ name: StaticString) -> String? {
                response.fields[name].map { String(decoding: $0, as: UTF8.self) }
            }
            status = response.status
            contentType = field("content-type") ?? ""
            body = String(decoding: response.body, as: UTF8.self)
            allow = field("allow")
            sniffing = field("x-content-type-options")
        }
    }

    // MARK: Recorded cases

    /// Where the answer is meant to differ from the original's; docs/DIFFERENCES.md says why.
    private func expected(_ method: String, _ target: String) -> (status: Int, body: String)? {
        switch (method, target) {
        case ("GET", "/my-org/my-service;v=1"):
            (404, "No default service revision found for 'my-org/my-service;v=1'.")
        case ("GET", "/my-org/my-service%23x"):
            (404, "No default service revision found for 'my-org/my-service#x'.")
        case ("GET", "/my-org/my-service%3Fx"):
            (404, "No default service revision found for 'my-org/my-service?x'.")
        case ("GET", "/my-org/my-service%3Frevision_tag=0.1.0"):
            (404, "No default service revision found for 'my-org/my-service?revision_tag=0.1.0'.")
        case ("GET", "/my-org/my-service?revision_tag=0.1.0#f"): (400, "Bad Request")
        case ("GET", "/%0A"): (404, #"No default service revision found for '\n'."#)
        case (_, let target) where target.hasPrefix("/robots.txt") || target.hasPrefix("/favicon.ico"):
            (404, "Not Found")
        case ("POST", _), ("PUT", _), ("PATCH", _), ("DELETE", _), ("OPTIONS", _): (405, "Method Not Allowed")
        default: nil
        }
    }

    @Test("recorded requests are answered as the original answered them, but for the listed differences")
    func recordedCases() async throws {
        let cases = try RecordedLookups.all()
        #expect(cases.count > 60)
        for recorded in cases {
            let reply = try await LoopSupport.run {
                let bench = try Bench()
                return await bench.get(recorded.target, HTTPMethod(Array(recorded.method.utf8)[...]))
            }
            let expected = expected(recorded.method, recorded.target) ?? (recorded.status, recorded.body)
            let name = "\(recorded.method) \(recorded.target)"
            #expect(reply.status == expected.status, "\(name)")
            if recorded.method != "HEAD" { #expect(reply.body == expected.body, "\(name)") }
            let isJSON = reply.body.hasPrefix("{")
            #expect(
                reply.contentType == (isJSON ? "application/json" : "text/plain; charset=utf-8"), "\(name)")
            #expect(reply.sniffing == "nosniff", "\(name)")
        }
    }

    // MARK: Differences from the original, each a line of docs/DIFFERENCES.md

    private func reply(_ target: String, _ method: HTTPMethod = .get) async throws -> Reply {
        try await LoopSupport.run { try await Bench().get(target, method) }
    }

    @Test("semicolons, and encoded hashes and question marks, belong to a service's name")
    func namesKeepTheirCharacters() async throws {
        for (target, name) in [("/a/b;v=1", "a/b;v=1"), ("/a/b%23x", "a/b#x"), ("/a/b%3Fx", "a/b?x")] {
            let reply = try await reply(target)
            #expect(reply.body == "No default service revision found for '\(name)'.")
            #expect(reply.status == 404)
        }
    }

    @Test("a line break in a service's name is shown, escaped")
    func lineBreak() async throws {
        #expect(try await reply("/%0A").body == #"No default service revision found for '\n'."#)
    }

    @Test("a hash in a look-up's target is 400")
    func hash() async throws {
        #expect(try await reply("/my-org/my-service#f").status == 400)
    }

    @Test("a look-up by a method other than GET and HEAD is 405")
    func otherMethods() async throws {
        for method in [HTTPMethod.post, .put, .delete, .patch, .options, .other(Array("X".utf8))] {
            let reply = try await reply("/my-org/my-service", method)
            #expect(reply.status == 405 && reply.allow == "GET, HEAD")
        }
    }

    @Test("the registry's texts are plain, so that no name becomes a page")
    func plainText() async throws {
        for target in ["/%3Cscript%3E", "/robots.txt", "/my-org/my-service?revision_tag=0.1.0", "/health"] {
            let reply = try await reply(target)
            #expect(reply.contentType == "text/plain; charset=utf-8" && reply.sniffing == "nosniff")
        }
    }

    @Test("a look-up that cannot be made is 502 or 504, not 500")
    func badGateway() async throws {
        let statuses = try await LoopSupport.run {
            let bench = try Bench()
            bench.fake.instead = .success(.json(403, "{}"))
            let refused = await bench.get("/a/b").status
            bench.fake.instead = .failure(.timedOut)
            return [refused, await bench.get("/a/b").status]
        }
        #expect(statuses == [502, 504])
    }

    @Test("an older function's name at the start of the path is taken off")
    func pathPrefix() async throws {
        let reply = try await LoopSupport.run {
            try await Bench(["PATH_PREFIX": "old"]).get("/old/my-org/my-service")
        }
        #expect(reply.body == "{\"revision_tag\":\"0.1.0\"}\n")
    }

    // MARK: What it costs

    @Test(
        "a look-up costs one call where the revision exists, two where the default does",
        arguments: [
            ("/my-org/my-service?revision_tag=0.1.0", ["/packages/my-org%252Fmy-service/tags/0.1.0"]),
            (
                "/my-org/my-service",
                [
                    "/packages/my-org%252Fmy-service/tags/default",
                    "/dockerImages/my-org%252Fmy-service%40sha256%3Aaaa",
                ]
            ),
            ("/my-org/nope", ["/packages/my-org%252Fnope/tags/default", ""]),
            ("/my-org/nope?revision_tag=1", ["/packages/my-org%252Fnope/tags/1", ""]),
            ("/MY-ORG/x", []), ("/a//b", []), ("/a/../b", []), ("/", []), ("/x?revision_tag=-1", []),
            ("/x?revision_tag=a%2Fb", []), ("/health", []), ("/robots.txt", []),
        ])
    func calls(_ target: String, _ calls: [String]) async throws {
        let (made, tokens) = try await LoopSupport.run {
            let bench = try Bench()
            _ = await bench.get(target)
            return (bench.calls, bench.fake.exchange.sent.map { $0.field("authorization") })
        }
        #expect(made == calls)
        #expect(tokens.allSatisfy { $0 == "Bearer tok" })
    }

    @Test("a repository that was seen is not asked for again on a miss")
    func seenRepository() async throws {
        let (calls, reply) = try await LoopSupport.run {
            let bench = try Bench()
            _ = await bench.get("/my-org/nope")
            let reply = await bench.get("/my-org/nope?revision_tag=1")
            return (bench.calls, reply)
        }
        #expect(calls == ["/packages/my-org%252Fnope/tags/default", "", "/packages/my-org%252Fnope/tags/1"])
        #expect(reply.status == 404)
    }

    @Test("a missing repository is 502, never 404")
    func missingRepository() async throws {
        let (replies, lines) = try await LoopSupport.run {
            let bench = try Bench()
            bench.fake.hasRepository = false
            let replies = [await bench.get("/my-org/my-service"), await bench.get("/a/b?revision_tag=1")]
            return (replies.map(\.status), bench.sink.texts)
        }
        #expect(replies == [502, 502])
        #expect(lines.contains { $0.contains("repositories/r does not exist") })
    }

    @Test("the answer to one question is not kept for the next")
    func noCache() async throws {
        let statuses = try await LoopSupport.run {
            let bench = try Bench()
            let first = await bench.get("/new/one?revision_tag=1").status
            bench.fake.images["new/one"] = ("sha256:eee", ["1"])
            return [first, await bench.get("/new/one?revision_tag=1").status]
        }
        #expect(statuses == [404, 200])
    }

    // MARK: Trouble

    @Test(
        "what Artifact Registry cannot or will not say is 502",
        arguments: [400, 403, 401, 500, 503, 302, 418, 204])
    func trouble(_ status: Int) async throws {
        let (reply, lines) = try await LoopSupport.run {
            let bench = try Bench()
            let words = #"{"error":{"message":"Permission 'its own words' denied"}}"#
            bench.fake.instead = .success(.json(status, words))
            return (await bench.get("/my-org/my-service"), bench.sink.texts)
        }
        #expect(reply.status == 502)
        #expect(!reply.body.contains("words"))
        // Refusals name a permission; what else it says may repeat what was sent.
        #expect(lines.joined().contains("words") == [401, 403].contains(status))
        #expect(lines.count == 1 && lines[0].contains("\"a look-up failed\""))
    }

    @Test(
        "an answer that is not what the API says is 502",
        arguments: ["", "[]", "{}", #"{"version":"x/../y"}"#, #"{"version":7}"#])
    func unusable(_ body: String) async throws {
        let reply = try await LoopSupport.run {
            let bench = try Bench()
            bench.fake.instead = .success(.json(200, body))
            return await bench.get("/my-org/my-service")
        }
        #expect(reply.status == 502)
    }

    @Test("no answer in time is 504")
    func timeOut() async throws {
        let statuses = try await LoopSupport.run {
            let bench = try Bench()
            bench.fake.instead = .failure(.timedOut)
            let first = await bench.get("/my-org/my-service").status
            bench.fake.instead = nil
            bench.fake.door = Gate()
            bench.fake.doorMilliseconds = 5
            return [first, await bench.get("/my-org/my-service", milliseconds: 2).status]
        }
        #expect(statuses == [504, 504])
    }

    @Test("a look-up has ten seconds, however long a request may take")
    func lookupTime() async throws {
        let times = try await LoopSupport.run {
            let bench = try Bench()
            _ = await bench.get("/my-org/my-service", milliseconds: 55_000)
            return bench.fake.exchange.sent.map(\.nanoseconds)
        }
        // An attempt has a third of what is left.
        #expect(times.count == 2 && times.allSatisfy { $0 <= 10_000_000_000 / 3 })
    }

    @Test("a certificate that is refused is 502, and not tried again")
    func notVerified() async throws {
        let (status, count) = try await LoopSupport.run {
            let bench = try Bench()
            bench.fake.instead = .failure(.notVerified("expired"))
            return (await bench.get("/my-org/my-service").status, bench.fake.exchange.sent.count)
        }
        #expect(status == 502)
        #expect(count == 1)
    }

    @Test("a refused token is fetched anew once, and the look-up goes on with it")
    func freshToken() async throws {
        let (reply, tokens) = try await LoopSupport.run {
            var minted = 0
            let token = AccessToken(log: .silent()) { _ in
                minted += 1
                return FetchedToken(Array("t\(minted)".utf8), lifetimeMilliseconds: 3_600_000).map {
                    .success($0)
                }
                    ?? .failure(.failed("no token"))
            }
            let bench = try Bench(token: token)
            bench.fake.refusedToken = "Bearer t1"
            let reply = await bench.get("/my-org/my-service?revision_tag=0.1.0")
            return (reply, bench.fake.exchange.sent.map { $0.field("authorization") ?? "" })
        }
        #expect(reply.status == 200)
        #expect(tokens == ["Bearer t1", "Bearer t2"])
    }

    @Test("over plain http no token travels, and none is fetched")
    func plainHTTP() async throws {
        let (status, sent) = try await LoopSupport.run {
            let bench = try Bench(["CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": "http://127.0.0.1:1/"])
            let status = await bench.get("/my-org/my-service").status
            return (
                status, bench.fake.exchange.sent.map { ($0.field("authorization") ?? "", $0.origin.scheme) }
            )
        }
        #expect(status == 200)
        #expect(sent.allSatisfy { $0.0 == "" && $0.1 == .http })
    }

    @Test("another project's quota is named beside the token")
    func quotaProject() async throws {
        let fields = try await LoopSupport.run {
            let bench = try Bench(["GOOGLE_CLOUD_QUOTA_PROJECT": "quota"])
            _ = await bench.get("/my-org/my-service")
            return bench.fake.exchange.sent.map { $0.field("x-goog-user-project") ?? "" }
        }
        #expect(fields == ["quota", "quota"])
    }

    // MARK: Paths

    @Test(
        "a prefix is taken off where it is the first segment, and nowhere else",
        arguments: [
            ("/old/my-org/my-service", 200), ("/my-org/my-service", 200), ("//old//my-org/my-service/", 200),
            ("/old/health", 200), ("/older/my-service", 404), ("/old", 404), ("/my-org/old", 404),
        ])
    func prefix(_ target: String, _ status: Int) async throws {
        let reply = try await LoopSupport.run { try await Bench(["PATH_PREFIX": "old"]).get(target) }
        #expect(reply.status == status)
    }

    @Test("HEAD is answered as GET, other methods with 405 and what is allowed")
    func methods() async throws {
        let replies = try await LoopSupport.run {
            let bench = try Bench()
            return [
                await bench.get("/my-org/my-service", .head), await bench.get("/my-org/my-service", .post),
                await bench.get("/robots.txt", .delete), await bench.get("*", .options),
            ]
        }
        #expect(replies.map(\.status) == [200, 405, 405, 405])
        #expect(replies.map(\.allow) == [nil, "GET, HEAD", "GET, HEAD", "GET, HEAD"])
    }

    @Test("whatever is asked for, the request line upstream is one of the known forms")
    func hostileTargets() async throws {
        let pieces = [
            "/", "a", "..", "%2e", "%2F", "%252F", "%0d%0a", "%00", "?", "&", "revision_tag=", "%FF", "é",
            ";", "@", ":",
        ]
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<400 {
            let target =
                "/"
                + (0..<Int.random(in: 0..<9, using: &generator)).map { _ in
                    pieces[Int.random(in: 0..<pieces.count, using: &generator)]
                }.joined()
            let lines = try await LoopSupport.run {
                let bench = try Bench()
                _ = await bench.get(target)
                return bench.calls
            }
            for line in lines {
                let isKnown = line.isEmpty || line.hasPrefix("/packages/") || line.hasPrefix("/dockerImages/")
                #expect(
                    isKnown && line.utf8.allSatisfy { ASCII.isAlphanumeric($0) || "/%-._".utf8.contains($0) })
                #expect(!line.contains("..") && !line.contains("//"))
            }
        }
    }
}
