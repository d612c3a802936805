import JSON
import Net
import Testing

@testable import Functions

@Suite("Making ready")
struct WarmUpTests {
    private static let cluster = Array(
        #"{"endpoint":"203.0.113.7","masterAuth":{"clusterCaCertificate":"LQ=="}}"#.utf8)
    static let variables = [
        "K_SERVICE": "function", "BIGQUERY_EVENTS_TABLE": "d.t", "TWINED_SERVICES_TOPIC_NAME": "twined",
        "KUBERNETES_SERVICE_ACCOUNT_NAME": "account",
        "KUBERNETES_CLUSTER_ID": "projects/p-1/locations/l/clusters/c", "KUEUE_LOCAL_QUEUE": "local-queue",
        "ARTIFACT_REGISTRY_REPOSITORY_URL": "europe-west1-docker.pkg.dev/p-1/services",
        "QUESTION_DEFAULT_CPUS": "1", "QUESTION_DEFAULT_MEMORY": "512Mi",
        "QUESTION_DEFAULT_EPHEMERAL_STORAGE": "1Gi", "GOOGLE_CLOUD_PROJECT": "p-1",
    ]

    /// What a handler needs beside its settings.
    @EventLoopActor
    static func parts(_ exchange: FakeExchange, _ log: Log) -> ServiceParts {
        let caller = UpstreamCaller(exchange: exchange, log: log)
        return ServiceParts(
            exchange: exchange, caller: caller, token: .fixed,
            project: ProjectLookup(known: "p-1", credentials: nil, caller: caller, log: log), log: log)
    }

    /// What a handler needs, where GKE says of its cluster what stands above.
    @EventLoopActor
    private struct Bench {
        let exchange: FakeExchange
        let parts: ServiceParts

        init(holding gate: Gate? = nil) {
            exchange = FakeExchange { _, _ in
                if let gate { _ = await gate.wait(until: .after(milliseconds: 60_000)) }
                return .success(HTTPResponse(status: 200, body: WarmUpTests.cluster))
            }
            parts = WarmUpTests.parts(exchange, .silent())
        }

        func kubernetes() throws -> Kubernetes {
            let id = try #require(ClusterID("projects/p/locations/l/clusters/c".utf8))
            let namespace = try #require(KubernetesLabel("default".utf8))
            let endpoint = Endpoint(service: "container", universeDomain: "googleapis.com")
            let api = GoogleAPI(endpoint, parts, quotaProjectID: nil)
            return Kubernetes(
                namespace: namespace, cluster: Cluster(id: id, choice: .auto, api: api, log: parts.log),
                caller: parts.caller, exchange: exchange, token: parts.token, log: parts.log)
        }
    }

    @Test("what every event needs comes first, and what only questions need after the requests that wait")
    func order() async throws {
        let (before, after) = try await LoopSupport.run {
            let bench = Bench()
            let read = try Configuration(.eventHandler, environment: Environment(Self.variables))
            guard case .eventHandler(let configuration) = read else { return ([String](), [String]()) }
            let handler = EventHandler(configuration, bench.parts)
            var before: [String] = []
            await handler.warmUp(deadline: .after(milliseconds: 20_000)) {
                await LoopSupport.settle()
                before = bench.exchange.prepared.map(\.host)
            }
            return (before, bench.exchange.prepared.map(\.host))
        }
        #expect(before == ["bigquery.googleapis.com"])
        #expect(after == ["bigquery.googleapis.com", "container.googleapis.com", "203.0.113.7"])
    }

    @Test("who finds GKE being asked opens no second connection to it")
    func once() async throws {
        let prepared = try await LoopSupport.run {
            let gate = Gate()
            let bench = Bench(holding: gate)
            let kubernetes = try bench.kubernetes()
            let done = [Gate(), Gate()]
            for each in done {
                EventLoop.shared.start {
                    await kubernetes.prepare(deadline: .after(milliseconds: 20_000))
                    each.open()
                }
                await LoopSupport.settle()
            }
            gate.open()
            for each in done { _ = await each.wait(until: .after(milliseconds: 20_000)) }
            return bench.exchange.prepared.map(\.host)
        }
        #expect(prepared == ["container.googleapis.com", "203.0.113.7", "203.0.113.7"])
    }

    @Test(
        "while a row is on its way the cluster's connection is opened, for the events that need it",
        arguments: [
            ("question", ["container.googleapis.com", "203.0.113.7"]),
            ("cancellation", ["container.googleapis.com", "203.0.113.7"]), ("heartbeat", []),
        ])
    func clusterBesideRow(kind: String, hosts: [String]) async throws {
        let (prepared, status) = try await LoopSupport.run {
            let row = Gate()
            let exchange = FakeExchange { _, origin in
                if origin.host == "bigquery.googleapis.com" {
                    _ = await row.wait(until: .after(milliseconds: 60_000))
                    return .success(.json(200, "{}"))
                }
                return .success(HTTPResponse(status: 200, body: WarmUpTests.cluster))
            }
            let parts = WarmUpTests.parts(exchange, .silent())
            _ = try await parts.token.value(deadline: .after(milliseconds: 20_000))
            let read = try Configuration(.eventHandler, environment: Environment(Self.variables))
            guard case .eventHandler(let configuration) = read else { return ([String](), 0) }
            let handler = EventHandler(configuration, parts)
            let done = Gate()
            var status = 0
            EventLoop.shared.start {
                let request = HandlerBench.push(#"{"kind":"\#(kind)"}"#, ["question_uuid": "q-1"])
                status = await handler.handle(request, deadline: .after(milliseconds: 20_000)).status
                done.open()
            }
            await LoopSupport.settle()
            let sent = exchange.sent.map(\.origin.host).filter { $0 != "bigquery.googleapis.com" }
            let prepared = exchange.prepared.map(\.host)
            row.open()
            _ = await done.wait(until: .after(milliseconds: 20_000))
            return (sent + prepared, status)
        }
        #expect(prepared == hosts && status == 200)
    }

    @Test("what is fetched for several events takes no longer than one of them may")
    func sharedFetches() async throws {
        let times = try await LoopSupport.run {
            let exchange = FakeExchange { _, origin in
                origin.host == "container.googleapis.com"
                    ? .success(HTTPResponse(status: 200, body: WarmUpTests.cluster))
                    : .success(.metadata(200, #"{"access_token":"ya29.x","expires_in":3599}"#))
            }
            var variables = Self.variables.merging(["CLOUD_RUN_TIMEOUT_SECONDS": "10"]) { $1 }
            variables["GOOGLE_CLOUD_PROJECT"] = nil
            let environment = Environment(variables)
            let read = try Configuration(.eventHandler, environment: environment)
            guard case .eventHandler(let configuration) = read else { return [String: UInt64]() }
            let parts = ServiceParts(
                configuration.service, environment: environment, exchange: exchange, log: .silent())
            let deadline = Deadline.after(milliseconds: 60_000)
            _ = try? await parts.project.value(deadline: deadline)
            await EventHandler(configuration, parts).warmUp(deadline: deadline) {}
            return Dictionary(exchange.sent.map { ($0.line, $0.nanoseconds) }) { first, _ in first }
        }
        // The token, the project and the cluster: ten seconds less five, and a third of them an attempt.
        #expect(times.count == 3 && times.values.allSatisfy { $0 <= 5_000_000_000 / 3 })
    }

    @Test("while the first token is waited for the connection is opened")
    func connectionBesideToken() async throws {
        let (prepared, sent) = try await LoopSupport.run {
            let exchange = FakeExchange { _, _ in .success(.json(200, "{}")) }
            let gate = Gate()
            let token = AccessToken(log: .silent()) { deadline in
                _ = await gate.wait(until: deadline)
                return .failure(.failed("no token"))
            }
            let caller = UpstreamCaller(exchange: exchange, log: .silent())
            let done = Gate()
            EventLoop.shared.start {
                _ = await caller.call(
                    .bigQuery, at: UpstreamTests.origin, deadline: .after(milliseconds: 20_000), token: token
                ) { _ in HTTPRequest(method: .get, target: [0x2F]) }
                done.open()
            }
            await LoopSupport.settle()
            let prepared = exchange.prepared
            gate.open()
            _ = await done.wait(until: .after(milliseconds: 20_000))
            return (prepared, exchange.sent.count)
        }
        #expect(prepared == [UpstreamTests.origin] && sent == 0)
    }
}
