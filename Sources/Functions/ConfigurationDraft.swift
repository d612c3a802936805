internal import Net

/// The values that the rows of `Setting.all` put in, before it is known whether all of them are there.
struct ConfigurationDraft: Sendable {
    var host = "0.0.0.0"
    var port: UInt16 = 8_080
    var requestLimitSeconds: UInt64 = 60
    var logLevel = LogSeverity.info
    var logsExecutionIDs = false
    var projectID: ProjectID?
    var quotaProjectID: ProjectID?
    var universeDomain: String?
    var metricsPort: UInt16?

    var bigQueryEmulator: Endpoint?
    var pubSubEmulator: Endpoint?
    var bigQueryOverride: Endpoint?
    var containerOverride: Endpoint?
    var artifactRegistryOverride: Endpoint?
    var pubSubOverride: Endpoint?

    var eventsTable: TableID?
    var topic: TopicName?
    var kubernetesServiceAccountName: KubernetesName?
    var clusterID: ClusterID?
    var localQueue: KubernetesName?
    var repositoryURL: RepositoryURL?
    var defaultCPUs: Quantity?
    var defaultMemory: Quantity?
    var defaultEphemeralStorage: Quantity?
    var jobCommand = ["octue", "twined", "question", "ask-local"]
    var jobNamespace = KubernetesLabel("default")
    var jobTTLSecondsAfterFinished: Int?
    var jobBackoffLimit: Int?
    var jobActiveDeadlineSeconds: Int?
    var jobPriorityClass: KubernetesName?
    var clusterEndpoint = EventHandlerConfiguration.ClusterEndpoint.auto
    var deadLetterTopic: TopicName?
    var reportsUndispatchableQuestions = true
    var pushAudience: String?
    var pushServiceAccount: String?

    var repository: RepositoryID?
    var pathPrefix: [UInt8]?

    /// Goes through the table once.
    init(_ kind: FunctionKind, _ environment: Environment, problems: inout [ConfigurationError.Problem]) {
        for setting in Setting.all where setting.functions.contains(kind) {
            guard let (name, value) = setting.find(in: environment) else {
                if setting.isRequired {
                    let isEmpty = setting.names.contains { environment.isEmpty($0) }
                    problems.append(.init(absent: setting, isEmpty: isEmpty))
                }
                continue
            }
            if !setting.take(value, &self) {
                problems.append(.init(wrong: name, value, expected: setting.expected))
            }
        }
        if kind == .eventHandler, (pushAudience == nil) != (pushServiceAccount == nil) {
            let (missing, expected) =
                pushAudience == nil
                ? (
                    "PUSH_AUDIENCE",
                    "the audience of the push tokens, since PUSH_SERVICE_ACCOUNT is set, or neither"
                )
                : (
                    "PUSH_SERVICE_ACCOUNT",
                    "the account's e-mail address, since PUSH_AUDIENCE is set, or neither"
                )
            if !problems.contains(where: { $0.name == missing }) {
                problems.append(.init(missing, "\(missing) is not set", expected: expected))
            }
        }
        if let path = environment["SSL_CERT_FILE"], case .failure(let error) = environment.contents(of: path),
            error != .tooLarge
        {
            problems.append(
                .init(wrong: "SSL_CERT_FILE", path, expected: "the path of a PEM file; this one \(error)"))
        }
        let isPortWrong = problems.contains { $0.name == "PORT" }
        if let metricsPort, metricsPort == port, metricsPort != 0, !isPortWrong {
            problems.append(
                .init(
                    "METRICS_PORT", "METRICS_PORT is \"\(metricsPort)\", as PORT is",
                    expected: "a port of its own"))
        }
    }

    /// What both functions have; credentials are read here. Nil when that added a problem.
    func service(
        _ kind: FunctionKind, _ environment: Environment, problems: inout [ConfigurationError.Problem]
    ) -> ServiceConfiguration? {
        var credentials: Credentials?
        var absence = "there are no credentials"
        do throws(CredentialsError) {
            credentials = try Credentials.find(in: environment)
        } catch {
            absence = error.description
            if needsToken(kind), !problems.contains(where: { $0.name == error.file }) {
                problems.append(Self.problem(error, environment))
            }
        }
        let domain = universeDomain ?? credentials?.universeDomain ?? Universe.standard
        if let own = credentials?.ownUniverseDomain, own != domain {
            problems.append(
                .init(
                    wrong: "GOOGLE_CLOUD_UNIVERSE_DOMAIN", domain,
                    expected: "\(own), which the credentials are for"))
        }
        let isProjectWrong = problems.contains {
            ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"].contains($0.name)
        }
        if !isProjectWrong, let problem = projectProblem(credentials) { problems.append(problem) }
        if let problem = loopProblem(credentials), !problems.contains(where: { $0.name == problem.name }) {
            problems.append(problem)
        }
        guard problems.isEmpty else { return nil }
        return ServiceConfiguration(
            kind: kind, host: host, port: port, requestLimitMilliseconds: requestLimitSeconds * 1_000,
            logLevel: logLevel, logsExecutionIDs: logsExecutionIDs, projectID: projectID,
            quotaProjectID: quotaProjectID ?? credentials?.quotaProjectID.flatMap { ProjectID($0) },
            endpoints: endpoints(universeDomain: domain), credentials: credentials,
            credentialsAbsence: absence,
            metricsPort: metricsPort)
    }

