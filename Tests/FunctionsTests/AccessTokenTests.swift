import JSON
import Net
import Synchronization
import Testing

@testable import Functions

@Suite("The access token")
struct AccessTokenTests {
    /// Gives the tokens t1, t2, … of some lifetime, or an error.
    @EventLoopActor
    final class Mint {
        var fetches = 0
        var lifetimeMilliseconds: UInt64 = 3_600_000
        var error: TokenError?
        var isHeld = false
        private var door = Gate()

        func fetch() async -> Result<FetchedToken, TokenError> {
            fetches += 1
            let number = fetches
            if isHeld { _ = await door.wait(until: .after(milliseconds: 20_000)) }
            if let error { return .failure(error) }
            guard
                let token = FetchedToken(Array("t\(number)".utf8), lifetimeMilliseconds: lifetimeMilliseconds)
            else { return .failure(.failed("no token")) }
            return .success(token)
        }

        func release() {
            isHeld = false
            door.open()
            door = Gate()
        }

        func token(timing: AccessToken.Timing = .init(), log: Log = .silent()) -> AccessToken {
            AccessToken(log: log, timing: timing) { [self] _ in await fetch() }
        }
    }

    @EventLoopActor
    private static func text(
        _ source: AccessToken, deadline: Deadline = .after(milliseconds: 10_000)
    ) async -> String {
        do throws(TokenError) {
            return String(decoding: try await source.value(deadline: deadline).authorization, as: UTF8.self)
        } catch {
            return "error: \(error)"
        }
    }

    @EventLoopActor
    private static func askTogether(_ source: AccessToken, times: Int, release: @EventLoopActor () -> Void)
        async
        -> [String]
    {
        final class Box: @unchecked Sendable { var texts: [String] = [] }
        let box = Box()
        let all = Gate()
        for _ in 0..<times {
            EventLoop.shared.start {
                box.texts.append(await text(source))
                if box.texts.count == times { all.open() }
            }
        }
        await EventLoop.shared.sleep(until: .after(milliseconds: 1))
        release()
        _ = await all.wait(until: .after(milliseconds: 10_000))
        return box.texts
    }

    @Test("a thousand who wait at once share one fetch")
    func sharing() async throws {
        let (fetches, texts) = try await LoopSupport.run {
            let mint = Mint()
            mint.isHeld = true
            let source = mint.token()
            let texts = await Self.askTogether(source, times: 1_000) { mint.release() }
            return (mint.fetches, texts)
        }
        #expect(fetches == 1)
        #expect(texts == [String](repeating: "Bearer t1", count: 1_000))
    }

    @Test("a failure reaches everybody who waited, and nobody after them")
    func failure() async throws {
        let (fetches, texts, next) = try await LoopSupport.run {
            let mint = Mint()
            mint.isHeld = true
            mint.error = .failed("the metadata server answered 403")
            let source = mint.token()
            let texts = await Self.askTogether(source, times: 10) { mint.release() }
            mint.error = nil
            let next = await Self.text(source)
            return (mint.fetches, texts, next)
        }
        #expect(texts == [String](repeating: "error: the metadata server answered 403", count: 10))
        #expect(next == "Bearer t2")
        #expect(fetches == 2)
    }

    @Test("a token near its end is handed out at once and refreshed beside, once")
    func refreshAhead() async throws {
        let (texts, fetches, after) = try await LoopSupport.run {
            let mint = Mint()
            let source = mint.token(
                timing: .init(
                    refreshAheadMilliseconds: 3_600_000, pauseMilliseconds: 0, marginMilliseconds: 0))
            var texts = [await Self.text(source)]
            mint.isHeld = true
            for _ in 0..<5 { texts.append(await Self.text(source)) }
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            let fetches = mint.fetches
            mint.release()
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            return (texts, fetches, await Self.text(source))
        }
        #expect(texts == [String](repeating: "Bearer t1", count: 6))
        #expect(fetches == 2)
        #expect(after == "Bearer t2")
    }

