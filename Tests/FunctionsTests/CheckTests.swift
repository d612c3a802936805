import JSON
import Net
import Testing

@testable import Functions

/// A Google in which everything is as it should be, but for the answers that a test replaces.
@EventLoopActor
private final class FakeGoogle {
    /// Answers by a part of the method and target, before those that are right.
    var instead: [(part: String, answer: Result<HTTPResponse, HTTPClientError>)] = []

    private(set) lazy var exchange = FakeExchange { [self] request, _ in
        let line = "\(request.method.name) \(String(decoding: request.target, as: UTF8.self))"
        if let found = instead.first(where: { line.contains($0.part) }) { return found.answer }
        if line.hasSuffix(":testIamPermissions") {
            return .success(HTTPResponse(status: 200, body: request.body))
        }
        if line.hasSuffix("selfsubjectaccessreviews") {
            return .success(.json(201, #"{"status":{"allowed":true}}"#))
        }
        if line.contains("/clusters/") {
            return .success(.json(200, #"{"endpoint":"gke-1.europe-west1.gke.goog"}"#))
        }
        if line.contains("/tables/") {
            let columns = Check.columns.map { #"{"name":"\#($0)"}"# }.joined(separator: ",")
            return .success(.json(200, #"{"schema":{"fields":[\#(columns)]}}"#))
        }
        if line.hasSuffix("/apis/kueue.x-k8s.io") {
            return .success(.json(200, #"{"preferredVersion":{"version":"v1beta2"}}"#))
        }
        if line.hasSuffix("/oauth2/v3/certs") { return .success(.json(200, #"{"keys":[{"kid":"a"}]}"#)) }
        if line.hasSuffix("/email") { return .success(.metadata(200, "handler@p.iam.gserviceaccount.com")) }
        return .success(.json(200, "{}"))
    }
}

@Suite("The check")
struct CheckTests {
    private func findings(
        _ kind: FunctionKind = .eventHandler, _ changes: [String: String] = [:],
        hasToken: Bool = true,
        instead: [(String, Result<HTTPResponse, HTTPClientError>)] = []
    ) async throws -> (findings: [Finding], sent: [String]) {
        try await LoopSupport.run {
            let google = FakeGoogle()
            google.instead = instead.map { (part: $0.0, answer: $0.1) }
            let base =
                kind == .eventHandler ? ConfigurationTests.eventHandler : ConfigurationTests.serviceRegistry
            let environment = Environment(
                base.merging(["GOOGLE_CLOUD_PROJECT": "p"]) { $1 }.merging(changes) { $1 })
            let configuration = try Configuration(kind, environment: environment)
            let log = Log.silent()
            let caller = UpstreamCaller(exchange: google.exchange, log: log) { 0 }
            let token = AccessToken(log: log) { _ in
                guard hasToken, let token = FetchedToken(Array("tok".utf8), lifetimeMilliseconds: 3_600_000)
                else { return .failure(.failed("no token")) }
                return .success(token)
            }
            let parts = ServiceParts(
                exchange: google.exchange, caller: caller, token: token,
                project: ProjectLookup(known: "p", credentials: nil, caller: caller, log: log), log: log)
            let findings = await Check.findings(configuration, parts)
            return (findings, google.exchange.sent.map(\.line))
        }
    }

    private func failed(
        _ kind: FunctionKind = .eventHandler, _ changes: [String: String] = [:],
        instead: [(String, Result<HTTPResponse, HTTPClientError>)]
    ) async throws -> [Finding] {
        try await findings(kind, changes, instead: instead).findings.filter { $0.state == .failed }
    }

    private static let deadLetters = ["DEAD_LETTER_TOPIC_NAME": "dead-letters"]

    @Test("where everything is right, every finding is, and only reads and tests are sent")
    func right() async throws {
        for (kind, changes) in [(FunctionKind.eventHandler, Self.deadLetters), (.serviceRegistry, [:])] {
            let (findings, sent) = try await findings(kind, changes)
            #expect(findings.allSatisfy { $0.state == .ok && $0.remedy == nil }, "\(findings)")
            for line in sent {
                #expect(
                    line.hasPrefix("GET ") || line.hasSuffix(":testIamPermissions")
                        || line.hasSuffix("/selfsubjectaccessreviews"), "\(line)")
            }
        }
    }

    @Test(
        "a missing permission is answered with the role that has it, and whom to grant it to",
        arguments: [
            ("POST /bigquery", "{}", "roles/bigquery.dataEditor"),
            ("topics/main.octue.twined.services:test", "{}", "roles/pubsub.publisher"),
            ("topics/dead-letters:test", "{}", "roles/pubsub.publisher"),
            ("selfsubjectaccessreviews", #"{"status":{"allowed":false}}"#, "roles/container.developer"),
        ])
    func roles(part: String, answer: String, role: String) async throws {
        let failed = try await failed(
            .eventHandler, Self.deadLetters, instead: [(part, .success(.json(200, answer)))])
        #expect(!failed.isEmpty)
        for finding in failed {
            let remedy = finding.remedy ?? ""
            #expect(remedy.contains(role), "\(finding)")
            #expect(remedy.contains("handler@p.iam.gserviceaccount.com"), "\(finding)")
        }
    }

    @Test("a look-up's missing permission is answered with the reader's role")
    func registryRole() async throws {
        let failed = try await failed(
            .serviceRegistry, instead: [(":testIamPermissions", .success(.json(200, "{}")))])
        #expect(failed.count == 1)
        #expect(failed.first?.remedy?.contains("roles/artifactregistry.reader") == true)
    }

    @Test(
        "an upstream that refuses or misses something is answered with the role or the object",
        arguments: [
            ("GET /bigquery", 403, "roles/bigquery.dataEditor"),
            ("GET /bigquery", 404, "create the table p.octue_twined.service-events"),
            ("/clusters/", 403, "roles/container.clusterViewer"),
            ("/clusters/", 404, "KUBERNETES_CLUSTER_ID"),
            ("GET /api/v1/namespaces/default", 404, "create namespace default"),
            ("/serviceaccounts/", 404, "create serviceaccount main-octue-twined-kubernetes-service-account"),
            ("GET /apis/kueue.x-k8s.io", 404, "install Kueue"),
            ("v1beta2/namespaces/default/localqueues/", 404, "create the LocalQueue local-queue"),
            ("/workloadpriorityclasses/", 404, "create the WorkloadPriorityClass urgent"),
            ("selfsubjectaccessreviews", 403, "roles/container.developer"),
            ("topics/main.octue.twined.services:test", 404, "create the topic"),
        ])
    func refusals(part: String, status: Int, remedy: String) async throws {
        let failed = try await failed(
            .eventHandler, ["JOB_PRIORITY_CLASS": "urgent"],
            instead: [(part, .success(.json(status, "{}")))])
        #expect(failed.contains { $0.remedy?.contains(remedy) == true }, "\(failed)")
    }

    @Test("a LocalQueue that is not active is told from one that is, with its reason and its ClusterQueue")
    func inactiveQueue() async throws {
        func queue(_ status: String) -> [(String, Result<HTTPResponse, HTTPClientError>)] {
            let body =
                #"{"spec":{"clusterQueue":"cluster-queue"},"status":{"conditions":[{"type":"Other","#
                + #""status":"False"},{"type":"Active","status":"\#(status)","reason":"ClusterQueueIsInactive"}]}}"#
            return [("/localqueues/", .success(.json(200, body)))]
        }
        #expect(try await failed(instead: queue("True")) == [])
        let failed = try await failed(instead: queue("False"))
        #expect(failed.map(\.what) == ["local queue"])
        #expect(failed.first?.detail.contains("ClusterQueueIsInactive") == true)
        #expect(failed.first?.remedy?.contains("ClusterQueue cluster-queue") == true)
    }

    @Test("what a cluster says is printed only where it can be a name")
    func hostileNames() async throws {
        let body =
            #"{"spec":{"clusterQueue":"a\u001b[2J"},"status":{"conditions":[{"type":"Active","status":"False","#
            + #""reason":"\n\u001b[31m"}]}}"#
        let failed = try await failed(instead: [("/localqueues/", .success(.json(200, body)))])
        let text = failed.map { $0.detail + ($0.remedy ?? "") }.joined()
        #expect(failed.count == 1)
        #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        let version = #"{"preferredVersion":{"version":"../../x"}}"#
        let sent = try await findings(instead: [("GET /apis/kueue.x-k8s.io", .success(.json(200, version)))])
            .sent
        #expect(!sent.contains { $0.contains("..") })
    }

    @Test("the issuer's keys are looked at only where pushes are checked against them")
    func pushKeys() async throws {
        let push = [
            "PUSH_AUDIENCE": "https://handler", "PUSH_SERVICE_ACCOUNT": "push@p.iam.gserviceaccount.com",
        ]
        #expect(try await !findings().findings.contains { $0.what == "push keys" })
        #expect(try await findings(.eventHandler, push).findings.contains { $0.what == "push keys" })
        for answer: Result<HTTPResponse, HTTPClientError> in [
            .failure(.notConnected(.connectionRefused)), .success(.json(403, "{}")),
            .success(.json(404, "{}")),
        ] {
            let failed = try await failed(.eventHandler, push, instead: [("/oauth2/v3/certs", answer)])
            #expect(failed.map(\.what) == ["push keys"])
            #expect(failed.first?.remedy?.contains("www.googleapis.com") == true)
        }
    }

    @Test("a refusal at the DNS endpoint names the permission that this endpoint wants")
    func dnsEndpoint() async throws {
        let failed = try await failed(instead: [("selfsubjectaccessreviews", .success(.json(403, "{}")))])
        #expect(failed.allSatisfy { $0.remedy?.contains("container.clusters.connect") == true })
        #expect(!failed.isEmpty)
    }

    @Test("an API that is not enabled is told from a role that is missing")
    func disabledAPI() async throws {
        let body = #"{"error":{"details":[{"reason":"SERVICE_DISABLED"}]}}"#
        let failed = try await failed(instead: [("GET /bigquery", .success(.json(403, body)))])
        #expect(failed.first?.remedy == "run: gcloud services enable bigquery.googleapis.com")
    }

    @Test("a topic that does not exist is told from one we may not publish on")
    func missingTopic() async throws {
        let failed = try await failed(instead: [
            (":testIamPermissions", .success(.json(200, "{}"))),
            ("GET /v1/projects/p/topics/", .success(.json(404, "{}"))),
        ])
        #expect(failed.contains { $0.what == "network topic" && $0.remedy?.hasPrefix("create") == true })
    }

    @Test("columns that the table does not have are named")
    func columns() async throws {
        let body = #"{"schema":{"fields":[{"name":"uuid"},{"name":"kind"}]}}"#
        let failed = try await failed(instead: [("GET /bigquery", .success(.json(200, body)))])
        #expect(failed.first?.detail.contains("datetime, event") == true)
    }

    @Test("no address, no connection, no descriptor for one and no trust are four different remedies")
    func unreachable() async throws {
        var remedies: Set<String> = []
        let errors: [HTTPClientError] = [
            .notResolved, .notConnected(.connectionRefused), .notConnected(.tooManyOpenFiles),
            .notVerified("self-signed"),
        ]
        for error in errors {
            let failed = try await failed(instead: [("GET /bigquery", .failure(error))])
            let remedy = try #require(failed.first?.remedy)
            remedies.insert(remedy)
        }
        #expect(remedies.count == 4)
    }

    @Test("without a token one line says so, and nothing is asked")
    func noToken() async throws {
        let (findings, sent) = try await findings(hasToken: false)
        #expect(findings.map(\.state) == [.ok, .failed])
        #expect(findings.last?.remedy != nil)
        #expect(sent.isEmpty)
    }

    @Test("a topic that is never published on is not looked at")
    func unusedTopic() async throws {
        let (findings, _) = try await findings(.eventHandler, ["REPORT_UNDISPATCHABLE_QUESTIONS": "false"])
        #expect(!findings.contains { $0.what == "network topic" })
    }

    @Test("the table has one line for each finding, and the JSON the same findings")
    func reports() throws {
        let findings = [
            Finding(what: "a", subject: "x", state: .ok, detail: "there"),
            Finding(
                what: "long one", subject: "y", state: .failed, detail: "gone", remedy: "put it \"back\""),
            Finding(what: "c", subject: "z", state: .unknown, detail: "hidden"),
        ]
        #expect(
            CheckReport.table(findings) == """
                ok       a         x  there
                failed   long one  y  gone → put it "back"
                unknown  c         z  hidden

                """)
        let report = try JSONDocument(parsing: CheckReport.json(findings, .eventHandler)).root
        #expect(report["ok"]?.bool == false)
        let checks = Array(try #require(report["checks"]).elements)
        #expect(checks.map { $0["state"]?.string } == ["ok", "failed", "unknown"])
        #expect(checks[1]["remedy"]?.string == "put it \"back\"")
        #expect(checks[0]["remedy"] == nil)
        #expect(!CheckReport.isGood(findings))
        #expect(CheckReport.isGood([findings[0], findings[2]]))
    }

    @Test("wrong settings are findings, each with what was expected as its remedy")
    func settings() throws {
        var variables = ConfigurationTests.eventHandler
        variables["KUEUE_LOCAL_QUEUE"] = nil
        variables["PORT"] = "http"
        do {
            _ = try Configuration(.eventHandler, environment: Environment(variables))
            Issue.record("these settings are wrong")
        } catch {
            let findings = Check.findings(error)
            #expect(findings.map(\.subject) == ["KUEUE_LOCAL_QUEUE", "PORT"])
            #expect(findings.allSatisfy { $0.remedy?.hasPrefix("set it to ") == true }, "\(findings)")
        }
    }

    private static let checkTakes = "check takes event-handler or service-registry, and --json where wanted"

    @Test(
        "check's arguments may come in any order, and FUNCTION_TARGET names the function where they do not",
        arguments: [
            (["check", "event-handler"], "", Command.check(.eventHandler, asJSON: false)),
            (["check", "--json", "service-registry"], "", .check(.serviceRegistry, asJSON: true)),
            (["check", "--json"], "handle_event", .check(.eventHandler, asJSON: true)),
            (["check"], "handle_request", .check(.serviceRegistry, asJSON: false)),
            (["check"], "", .misused(checkTakes)),
            (["check", "x"], "handle_event", .misused(checkTakes)),
        ])
    func command(arguments: [String], target: String, command: Command) {
        let environment = Environment(target.isEmpty ? [:] : ["FUNCTION_TARGET": target])
        #expect(Command(arguments, environment: environment) == command)
    }
}
