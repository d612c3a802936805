internal import Net

/// One row of the table of environment variables, from which they are read and `--help` is printed.
struct Setting: Sendable {
    /// The variable; where there are more, the first that is set is taken.
    let names: [String]
    let functions: [FunctionKind]
    let isRequired: Bool
    /// What is taken when it is absent, for `--help`.
    let standard: String?
    /// What it is for.
    let meaning: String
    /// What its value must look like; ends the sentence "Expected …".
    let expected: String
    /// Whether an empty value is one, and not the same as an absent variable.
    var takesEmpty = false
    /// Puts a value into the draft; false when it is not what is expected.
    let take: @Sendable (String, inout ConfigurationDraft) -> Bool

    /// The variable that counts, and its value.
    func find(in environment: Environment) -> (name: String, value: String)? {
        for name in names {
            if let value = environment[name] { return (name, value) }
            if takesEmpty, environment.isEmpty(name) { return (name, "") }
        }
        return nil
    }
}

extension Setting {
    /// Every variable that the program reads, but for those of the operating system.
    static let all: [Setting] =
        eventHandlerRequired + serviceRegistryRequired + eventHandlerOptional + both + google

    private static let quantity = "a Kubernetes quantity, for example"
    private static let topicForm = "a topic's name, or projects/<project>/topics/<name>"

    private static let eventHandlerRequired: [Setting] = [
        required(
            ["BIGQUERY_EVENTS_TABLE"], .eventHandler, "where events are stored",
            "<dataset>.<table>, for example twined.events, or <project>.<dataset>.<table>", \.eventsTable
        ) { TableID($0) },
        required(
            ["TWINED_SERVICES_TOPIC_NAME", "OCTUE_SERVICES_TOPIC_NAME"], .eventHandler,
            "the topic of the network", topicForm, \.topic
        ) { TopicName($0) },
        required(
            ["KUBERNETES_SERVICE_ACCOUNT_NAME"], .eventHandler, "service account of the Jobs",
            "the name of a Kubernetes object, for example twined", \.kubernetesServiceAccountName
        ) { KubernetesName($0) },
        required(
            ["KUBERNETES_CLUSTER_ID"], .eventHandler, "the cluster that runs the Jobs",
            "projects/<project>/locations/<location>/clusters/<cluster>", \.clusterID
        ) { ClusterID($0) },
        required(
            ["KUEUE_LOCAL_QUEUE"], .eventHandler, "the queue the Jobs go to",
            "the name of a Kubernetes object, for example local-queue", \.localQueue
        ) { text in text.utf8.count <= 63 ? KubernetesName(text) : nil },
        required(
            ["ARTIFACT_REGISTRY_REPOSITORY_URL"], .eventHandler,
            "where the images of the service revisions are",
            "<region>-docker.pkg.dev/<project-id>/<repository-name>", \.repositoryURL
        ) { RepositoryURL($0) },
        required(
            ["QUESTION_DEFAULT_CPUS"], .eventHandler, "a question's CPUs, unless it says how many",
            "\(quantity) 1, 0.5 or 500m", \.defaultCPUs
        ) { Quantity($0) },
        required(
            ["QUESTION_DEFAULT_MEMORY"], .eventHandler, "a question's memory, unless it says how much",
            "\(quantity) 256Mi", \.defaultMemory
        ) { Quantity($0) },
        required(
            ["QUESTION_DEFAULT_EPHEMERAL_STORAGE"], .eventHandler,
            "a question's disk, unless it says how much",
            "\(quantity) 1Gi", \.defaultEphemeralStorage
        ) { Quantity($0) },
    ]

    private static let serviceRegistryRequired: [Setting] = [
        required(
            ["ARTIFACT_REGISTRY_REPOSITORY_ID"], .serviceRegistry, "where service revisions are looked up",
            "projects/<project>/locations/<location>/repositories/<repository>", \.repository
        ) { RepositoryID($0) }
    ]