    @Test("a token far from its end is not refreshed")
    func noRefresh() async throws {
        let fetches = try await LoopSupport.run {
            let mint = Mint()
            let source = mint.token()
            for _ in 0..<10 { _ = await Self.text(source) }
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            return mint.fetches
        }
        #expect(fetches == 1)
    }

    @Test("a refresh that fails costs nobody anything while the token serves")
    func failedRefresh() async throws {
        let (texts, fetches) = try await LoopSupport.run {
            let mint = Mint()
            let source = mint.token(
                timing: .init(
                    refreshAheadMilliseconds: 3_600_000, pauseMilliseconds: 0, marginMilliseconds: 0))
            var texts = [await Self.text(source)]
            mint.error = .failed("no")
            for _ in 0..<3 {
                texts.append(await Self.text(source))
                await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            }
            return (texts, mint.fetches)
        }
        #expect(texts == [String](repeating: "Bearer t1", count: 4))
        #expect(fetches >= 2)
    }

    @Test("a refresh that failed is not tried again until its pause is over")
    func pauseAfterFailure() async throws {
        let fetches = try await LoopSupport.run {
            let mint = Mint()
            let pause: UInt64 = 1_000_000
            let source = mint.token(
                timing: .init(refreshAheadMilliseconds: 3_600_000, pauseMilliseconds: pause))
            _ = await Self.text(source)
            let due = Deadline.after(milliseconds: pause).nanoseconds
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            mint.error = .failed("no")
            var fetches: [Int] = []
            for isOver in [false, false, false, true] {
                let now = isOver ? Deadline.after(milliseconds: pause).nanoseconds : due
                #expect(source.current(nowNanoseconds: now) != nil)
                await LoopSupport.settle()
                fetches.append(mint.fetches)
            }
            return fetches
        }
        #expect(fetches == [2, 2, 2, 3])
    }

    @Test("a token that comes with little of its life left is not refreshed before a pause is over")
    func pauseAfterSuccess() async throws {
        let fetches = try await LoopSupport.run {
            let mint = Mint()
            let pause: UInt64 = 60_000
            mint.lifetimeMilliseconds = 200_000
            let source = mint.token(timing: .init(pauseMilliseconds: pause))
            let early = Deadline.after(milliseconds: pause).nanoseconds - 1
            _ = await Self.text(source)
            var fetches: [Int] = []
            for nanoseconds in [early, Deadline.after(milliseconds: pause).nanoseconds] {
                #expect(source.current(nowNanoseconds: nanoseconds) != nil)
                await LoopSupport.settle()
                fetches.append(mint.fetches)
            }
            return fetches
        }
        #expect(fetches == [1, 2])
    }

    @Test("an expired token is not handed out")
    func expiry() async throws {
        let texts = try await LoopSupport.run {
            let mint = Mint()
            mint.lifetimeMilliseconds = 9_999  // Within the margin: over before it travels.
            let source = mint.token()
            return [await Self.text(source), await Self.text(source)]
        }
        #expect(texts == ["Bearer t1", "Bearer t2"])
    }

    @Test("a refused token is fetched anew once, however many were refused with it")
    func invalidation() async throws {
        let (fetches, next) = try await LoopSupport.run {
            let mint = Mint()
            let source = mint.token()
            let first = try await source.value(deadline: .after(milliseconds: 10_000))
            source.invalidate(first)
            let second = try await source.value(deadline: .after(milliseconds: 10_000))
            source.invalidate(first)
            _ = second
            return (mint.fetches, await Self.text(source))
        }
        #expect(fetches == 2)
        #expect(next == "Bearer t2")
    }

    @Test("a wait ends at its own deadline, and the fetch goes on for the others")
    func deadline() async throws {
        let (early, late, fetches) = try await LoopSupport.run {
            let mint = Mint()
            mint.isHeld = true
            let source = mint.token()
            let early = await Self.text(source, deadline: .after(milliseconds: 1))
            mint.release()
            return (early, await Self.text(source), mint.fetches)
        }
        #expect(early == "error: no access token came in time")
        #expect(late == "Bearer t1")
        #expect(fetches == 1)
    }

