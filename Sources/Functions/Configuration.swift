internal import Net

/// Which of the two functions the program is.
enum FunctionKind: String, CaseIterable, Sendable {
    case eventHandler = "event-handler"
    case serviceRegistry = "service-registry"

    /// The value of FUNCTION_TARGET that means it: the entry point of the function it replaces.
    var target: String {
        switch self {
        case .eventHandler: "handle_event"
        case .serviceRegistry: "handle_request"
        }
    }
}

/// What both functions are told.
struct ServiceConfiguration: Sendable {
    let kind: FunctionKind
    /// An address or a name to listen on.
    let host: String
    let port: UInt16
    /// The platform's limit for one request.
    let requestLimitMilliseconds: UInt64
    let logLevel: LogSeverity
    let logsExecutionIDs: Bool
    /// GOOGLE_CLOUD_PROJECT or GCLOUD_PROJECT. Others come after: see `ProjectLookup`.
    let projectID: ProjectID?
    /// Whose quota calls are counted against, if it is not the credentials' own project.
    let quotaProjectID: ProjectID?
    let endpoints: Endpoints
    /// Nil only where no endpoint takes a token; `credentialsAbsence` then says why there are none.
    let credentials: Credentials?
    let credentialsAbsence: String
    /// Where Prometheus finds its text, on a listener of its own.
    let metricsPort: UInt16?

    /// An event's own deadline, counted from its complete head.
    var eventTimeoutMilliseconds: UInt64 { requestLimitMilliseconds - ServiceLimits.answerMarginMilliseconds }
}

/// What the event handler is told.
struct EventHandlerConfiguration: Sendable {
    /// Which endpoint of the cluster is used.
    enum ClusterEndpoint: String, CaseIterable, Sendable {
        /// The one that the cluster names as its own; where it names none, the public, the DNS, then the
        /// private one.
        case auto
        /// The name that Google's front end answers for, with a public certificate.
        case dns
        /// The control plane's public address.
        case `public`
        /// The control plane's address inside its network.
        case `private`
    }

    /// What a push must prove where no platform checks callers.
    struct Push: Sendable, Equatable {
        /// The `aud` claim of its token.
        let audience: String
        /// The `email` claim of its token.
        let serviceAccount: String
    }

    let service: ServiceConfiguration
    let eventsTable: TableID
    let topic: TopicName
    let kubernetesServiceAccountName: KubernetesName
    let clusterID: ClusterID
    let localQueue: KubernetesName
    let repositoryURL: RepositoryURL
    let defaultCPUs: Quantity
    let defaultMemory: Quantity
    let defaultEphemeralStorage: Quantity
    /// The container's command; empty for the image's own.
    let jobCommand: [String]
    let jobNamespace: KubernetesLabel
    let jobTTLSecondsAfterFinished: Int?
    let jobBackoffLimit: Int?
    let jobActiveDeadlineSeconds: Int?
    let jobPriorityClass: KubernetesName?
    let clusterEndpoint: ClusterEndpoint
    let deadLetterTopic: TopicName?
    let reportsUndispatchableQuestions: Bool
    let push: Push?
}

/// What the service registry is told.
struct ServiceRegistryConfiguration: Sendable {
    let service: ServiceConfiguration
    let repository: RepositoryID
    /// A first path segment that is taken off, where the old function's URL had one.
    let pathPrefix: [UInt8]?

    /// A look-up's own deadline.
    var lookupTimeoutMilliseconds: UInt64 {
        min(ServiceLimits.lookupMilliseconds, service.eventTimeoutMilliseconds)
    }
}

/// The settings of the function that the program is.
enum Configuration: Sendable {
    case eventHandler(EventHandlerConfiguration)
    case serviceRegistry(ServiceRegistryConfiguration)

    /// What both have.
    var service: ServiceConfiguration {
        switch self {
        case .eventHandler(let configuration): configuration.service
        case .serviceRegistry(let configuration): configuration.service
        }
    }

    /// Reads the environment by the table of `Setting.all`. Every problem is found, not only the first.
    init(_ kind: FunctionKind, environment: Environment) throws(ConfigurationError) {
        var problems: [ConfigurationError.Problem] = []
        let draft = ConfigurationDraft(kind, environment, problems: &problems)
        let service = draft.service(kind, environment, problems: &problems)
        guard problems.isEmpty, let service else { throw ConfigurationError(kind: kind, problems: problems) }
        switch kind {
        case .eventHandler: self = .eventHandler(draft.eventHandler(service))
        case .serviceRegistry: self = .serviceRegistry(draft.serviceRegistry(service))
        }
    }
}

/// Everything that is wrong with the environment, to be shown at once.
struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// One thing that is wrong.
    struct Problem: Sendable, Equatable {
        /// The variable.
        let name: String
        /// What it is.
        let found: String
        /// What it must be; nil where `found` says all there is to say.
        let expected: String?

        /// Both, as one line.
        var text: String { expected.map { "\(found). Expected \($0)" } ?? found }
    }

    let kind: FunctionKind
    let problems: [Problem]

    /// A line for each problem, under one that counts them.
    var description: String {
        let count = problems.count == 1 ? "1 setting is wrong" : "\(problems.count) settings are wrong"
        return "\(kind.rawValue): \(count)" + problems.map { "\n  \($0.text)" }.joined()
    }
}

extension ConfigurationError.Problem {
    private static let shownBytesMax = 200

    /// A variable that is not there, or empty.
    init(absent setting: Setting, isEmpty: Bool) {
        name = setting.names[0]
        found = "\(setting.names.joined(separator: " or ")) is \(isEmpty ? "empty" : "not set")"
        expected = setting.expected
    }

    /// A variable whose value is not what it must be. The value is shown, shortened and escaped.
    init(wrong name: String, _ value: String, expected: String) {
        self.init(name, "\(name) is \(Self.quoted(value))", expected: expected)
    }

    /// A variable that leads to something that is wrong.
    init(_ name: String, _ found: String, expected: String? = nil) {
        self.name = name
        self.found = found
        self.expected = expected
    }

    private static func quoted(_ value: String) -> String { "\"\(shown(value))\"" }

    /// A value as one line shows it: printable, and not too long.
    static func shown(_ value: String) -> String {
        var shown: [UInt8] = []
        for byte in value.utf8.prefix(shownBytesMax) {
            switch byte {
            case 0x22, 0x5C: shown += [0x5C, byte]
            case 0x20...0x7E: shown.append(byte)
            default: shown += Array("\\x".utf8) + [digit(byte >> 4), digit(byte & 15)]
            }
        }
        let rest = value.utf8.count > shownBytesMax ? "…" : ""
        return String(decoding: shown, as: UTF8.self) + rest
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