    private static let eventHandlerOptional: [Setting] = [
        Setting(
            names: ["JOB_COMMAND"], functions: [.eventHandler], isRequired: false,
            standard: "octue twined question ask-local",
            meaning: "command of the Jobs (empty means the image's own)",
            expected: "words separated by spaces", takesEmpty: true
        ) { text, draft in
            // U+FFFD stands for bytes that are no UTF-8, and would be in the Job's command.
            guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F && $0 != "\u{FFFD}" })
            else { return false }
            draft.jobCommand = text.utf8.split(separator: UInt8(ascii: " ")).map { String($0) ?? "" }
            return true
        },
        optional(
            ["JOB_NAMESPACE"], [.eventHandler], "default", "namespace of the Jobs",
            "the name of a namespace, for example default", \.jobNamespace
        ) { KubernetesLabel($0) },
        optional(
            ["JOB_TTL_SECONDS_AFTER_FINISHED"], [.eventHandler], nil, "when a finished Job is removed",
            "a number of seconds from 0 to 2147483647", \.jobTTLSecondsAfterFinished
        ) { number($0, in: 0...2_147_483_647) },
        optional(
            ["JOB_BACKOFF_LIMIT"], [.eventHandler], nil, "how often a Job's Pod is tried again",
            "a number from 0 to 2147483647", \.jobBackoffLimit
        ) { number($0, in: 0...2_147_483_647) },
        optional(
            ["JOB_ACTIVE_DEADLINE_SECONDS"], [.eventHandler], nil, "how long a Job may run",
            "a number of seconds from 1 to 2147483647", \.jobActiveDeadlineSeconds
        ) { number($0, in: 1...2_147_483_647) },
        optional(
            ["JOB_PRIORITY_CLASS"], [.eventHandler], nil, "Kueue priority class of the Jobs",
            "the name of a WorkloadPriorityClass, at most 63 characters", \.jobPriorityClass
        ) { text in text.utf8.count <= 63 ? KubernetesName(text) : nil },
        optional(
            ["KUBERNETES_ENDPOINT"], [.eventHandler], "auto", "which endpoint of the cluster is used",
            "auto, dns, public or private", \.clusterEndpointValue
        ) { EventHandlerConfiguration.ClusterEndpoint(rawValue: $0) },
        optional(
            ["DEAD_LETTER_TOPIC_NAME"], [.eventHandler], nil, "where events go that can never be stored",
            topicForm,
            \.deadLetterTopic
        ) { TopicName($0) },
        optional(
            ["REPORT_UNDISPATCHABLE_QUESTIONS"], [.eventHandler], "true",
            "whether an asker is told of a question that cannot be run", "true or false",
            \.reportsUndispatchableValue
        ) { boolean($0) },
        optional(
            ["PUSH_AUDIENCE"], [.eventHandler], nil, "off Cloud Run: the audience a push's token must have",
            "visible text, for example https://handler.example", \.pushAudience
        ) { visible($0) },
        optional(
            ["PUSH_SERVICE_ACCOUNT"], [.eventHandler], nil,
            "off Cloud Run: the e-mail a push's token must have",
            "an e-mail address", \.pushServiceAccount
        ) { text in text.utf8.contains(UInt8(ascii: "@")) ? visible(text) : nil },
    ]

    private static let both: [Setting] = [
        optional(
            ["HOST"], FunctionKind.allCases, "0.0.0.0", "the address to listen on",
            "an address or a host name", \.hostValue
        ) { listenHost($0) },
        optional(
            ["PORT"], FunctionKind.allCases, "8080", "the port to listen on", "a number from 0 to 65535",
            \.portValue
        ) { number($0, in: 0...65_535).map { UInt16($0) } },
        optional(
            ["CLOUD_RUN_TIMEOUT_SECONDS"], FunctionKind.allCases, "60",
            "the platform's limit for one request",
            "a number of seconds from 10 to 3600", \.requestLimitValue
        ) { number($0, in: 10...3_600).map { UInt64($0) } },
        optional(
            ["LOG_LEVEL"], FunctionKind.allCases, "INFO", "which lines are written",
            "DEBUG, INFO, WARNING or ERROR",
            \.logLevelValue
        ) { LogSeverity(name: $0) },
        optional(
            ["LOG_EXECUTION_ID"], FunctionKind.allCases, nil,
            "whether lines are labelled with the execution's id",
            "y, yes, t, true, on or 1; anything else is no", \.logsExecutionIDsValue
        ) { ["y", "yes", "t", "true", "on", "1"].contains($0) },
        optional(
            ["METRICS_PORT"], FunctionKind.allCases, nil, "Prometheus text on a listener of its own",
            "a number from 1 to 65535", \.metricsPort
        ) { number($0, in: 1...65_535).map { UInt16($0) } },
        optional(
            ["PATH_PREFIX"], [.serviceRegistry], nil, "a first path segment that is taken off",
            "one path segment, for example main-octue-twined-service-registry", \.pathPrefix
        ) { pathPrefix($0) },
        seen("FUNCTION_TARGET", "the function, where no argument names it", "handle_event or handle_request"),
        seen("FUNCTION_SIGNATURE_TYPE", "accepted and ignored", "anything"),
        seen("NO_COLOR", "a terminal gets readable lines without colours", "anything"),
        seen(
            "K_SERVICE",
            "set by Cloud Run and Knative: the service's name in logs, and no probing for the "
                + "metadata server",
            "a name"),
    ]

    private static func required<Value>(
        _ names: [String], _ function: FunctionKind, _ meaning: String, _ expected: String,
        _ path: any WritableKeyPath<ConfigurationDraft, Value?> & Sendable,
        _ parse: @escaping @Sendable (String) -> Value?
    ) -> Setting {
        Setting(
            names: names, functions: [function], isRequired: true, standard: nil, meaning: meaning,
            expected: expected, take: taking(path, parse))
    }

    static func optional<Value>(
        _ names: [String], _ functions: [FunctionKind], _ standard: String?, _ meaning: String,
        _ expected: String,
        _ path: any WritableKeyPath<ConfigurationDraft, Value?> & Sendable,
        _ parse: @escaping @Sendable (String) -> Value?
    ) -> Setting {
        Setting(
            names: names, functions: functions, isRequired: false, standard: standard, meaning: meaning,
            expected: expected, take: taking(path, parse))
    }

    /// A variable that is read elsewhere, and every value of which is taken.
    static func seen(_ name: String, _ meaning: String, _ expected: String) -> Setting {
        Setting(
            names: [name], functions: FunctionKind.allCases, isRequired: false, standard: nil,
            meaning: meaning,
            expected: expected
        ) { _, _ in true }
    }

    private static func taking<Value>(
        _ path: any WritableKeyPath<ConfigurationDraft, Value?> & Sendable,
        _ parse: @escaping @Sendable (String) -> Value?
    ) -> @Sendable (String, inout ConfigurationDraft) -> Bool {
        { text, draft in
            guard let value = parse(text) else { return false }
            draft[keyPath: path] = value
            return true
        }
    }

    // MARK: Values

    /// Digits only: `Int("+5")` would be 5.
    private static func number(_ text: String, in range: ClosedRange<Int>) -> Int? {
        guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy(ASCII.isDigit), let number = Int(text),
            range.contains(number)
        else { return nil }
        return number
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "1": true
        case "false", "0": false
        default: nil
        }
    }

    private static func visible(_ text: String) -> String? {
        text.utf8.count <= 2_048 && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? text : nil
    }

    private static func listenHost(_ text: String) -> String? {
        if text.utf8.contains(UInt8(ascii: ":")) {  // An address of IPv6, without the brackets of a URL.
            return Origin(.http, authority: "[\(text)]".utf8) == nil ? nil : text
        }
        return Origin(.http, authority: text.utf8) == nil ? nil : text
    }

    private static func pathPrefix(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        let segment = bytes.drop { $0 == UInt8(ascii: "/") }.reversed().drop { $0 == UInt8(ascii: "/") }
            .reversed()
        return Grammar.isResourceSegment(Array(segment)) ? Array(segment) : nil
    }
}