    // MARK: Fetching

    @EventLoopActor
    private static func fetch(
        _ variables: [String: String], _ files: [String: [UInt8]], _ exchange: FakeExchange,
        log: Log = .silent()
    ) async throws -> String {
        let environment = Environment(variables, files: files)
        let credentials = try Credentials.find(in: environment)
        let caller = UpstreamCaller(exchange: exchange, log: log)
        let source = AccessToken(credentials: credentials, environment: environment, caller: caller, log: log)
        return await text(source)
    }

    static let tokenAnswer = HTTPResponse.json(
        200, #"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#)

    @Test("the metadata server is asked in the recorded form, and looked for first where it may not be there")
    func metadataServer() async throws {
        for (variables, lines) in [
            (["K_SERVICE": "s"], 1), (["GCE_METADATA_HOST": "127.0.0.1:8091"], 1), ([:], 2),
        ] {
            let (text, sent) = try await LoopSupport.run {
                let exchange = FakeExchange { _, _ in
                    .success(.metadata(200, #"{"access_token":"ya29.x","expires_in":3599}"#))
                }
                let text = try await Self.fetch(variables, [:], exchange)
                return (
                    text, exchange.sent.map { [$0.line, $0.field("metadata-flavor") ?? "", $0.origin.host] }
                )
            }
            #expect(text == "Bearer ya29.x")
            #expect(sent.count == lines)
            #expect(
                sent.last?[0]
                    == "GET /computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
            )
            #expect(sent.allSatisfy { $0[1] == "Google" })
            if lines == 2 { #expect(sent.first?[0] == "GET /") }
        }
    }

    @Test(
        "GCE_METADATA_TIMEOUT is the most that one request gets, the first look for the server too",
        arguments: [["K_SERVICE": "s"], [:]])
    func metadataTimeout(platform: [String: String]) async throws {
        let times = try await LoopSupport.run {
            let exchange = FakeExchange { _, _ in .failure(.timedOut) }
            let variables = platform.merging(["GCE_METADATA_TIMEOUT": "1"]) { $1 }
            _ = try await Self.fetch(variables, [:], exchange)
            let project = ProjectLookup(
                known: nil, credentials: try Credentials.find(in: Environment(variables)),
                caller: UpstreamCaller(exchange: exchange, log: .silent()), log: .silent())
            _ = try? await project.value(deadline: .after(milliseconds: 10_000))
            return exchange.sent.map(\.nanoseconds)
        }
        #expect(times.count == 3 + 3)
        #expect(times.allSatisfy { $0 <= 1_000_000_000 })
    }

    @Test("what answers without Metadata-Flavor is no metadata server")
    func impostor() async throws {
        let text = try await LoopSupport.run {
            let exchange = FakeExchange { _, _ in .success(Self.tokenAnswer) }
            return try await Self.fetch(["K_SERVICE": "s"], [:], exchange)
        }
        #expect(text.hasPrefix("error: ") && text.contains("Metadata-Flavor"))
        #expect(!text.contains("ya29"))
    }

    @Test("without a metadata server the error names every way to credentials")
    func noMetadataServer() async throws {
        let text = try await LoopSupport.run {
            try await Self.fetch([:], [:], FakeExchange { _, _ in .failure(.notVerified("no")) })
        }
        #expect(text.contains("GOOGLE_APPLICATION_CREDENTIALS") && text.contains("metadata server"))
    }

    @Test("a subject token is read from its file anew for each token")
    func subjectTokenIsReadAgain() async throws {
        let bodies = try await LoopSupport.run {
            let subject = Mutex("first")
            let environment = Environment(
                variable: { $0 == "GOOGLE_APPLICATION_CREDENTIALS" ? "/key" : nil },
                file: { path in
                    switch path {
                    case "/key": .success(TestFiles.object(TestFiles.externalAccount))
                    case "/token": .success(Array(subject.withLock { $0 }.utf8))
                    default: .failure(.notFound)
                    }
                })
            let exchange = FakeExchange { _, _ in Self.answer }
            let source = AccessToken(
                credentials: try Credentials.find(in: environment), environment: environment,
                caller: UpstreamCaller(exchange: exchange, log: .silent()), log: .silent())
            source.invalidate(try await source.value(deadline: .after(milliseconds: 10_000)))
            subject.withLock { $0 = "second" }
            _ = try await source.value(deadline: .after(milliseconds: 10_000))
            return exchange.sent.map(\.body)
        }
        #expect(bodies.map { $0.contains("subject_token=first&") } == [true, false])
        #expect(bodies.map { $0.contains("subject_token=second&") } == [false, true])
    }

    private static let answer = Result<HTTPResponse, HTTPClientError>.success(tokenAnswer)

    @Test("a subject token is read from its file, exchanged, and used to act as the account")
    func externalAccount() async throws {
        let key = TestFiles.changing(
            TestFiles.externalAccount, "service_account_impersonation_url",
            to:
                "https://iam.example/v1/projects/-/serviceAccounts/t@x.iam.gserviceaccount.com:generateAccessToken"
        )
        let (text, sent) = try await LoopSupport.run {
            let exchange = FakeExchange { _, origin in
                origin.host == "sts.googleapis.com"
                    ? .success(.json(200, #"{"access_token":"sts-tok","expires_in":3599}"#))
                    : .success(.json(200, #"{"accessToken":"final","expireTime":"2999-01-01T00:00:00Z"}"#))
            }
            let files = ["/key": key, "/token": Array("subject.jwt.fromfile\n".utf8)]
            let text = try await Self.fetch(["GOOGLE_APPLICATION_CREDENTIALS": "/key"], files, exchange)
            return (
                text,
                exchange.sent.map { [$0.origin.host, $0.line, $0.field("authorization") ?? "", $0.body] }
            )
        }
        #expect(text == "Bearer final")
        try #require(sent.count == 2)
        #expect(sent[0][1] == "POST /v1/token")
        #expect(sent[0][3].contains("&scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fiam&"))
        #expect(sent[0][3].contains("&subject_token=subject.jwt.fromfile&"))
        #expect(sent[1][0] == "iam.example")
        #expect(sent[1][2] == "Bearer sts-tok")
        #expect(
            sent[1][1]
                == "POST /v1/projects/-/serviceAccounts/t@x.iam.gserviceaccount.com:generateAccessToken")
    }

    @Test("a subject token behind a URL is asked for with the file's fields, and taken out of JSON")
    func externalAccountURL() async throws {
        let key = TestFiles.changing(
            TestFiles.externalAccount, "credential_source",
            to: #"{"url": "http://169.254.169.254/identity?x=1", "headers": {"Metadata": "True"}, "#
                + #""format": {"type": "json", "subject_token_field_name": "access_token"}}"#)
        let (text, sent) = try await LoopSupport.run {
            let exchange = FakeExchange { _, origin in
                origin.host == "169.254.169.254"
                    ? .success(.json(200, #"{"access_token":"subject"}"#)) : .success(Self.tokenAnswer)
            }
            let text = try await Self.fetch(
                ["GOOGLE_APPLICATION_CREDENTIALS": "/key"], ["/key": key], exchange)
            return (text, exchange.sent.map { [$0.line, $0.field("metadata") ?? "", $0.body] })
        }
        #expect(text == "Bearer ya29.x")
        try #require(sent.count == 2)
        #expect(sent[0] == ["GET /identity?x=1", "True", ""])
        #expect(sent[1][2].contains("&subject_token=subject&"))
        #expect(sent[1][2].contains("auth%2Fcloud-platform"))
    }

    @Test("an impersonated account's source asks for no more than the right to act as it")
    func impersonated() async throws {
        let (text, sent) = try await LoopSupport.run {
            let exchange = FakeExchange { _, origin in
                origin.host == "oauth2.googleapis.com"
                    ? .success(Self.tokenAnswer)
                    : .success(.json(200, #"{"accessToken":"final","expireTime":"2999-01-01T00:00:00Z"}"#))
            }
            let text = try await Self.fetch(
                ["GOOGLE_APPLICATION_CREDENTIALS": "/key"],
                ["/key": TestFiles.object(TestFiles.impersonated)],
                exchange)
            return (text, exchange.sent.map { [$0.origin.host, $0.field("authorization") ?? ""] })
        }
        #expect(text == "Bearer final")
        #expect(
            sent == [["oauth2.googleapis.com", ""], ["iamcredentials.googleapis.com", "Bearer ya29.x"]])
    }

    @Test("a refusal says the status and OAuth's word, and nothing else of the answer")
    func refusal() async throws {
        let (text, lines, count) = try await LoopSupport.run {
            let exchange = FakeExchange { _, _ in
                .success(
                    .json(400, #"{"error":"invalid_grant","error_description":"token 1//rt is revoked"}"#))
            }
            let sink = KeptLines()
            let text = try await Self.fetch(
                ["GOOGLE_APPLICATION_CREDENTIALS": "/key"],
                ["/key": TestFiles.object(TestFiles.authorizedUser)],
                exchange, log: Log(level: .debug, sink: sink))
            return (text, sink.texts.joined(), exchange.sent.count)
        }
        #expect(text == "error: the token endpoint answered 400 (invalid_grant)")
        #expect(count == 1)
        #expect(lines.contains("invalid_grant") && !lines.contains("1//rt"))
    }

    @Test("trouble that may pass is tried three times")
    func retries() async throws {
        let (text, count) = try await LoopSupport.run {
            let exchange = FakeExchange { _, _ in .success(.json(503, "")) }
            let text = try await Self.fetch(
                ["GOOGLE_APPLICATION_CREDENTIALS": "/key"],
                ["/key": TestFiles.object(TestFiles.authorizedUser)],
                exchange)
            return (text, exchange.sent.count)
        }
        #expect(text == "error: the token endpoint answered 503")
        #expect(count == 3)
    }

    // MARK: The project

    @Test("the project is what is known, else the key's, else the machine's, asked once")
    func project() async throws {
        let results = try await LoopSupport.run {
            var results: [String] = []
            let exchange = FakeExchange { _, _ in .success(.metadata(200, "machine-project")) }
            let caller = UpstreamCaller(exchange: exchange, log: .silent())
            let key = try Credentials(parsing: TestFiles.object(TestFiles.serviceAccount), file: "/f")
            let machine = try Credentials.find(in: Environment(["K_SERVICE": "s"]))
            for lookup in [
                ProjectLookup(known: "given", credentials: key, caller: caller, log: .silent()),
                ProjectLookup(known: nil, credentials: key, caller: caller, log: .silent()),
                ProjectLookup(known: nil, credentials: machine, caller: caller, log: .silent()),
            ] {
                for _ in 0..<2 {
                    results.append(try await lookup.value(deadline: .after(milliseconds: 10_000)))
                }
            }
            return results + exchange.sent.map(\.line)
        }
        #expect(
            results == [
                "given", "given", "demo-project", "demo-project", "machine-project", "machine-project",
                "GET /computeMetadata/v1/project/project-id",
            ])
    }

    @Test("a project that is no project id is not believed", arguments: ["a/b", "", "x\r\ny", "É"])
    func hostileProject(_ text: String) async throws {
        let error = try await LoopSupport.run {
            let exchange = FakeExchange { _, _ in .success(.metadata(200, text)) }
            let lookup = ProjectLookup(
                known: nil, credentials: try Credentials.find(in: Environment(["K_SERVICE": "s"])),
                caller: UpstreamCaller(exchange: exchange, log: .silent()), log: .silent())
            do throws(TokenError) {
                return try await lookup.value(deadline: .after(milliseconds: 10_000))
            } catch {
                return "error: \(error)"
            }
        }
        #expect(error.hasPrefix("error: "))
    }
}
