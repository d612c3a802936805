import Net
import TestSupport
import Testing

@testable import Functions

@Suite("Configuration")
struct ConfigurationTests {
    static let eventHandler: [String: String] = [
        "BIGQUERY_EVENTS_TABLE": "octue_twined.service-events",
        "TWINED_SERVICES_TOPIC_NAME": "main.octue.twined.services",
        "KUBERNETES_SERVICE_ACCOUNT_NAME": "main-octue-twined-kubernetes-service-account",
        "KUBERNETES_CLUSTER_ID":
            "projects/demo-project/locations/europe-west1/clusters/main-octue-twined-cluster",
        "KUEUE_LOCAL_QUEUE": "local-queue",
        "ARTIFACT_REGISTRY_REPOSITORY_URL": "europe-west1-docker.example/demo-project/octue-twined-services",
        "QUESTION_DEFAULT_CPUS": "1", "QUESTION_DEFAULT_MEMORY": "512Mi",
        "QUESTION_DEFAULT_EPHEMERAL_STORAGE": "1Gi", "K_SERVICE": "handler",
    ]
    static let serviceRegistry: [String: String] = [
        "ARTIFACT_REGISTRY_REPOSITORY_ID": "/projects/demo-project/locations/europe-west1/repositories/r/",
        "K_SERVICE": "registry",
    ]