    /// A table or dead-letter topic without a project is in the program's own, which must be known or be
    /// asked for: without it no event could be stored, and none that cannot be would be acknowledged.
    private func projectProblem(_ credentials: Credentials?) -> ConfigurationError.Problem? {
        let name: String
        if let eventsTable, eventsTable.project == nil {
            name = "BIGQUERY_EVENTS_TABLE"
        } else if let deadLetterTopic, deadLetterTopic.project == nil {
            name = "DEAD_LETTER_TOPIC_NAME"
        } else {
            return nil
        }
        guard projectID == nil, let credentials, credentials.projectID == nil else { return nil }
        if case .metadataServer = credentials.kind { return nil }
        return .init(
            "GOOGLE_CLOUD_PROJECT",
            "GOOGLE_CLOUD_PROJECT is not set, and neither \(name) nor the credentials name a project",
            expected: "a project id")
    }

    /// A dead letter on the network's own topic would come back as an event, for ever.
    private func loopProblem(_ credentials: Credentials?) -> ConfigurationError.Problem? {
        guard let topic, let deadLetterTopic, topic.id == deadLetterTopic.id else { return nil }
        let own = projectID ?? credentials?.projectID.flatMap { ProjectID($0) }
        if own == nil, (topic.project == nil) != (deadLetterTopic.project == nil) {
            return .init(
                "GOOGLE_CLOUD_PROJECT",
                "GOOGLE_CLOUD_PROJECT is not set, and without it nothing tells whether DEAD_LETTER_TOPIC_NAME "
                    + "is TWINED_SERVICES_TOPIC_NAME, where a dead letter would come back",
                expected: "a project id")
        }
        guard topic.project ?? own == deadLetterTopic.project ?? own else { return nil }
        return .init(
            wrong: "DEAD_LETTER_TOPIC_NAME", deadLetterTopic.text,
            expected: "another topic than TWINED_SERVICES_TOPIC_NAME, where a dead letter would come back")
    }

    private static func problem(
        _ error: CredentialsError, _ environment: Environment
    ) -> ConfigurationError.Problem {
        let name = "GOOGLE_APPLICATION_CREDENTIALS"
        if error.file == name { return .init(name, "\(error)") }
        let isNamed = environment[name] != nil
        return .init(
            name,
            "\(isNamed ? name : "The credentials file of gcloud"): \(error)",
            expected: "the path of a credentials file")
    }

    private func endpoints(universeDomain: String) -> Endpoints {
        var endpoints = Endpoints(universeDomain: universeDomain)
        if let endpoint = bigQueryEmulator ?? bigQueryOverride { endpoints.bigQuery = endpoint }
        if let endpoint = pubSubEmulator ?? pubSubOverride { endpoints.pubSub = endpoint }
        if let endpoint = containerOverride { endpoints.container = endpoint }
        if let endpoint = artifactRegistryOverride { endpoints.artifactRegistry = endpoint }
        return endpoints
    }

    /// Whether any endpoint takes a token; a cluster's own always does.
    private func needsToken(_ kind: FunctionKind) -> Bool {
        switch kind {
        case .eventHandler: true
        case .serviceRegistry: endpoints(universeDomain: Universe.standard).artifactRegistry.carriesToken
        }
    }

    /// Only to be called when there were no problems: then all that is required is there.
    func eventHandler(_ service: ServiceConfiguration) -> EventHandlerConfiguration {
        guard let eventsTable, let topic, let kubernetesServiceAccountName, let clusterID, let localQueue,
            let repositoryURL, let defaultCPUs, let defaultMemory, let defaultEphemeralStorage,
            let jobNamespace
        else { preconditionFailure("a required setting has no row in the table") }
        var push: EventHandlerConfiguration.Push?
        if let pushAudience, let pushServiceAccount {
            push = .init(audience: pushAudience, serviceAccount: pushServiceAccount)
        }
        return EventHandlerConfiguration(
            service: service, eventsTable: eventsTable, topic: topic,
            kubernetesServiceAccountName: kubernetesServiceAccountName, clusterID: clusterID,
            localQueue: localQueue,
            repositoryURL: repositoryURL, defaultCPUs: defaultCPUs, defaultMemory: defaultMemory,
            defaultEphemeralStorage: defaultEphemeralStorage, jobCommand: jobCommand,
            jobNamespace: jobNamespace,
            jobTTLSecondsAfterFinished: jobTTLSecondsAfterFinished, jobBackoffLimit: jobBackoffLimit,
            jobActiveDeadlineSeconds: jobActiveDeadlineSeconds, jobPriorityClass: jobPriorityClass,
            clusterEndpoint: clusterEndpoint, deadLetterTopic: deadLetterTopic,
            reportsUndispatchableQuestions: reportsUndispatchableQuestions, push: push)
    }

    /// See `eventHandler`.
    func serviceRegistry(_ service: ServiceConfiguration) -> ServiceRegistryConfiguration {
        guard let repository else { preconditionFailure("a required setting has no row in the table") }
        return ServiceRegistryConfiguration(service: service, repository: repository, pathPrefix: pathPrefix)
    }
}