    /// A value that each variable refuses; for those that are not here every value will do.
    static let wrong: [String: [String]] = [
        "BIGQUERY_EVENTS_TABLE": ["events", "a.b;c", "a/b.c", "a.b.c.d\n"],
        "TWINED_SERVICES_TOPIC_NAME": ["a b", "../x", "projects/p/topics/", "x"],
        "KUBERNETES_SERVICE_ACCOUNT_NAME": ["A", "a_b", "-a"],
        "KUBERNETES_CLUSTER_ID": [
            "cluster", "projects/p/locations/l/clusters/..", "projects/p/locations/l/clusters/c/x",
        ],
        "KUEUE_LOCAL_QUEUE": ["local queue", "Local"],
        "ARTIFACT_REGISTRY_REPOSITORY_URL": ["https://x/y", "host", "host/../x"],
        "QUESTION_DEFAULT_CPUS": ["one", "-1", "1 CPU"], "QUESTION_DEFAULT_MEMORY": ["256 MB", "1GiB"],
        "QUESTION_DEFAULT_EPHEMERAL_STORAGE": ["much", "1gi"],
        "ARTIFACT_REGISTRY_REPOSITORY_ID": [
            "r", "projects/p/repositories/r", "projects/p/locations/l/repositories/a?b",
        ],
        "JOB_COMMAND": ["a\nb", "octue\u{FFFD} x"], "JOB_NAMESPACE": ["Default", "a/b"],
        "JOB_TTL_SECONDS_AFTER_FINISHED": ["+5", "1.0", "-1", "2147483648", "99999999999999999999"],
        "JOB_BACKOFF_LIMIT": ["x", "-1"], "JOB_ACTIVE_DEADLINE_SECONDS": ["0", "1e3"],
        "JOB_PRIORITY_CLASS": ["a b", String(repeating: "a", count: 64)],
        "KUBERNETES_ENDPOINT": ["DNS", "any"],
        "DEAD_LETTER_TOPIC_NAME": ["a b"], "REPORT_UNDISPATCHABLE_QUESTIONS": ["maybe"],
        "PUSH_AUDIENCE": ["a b"], "PUSH_SERVICE_ACCOUNT": ["nobody", "a@b\r\n"],
        "HOST": ["a b", "http://x", ":::x"], "PORT": ["+5", "65536", "http", "-1", "0x50"],
        "CLOUD_RUN_TIMEOUT_SECONDS": ["9", "3601", "60s"], "LOG_LEVEL": ["TRACE"],
        "METRICS_PORT": ["0", "70000"],
        "PATH_PREFIX": ["a/b", "..", "a b"], "GOOGLE_CLOUD_PROJECT": ["a/b", "a b"],
        "GOOGLE_CLOUD_QUOTA_PROJECT": ["a\r\nb"],
        "GOOGLE_CLOUD_UNIVERSE_DOMAIN": ["https://x", "a/b", "localhost", "x.y:443", "Example.goog"],
        "GCE_METADATA_HOST": ["http://x", "a b", "x:0"], "GCE_METADATA_IP": ["::1", "a/b"],
        "GCE_METADATA_TIMEOUT": ["0", "3s", "+3"],
        "BIGQUERY_EMULATOR_HOST": [
            "http://example.com", "example.com:80", "ftp://127.0.0.1", "http://127.0.0.1@x/",
        ],
        "PUBSUB_EMULATOR_HOST": [
            "http://127.0.0.1:8085", "pubsub:8085", "127.0.0.1:8085/x", "2130706433:80",
        ],
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY": [
            "http://10.0.0.1/", "bigquery.example", "https://x/?a=b",
        ],
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": ["http://container.example/"],
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": [
            "http://127.0.0.1.example.com/", "http://[::2]/",
        ],
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": ["http://x/", "https://x/#f", "https://a b/"],
    ]

    private func read(
        _ kind: FunctionKind, _ variables: [String: String], files: [String: [UInt8]] = [:]
    ) -> Result<Configuration, ConfigurationError> {
        do throws(ConfigurationError) {
            return .success(try Configuration(kind, environment: Environment(variables, files: files)))
        } catch {
            return .failure(error)
        }
    }

    private func problems(_ kind: FunctionKind, _ variables: [String: String]) -> [String] {
        switch read(kind, variables) {
        case .success: []
        case .failure(let error): error.problems.map(\.text)
        }
    }

    private func handler(
        _ changes: [String: String] = [:], files: [String: [UInt8]] = [:]
    ) throws -> EventHandlerConfiguration {
        let all = Self.eventHandler.merging(changes) { $1 }
        guard case .eventHandler(let configuration) = try read(.eventHandler, all, files: files).get() else {
            throw ConfigurationError(kind: .eventHandler, problems: [])
        }
        return configuration
    }

    private func registry(_ changes: [String: String] = [:]) throws -> ServiceRegistryConfiguration {
        let all = Self.serviceRegistry.merging(changes) { $1 }
        guard case .serviceRegistry(let configuration) = try read(.serviceRegistry, all).get() else {
            throw ConfigurationError(kind: .serviceRegistry, problems: [])
        }
        return configuration
    }

    @Test("what is deployed today is read as it is meant")
    func deployed() throws {
        let handler = try handler()
        #expect(
            handler.eventsTable.dataset == "octue_twined" && handler.eventsTable.table == "service-events")
        #expect(handler.topic.text == "main.octue.twined.services")
        #expect(handler.jobCommand == ["octue", "twined", "question", "ask-local"])
        #expect(handler.jobNamespace.text == "default")
        #expect(handler.clusterEndpoint == .auto)
        #expect(handler.reportsUndispatchableQuestions)
        #expect(handler.defaultCPUs.integer == 1)
        #expect(handler.push == nil && handler.deadLetterTopic == nil && handler.service.metricsPort == nil)
        #expect(handler.service.host == "0.0.0.0" && handler.service.port == 8_080)
        #expect(handler.service.eventTimeoutMilliseconds == 55_000)
        #expect(handler.service.endpoints == Endpoints(universeDomain: "googleapis.com"))
        let registry = try registry()
        #expect(registry.repository.text == "projects/demo-project/locations/europe-west1/repositories/r")
        #expect(registry.lookupTimeoutMilliseconds == 10_000)
        #expect(try self.registry(["CLOUD_RUN_TIMEOUT_SECONDS": "10"]).lookupTimeoutMilliseconds == 5_000)
    }

    @Test("each required variable that is absent or empty is named once, with what was expected")
    func absent() {
        for (kind, all) in [
            (FunctionKind.eventHandler, Self.eventHandler), (.serviceRegistry, Self.serviceRegistry),
        ] {
            for setting in Setting.all where setting.isRequired && setting.functions.contains(kind) {
                let name = setting.names[0]
                for (value, words) in [(nil, "is not set"), ("", "is empty")] as [(String?, String)] {
                    var variables = all
                    variables[name] = value
                    let names = setting.names.joined(separator: " or ")
                    #expect(problems(kind, variables) == ["\(names) \(words). Expected \(setting.expected)"])
                }
            }
        }
    }

    @Test("all problems are shown at once, one a line, under their number")
    func allAtOnce() throws {
        guard case .failure(let error) = read(.eventHandler, ["QUESTION_DEFAULT_MEMORY": "256 MB"]) else {
            Issue.record("an empty environment is taken")
            return
        }
        let lines = error.description.split(separator: "\n")
        #expect(lines.first == "event-handler: 9 settings are wrong")
        #expect(lines.count == 10)
        #expect(
            lines.contains(
                "  QUESTION_DEFAULT_MEMORY is \"256 MB\". Expected a Kubernetes quantity, for example 256Mi"))
    }

    @Test("each variable that is wrong is named once, with its value and what was expected")
    func wrongValues() {
        for setting in Setting.all {
            for name in setting.names {
                guard let values = Self.wrong[name] else { continue }
                for (kind, all) in [
                    (FunctionKind.eventHandler, Self.eventHandler), (.serviceRegistry, Self.serviceRegistry),
                ] where setting.functions.contains(kind) {
                    for value in values {
                        var variables = all
                        variables[name] = value
                        // The two of a push go together.
                        if name.hasPrefix("PUSH_") {
                            variables[name == "PUSH_AUDIENCE" ? "PUSH_SERVICE_ACCOUNT" : "PUSH_AUDIENCE"] =
                                "a@b"
                        }
                        let problems = problems(kind, variables).filter { !$0.contains("or neither") }
                        #expect(problems.count == 1, "\(name)=\(value): \(problems)")
                        #expect(problems.first?.hasPrefix("\(name) is \"") == true, "\(problems)")
                        #expect(problems.first?.hasSuffix("Expected \(setting.expected)") == true)
                        #expect(problems.first?.utf8.allSatisfy { $0 >= 0x20 } == true)
                    }
                }
            }
        }
    }

    @Test("what a path holds is shown on one line, and not more of it than of other values")
    func pathShown() {
        let path = "/x\u{1B}[31m\nevent-handler: 0 settings are wrong" + String(repeating: "y", count: 5_000)
        let variables = Self.eventHandler.merging(["GOOGLE_APPLICATION_CREDENTIALS": path]) { $1 }
        let problems = problems(.eventHandler, variables)
        #expect(problems.count == 1)
        #expect(problems.first?.utf8.allSatisfy { $0 >= 0x20 } == true)
        #expect(
            problems.first.map { $0.utf8.count < 400 && $0.hasSuffix("the path of a credentials file") }
                == true)
    }

    @Test(
        "a setting of push tokens that stands alone asks for the other, and says what it is",
        arguments: [
            ("PUSH_AUDIENCE", "PUSH_SERVICE_ACCOUNT", "e-mail"),
            ("PUSH_SERVICE_ACCOUNT", "PUSH_AUDIENCE", "audience"),
        ])
    func pushAlone(_ given: String, _ missing: String, _ word: String) {
        let problems = problems(.eventHandler, Self.eventHandler.merging([given: "a@b.iam"]) { $1 })
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("\(missing) is not set. Expected ") == true)
        #expect(problems.first.map { $0.contains(word) && $0.contains(given) } == true)
    }

    @Test("each variable that is checked has a wrong value in these tests")
    func coverage() {
        let unchecked: Set<String> = [
            "OCTUE_SERVICES_TOPIC_NAME", "GCLOUD_PROJECT", "LOG_EXECUTION_ID", "FUNCTION_TARGET",
            "FUNCTION_SIGNATURE_TYPE", "K_SERVICE", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG",
            "NO_GCE_CHECK", "NO_COLOR",
            "SSL_CERT_FILE", "SSL_CERT_DIR",
        ]
        let names = Setting.all.flatMap(\.names)
        #expect(Set(names).count == names.count)
        #expect(Set(names) == unchecked.union(Self.wrong.keys))
    }

    @Test("the newer name of the topic goes before the older, which alone will do")
    func topicNames() throws {
        #expect(
            try handler(["OCTUE_SERVICES_TOPIC_NAME": "older"]).topic.text == "main.octue.twined.services")
        #expect(
            try handler(["TWINED_SERVICES_TOPIC_NAME": "", "OCTUE_SERVICES_TOPIC_NAME": "older"]).topic.text
                == "older")
    }

    @Test("an empty JOB_COMMAND means the image's own command, an absent one today's")
    func jobCommand() throws {
        #expect(try handler(["JOB_COMMAND": ""]).jobCommand == [])
        #expect(
            try handler(["JOB_COMMAND": " octue  question ask local"]).jobCommand == [
                "octue", "question", "ask", "local",
            ])
    }

    @Test("LOG_EXECUTION_ID is on where the functions-framework takes it for on, and nowhere else")
    func executionIDs() throws {
        for (value, isOn) in [
            ("y", true), ("yes", true), ("t", true), ("true", true), ("on", true), ("1", true),
            ("TRUE", false),
            ("false", false), ("0", false), ("no", false),
        ] {
            #expect(try handler(["LOG_EXECUTION_ID": value]).service.logsExecutionIDs == isOn, "\(value)")
        }
    }

    @Test("optional values are read")
    func optionalValues() throws {
        let handler = try handler([
            "JOB_TTL_SECONDS_AFTER_FINISHED": "0", "JOB_BACKOFF_LIMIT": "6",
            "JOB_ACTIVE_DEADLINE_SECONDS": "3600",
            "JOB_PRIORITY_CLASS": "high.priority", "KUBERNETES_ENDPOINT": "dns", "JOB_NAMESPACE": "questions",
            "DEAD_LETTER_TOPIC_NAME": "projects/p/topics/dead", "REPORT_UNDISPATCHABLE_QUESTIONS": "false",
            "PUSH_AUDIENCE": "https://handler", "PUSH_SERVICE_ACCOUNT": "push@p.iam.gserviceaccount.com",
            "LOG_LEVEL": "debug", "LOG_EXECUTION_ID": "true", "HOST": "::", "PORT": "80",
            "METRICS_PORT": "9090",
            "CLOUD_RUN_TIMEOUT_SECONDS": "300", "GCLOUD_PROJECT": "legacy",
            "GOOGLE_CLOUD_QUOTA_PROJECT": "quota",
        ])
        #expect(handler.jobTTLSecondsAfterFinished == 0 && handler.jobBackoffLimit == 6)
        #expect(
            handler.jobActiveDeadlineSeconds == 3_600 && handler.jobPriorityClass?.text == "high.priority")
        #expect(handler.clusterEndpoint == .dns && handler.jobNamespace.text == "questions")
        #expect(handler.deadLetterTopic?.text == "projects/p/topics/dead")
        #expect(!handler.reportsUndispatchableQuestions)
        #expect(
            handler.push
                == .init(audience: "https://handler", serviceAccount: "push@p.iam.gserviceaccount.com"))
        let service = handler.service
        #expect(service.logLevel == .debug && service.logsExecutionIDs)
        #expect(service.host == "::" && service.port == 80 && service.metricsPort == 9_090)
        #expect(service.eventTimeoutMilliseconds == 295_000)
        #expect(service.projectID?.text == "legacy" && service.quotaProjectID?.text == "quota")
        #expect(try registry(["PATH_PREFIX": "/old-name/"]).pathPrefix == Array("old-name".utf8))
    }

    @Test("the quota project is the environment's, or else the one that the credentials name")
    func quotaProject() throws {
        let credentials = [
            "GOOGLE_APPLICATION_CREDENTIALS": "/user.json", "GOOGLE_CLOUD_PROJECT": "demo-project",
        ]
        let files = ["/user.json": TestFiles.object(TestFiles.authorizedUser)]
        func quotaProject(_ more: [String: String]) throws -> String? {
            try handler(credentials.merging(more) { $1 }, files: files).service.quotaProjectID?.text
        }
        #expect(try quotaProject([:]) == "quota-project")
        #expect(try quotaProject(["GOOGLE_CLOUD_QUOTA_PROJECT": "other"]) == "other")
        #expect(try handler().service.quotaProjectID == nil)
    }

    @Test("GOOGLE_CLOUD_PROJECT comes before GCLOUD_PROJECT, and connections to Google idle for four minutes")
    func project() throws {
        let service = try handler(["GOOGLE_CLOUD_PROJECT": "new", "GCLOUD_PROJECT": "old"]).service
        #expect(service.projectID?.text == "new")
        #expect(service.endpoints.bigQuery.origin.idleMilliseconds == 240_000)
    }

    @Test("one half of a push's proof, and a port that is taken twice, are wrong")
    func combinations() {
        func problems(_ changes: [String: String]) -> [String] {
            self.problems(.eventHandler, Self.eventHandler.merging(changes) { $1 })
        }
        #expect(problems(["PUSH_AUDIENCE": "a"]).first?.hasPrefix("PUSH_SERVICE_ACCOUNT is not set") == true)
        #expect(
            problems(["PUSH_SERVICE_ACCOUNT": "a@b"]).first?.hasPrefix("PUSH_AUDIENCE is not set") == true)
        #expect(problems(["METRICS_PORT": "8080"]).first?.hasPrefix("METRICS_PORT is \"8080\"") == true)
        #expect(problems(["METRICS_PORT": "8080", "PORT": "99999"]).count == 1)
        for topic in ["main.octue.twined.services", "projects/p-1/topics/main.octue.twined.services"] {
            let same = [
                "TWINED_SERVICES_TOPIC_NAME": "main.octue.twined.services", "DEAD_LETTER_TOPIC_NAME": topic,
                "GOOGLE_CLOUD_PROJECT": "p-1",
            ]
            #expect(problems(same).first?.contains("another topic than TWINED_SERVICES_TOPIC_NAME") == true)
            #expect(
                problems(same.merging(["GOOGLE_CLOUD_PROJECT": "p-2"]) { $1 }).isEmpty == topic.contains("/"))
        }
    }

    @Test("topics of one name need their project, or the program's, to be told apart")
    func topicsOfOneName() {
        func problems(_ topic: String, _ deadLetters: String, _ more: [String: String] = [:]) -> [String] {
            let topics = [
                "TWINED_SERVICES_TOPIC_NAME": topic, "DEAD_LETTER_TOPIC_NAME": deadLetters, "K_SERVICE": "s",
            ]
            return self.problems(
                .eventHandler, Self.eventHandler.merging(topics) { $1 }.merging(more) { $1 })
        }
        let full = "projects/p-1/topics/twined"
        for (topic, deadLetters) in [("twined", full), (full, "twined")] {
            #expect(
                problems(topic, deadLetters).map { $0.hasPrefix("GOOGLE_CLOUD_PROJECT is not set") } == [true]
            )
            #expect(problems(topic, deadLetters, ["GOOGLE_CLOUD_PROJECT": "p-2"]).isEmpty)
        }
        #expect(problems("projects/p-2/topics/twined", full).isEmpty && problems("twined", "other").isEmpty)
        #expect(problems("twined", "twined").count == 1 && problems(full, full).count == 1)
    }

    @Test("trust anchors that cannot be read are wrong")
    func trustAnchors() throws {
        let variables = Self.serviceRegistry.merging(["SSL_CERT_FILE": "/ca.pem"]) { $1 }
        let problems = problems(.serviceRegistry, variables)
        #expect(
            problems == [
                "SSL_CERT_FILE is \"/ca.pem\". Expected the path of a PEM file; this one does not exist"
            ])
        #expect(throws: Never.self) {
            try read(.serviceRegistry, variables, files: ["/ca.pem": [0x2D]]).get()
        }
    }

    // MARK: Endpoints

    @Test("an override changes host, port and path, and plain http takes no token")
    func overrides() throws {
        let endpoints = try handler([
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY": "https://bigquery.example/proxy/bigquery/v2/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": "http://localhost:18091/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": "http://[::1]:80",
            "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": "https://ignored.example/",
        ]).service.endpoints
        #expect(endpoints.bigQuery.origin == Origin(scheme: .https, host: "bigquery.example"))
        #expect(endpoints.bigQuery.basePath == Array("/proxy".utf8))
        #expect(endpoints.bigQuery.carriesToken)
        #expect(endpoints.container.origin == Origin(scheme: .http, host: "localhost", port: 18_091))
        #expect(endpoints.container.basePath == [] && !endpoints.container.carriesToken)
        #expect(endpoints.artifactRegistry.origin == Origin(scheme: .http, host: "::1", port: 80))
        #expect(endpoints.pubSub.origin == Origin(scheme: .http, host: "127.0.0.1", port: 8_085))
        #expect(!endpoints.pubSub.carriesToken)
    }

    @Test(
        "BigQuery's emulator may be a URL or host:port",
        arguments: [
            "http://127.0.0.1:9050", "http://127.0.0.1:9050/", "127.0.0.1:9050",
            "http://127.0.0.1:9050/bigquery/v2",
        ])
    func bigQueryEmulator(_ value: String) throws {
        let endpoint = try handler(["BIGQUERY_EMULATOR_HOST": value]).service.endpoints.bigQuery
        #expect(endpoint.origin == Origin(scheme: .http, host: "127.0.0.1", port: 9_050))
        #expect(endpoint.basePath == [])
    }

    @Test("the universe domain changes every host, and must be the credentials' own")
    func universe() throws {
        let files = [
            "/key": TestFiles.changing(TestFiles.serviceAccount, "universe_domain", to: "example.goog")
        ]
        let named = try handler(["GOOGLE_CLOUD_UNIVERSE_DOMAIN": "example.goog"]).service.endpoints
        #expect(named == Endpoints(universeDomain: "example.goog"))
        #expect(named.artifactRegistry.origin.host == "artifactregistry.example.goog")
        let own = try handler(["GOOGLE_APPLICATION_CREDENTIALS": "/key"], files: files).service.endpoints
        #expect(own == named)
        let variables = Self.eventHandler.merging(
            ["GOOGLE_APPLICATION_CREDENTIALS": "/key", "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "other.goog"]) { $1 }
        guard case .failure(let error) = read(.eventHandler, variables, files: files) else {
            Issue.record("another universe than the credentials' is taken")
            return
        }
        #expect(error.problems.map(\.name) == ["GOOGLE_CLOUD_UNIVERSE_DOMAIN"])
        // A file that names no universe is for Google's own.
        let silent = ["/key": TestFiles.object(TestFiles.serviceAccount)]
        guard case .failure(let error) = read(.eventHandler, variables, files: silent) else {
            Issue.record("another universe than Google's own is taken")
            return
        }
        #expect(error.problems.map(\.name) == ["GOOGLE_CLOUD_UNIVERSE_DOMAIN"])
    }

    // MARK: Credentials

    @Test(
        "each broken credentials file is one problem that names file and field",
        arguments: CredentialsTests.broken.indices)
    func brokenCredentials(_ index: Int) throws {
        let (_, bytes, words) = CredentialsTests.broken[index]
        let variables = Self.eventHandler.merging(["GOOGLE_APPLICATION_CREDENTIALS": "/f"]) { $1 }
        guard case .failure(let error) = read(.eventHandler, variables, files: ["/f": bytes]) else {
            Issue.record("broken credentials are taken")
            return
        }
        #expect(error.problems.count == 1)
        #expect(error.problems.first?.text.contains(words) == true)
        #expect(error.problems.first?.name == "GOOGLE_APPLICATION_CREDENTIALS")
    }

    @Test("a table without a project is wrong where nothing names one and no metadata server can be asked")
    func projectOfTheTable() throws {
        let files = ["/user": TestFiles.object(TestFiles.authorizedUser)]
        func problems(_ changes: [String: String?]) -> [String] {
            var variables = Self.eventHandler.merging(["GOOGLE_APPLICATION_CREDENTIALS": "/user"]) { $1 }
            for (name, value) in changes { variables[name] = value }
            switch read(.eventHandler, variables, files: files) {
            case .success: return []
            case .failure(let error): return error.problems.map(\.name)
            }
        }
        #expect(problems([:]) == ["GOOGLE_CLOUD_PROJECT"])
        #expect(problems(["GOOGLE_CLOUD_PROJECT": "p-1"]).isEmpty)
        #expect(problems(["GOOGLE_CLOUD_PROJECT": "a b"]) == ["GOOGLE_CLOUD_PROJECT"])
        #expect(problems(["BIGQUERY_EVENTS_TABLE": "p-1.octue_twined.service-events"]).isEmpty)
    }

    @Test("without any credentials only what needs none is taken")
    func noCredentials() throws {
        let none = ["NO_GCE_CHECK": "true", "K_SERVICE": ""]
        let problems = problems(.serviceRegistry, Self.serviceRegistry.merging(none) { $1 })
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("GOOGLE_APPLICATION_CREDENTIALS is not set") == true)
        let emulated = none.merging([
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": "http://127.0.0.1:1/"
        ]) { $1 }
        #expect(try registry(emulated).service.credentials == nil)
    }

    // MARK: The command line

    @Test("an argument names the function, else FUNCTION_TARGET does")
    func commands() {
        func command(_ arguments: [String], _ target: String? = nil) -> Command {
            Command(arguments, environment: Environment(target.map { ["FUNCTION_TARGET": $0] } ?? [:]))
        }
        #expect(command(["event-handler"], "handle_request") == .run(.eventHandler))
        #expect(command(["service-registry"]) == .run(.serviceRegistry))
        #expect(command([], "handle_event") == .run(.eventHandler))
        #expect(command([], "handle_request") == .run(.serviceRegistry))
        #expect(command([], "main") == .wrongTarget("main"))
        #expect(command(["--version"]) == .version && command(["--help"]) == .help)
        for arguments in [[], ["x"], ["event-handler", "x"], [""], ["--Help"]] {
            guard case .misused = command(arguments) else {
                Issue.record("\(arguments) is taken")
                continue
            }
        }
    }

    @Test("the version is that of the file VERSION")
    func version() throws {
        #expect(try Repository.text("VERSION") == "\(Version.current)\n")
    }

    @Test("--help names every variable and its default")
    func help() {
        for setting in Setting.all {
            for name in setting.names { #expect(Usage.help.contains(name)) }
            if let standard = setting.standard { #expect(Usage.help.contains("default \(standard)")) }
        }
    }
}
