internal import Net

extension Setting {
    private static let functions = FunctionKind.allCases
    private static let override =
        "an https URL, or http with a loopback address, for example http://127.0.0.1:9050"

    /// The variables that Google's own libraries and tools read, and those of OpenSSL.
    static let google: [Setting] = [
        seen(
            "GOOGLE_APPLICATION_CREDENTIALS", "a file of application default credentials",
            "the path of a credentials file"),
        optional(
            ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"], functions, nil,
            "the project, where no name says another",
            "a project id", \.projectID
        ) { ProjectID($0) },
        optional(
            ["GOOGLE_CLOUD_QUOTA_PROJECT"], functions, nil, "the project whose quota is used", "a project id",
            \.quotaProjectID
        ) { ProjectID($0) },
        optional(
            ["GOOGLE_CLOUD_UNIVERSE_DOMAIN"], functions, "googleapis.com",
            "the end of every service's host name",
            "a domain name in lower case", \.universeDomain
        ) { Universe.isDomain($0) ? $0 : nil },
        seen("CLOUDSDK_CONFIG", "gcloud's directory", "the path of a directory"),
        checked("GCE_METADATA_HOST", "the metadata server", "a host or host:port") {
            Origin(.http, authority: $0.utf8) != nil
        },
        checked("GCE_METADATA_IP", "the metadata server's address", "an address or address:port") {
            Origin(.http, authority: $0.utf8) != nil
        },
        checked("GCE_METADATA_TIMEOUT", "time for one of its answers", "a number of seconds from 1 to 600") {
            MetadataServer.timeoutMilliseconds($0) != nil
        },
        seen("NO_GCE_CHECK", "true: there is no metadata server", "true or nothing"),
        optional(
            ["BIGQUERY_EMULATOR_HOST"], functions, nil, "BigQuery's emulator", override, \.bigQueryEmulator
        ) { Endpoint(override: $0, droppingSuffix: "/bigquery/v2") ?? Endpoint(emulator: $0) },
        optional(
            ["PUBSUB_EMULATOR_HOST"], functions, nil, "Pub/Sub's emulator",
            "host:port without a scheme, the host a loopback address, for example 127.0.0.1:8085",
            \.pubSubEmulator
        ) { Endpoint(emulator: $0) },
        optional(
            ["CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY"], functions, nil, "BigQuery's endpoint", override,
            \.bigQueryOverride
        ) { Endpoint(override: $0, droppingSuffix: "/bigquery/v2") },
        optional(
            ["CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER"], functions, nil, "GKE's endpoint", override,
            \.containerOverride
        ) { Endpoint(override: $0, droppingSuffix: "/v1") },
        optional(
            ["CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"], functions, nil,
            "Artifact Registry's endpoint",
            override, \.artifactRegistryOverride
        ) { Endpoint(override: $0, droppingSuffix: "/v1") },
        optional(
            ["CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB"], functions, nil, "Pub/Sub's endpoint", override,
            \.pubSubOverride
        ) { Endpoint(override: $0, droppingSuffix: "/v1") },
        seen("SSL_CERT_FILE", "trust anchors for public hosts", "the path of a PEM file"),
        seen("SSL_CERT_DIR", "trust anchors for public hosts", "the path of a directory of hashed names"),
    ]

    /// A variable that is read elsewhere, but checked here with the others.
    private static func checked(
        _ name: String, _ meaning: String, _ expected: String, _ isRight: @escaping @Sendable (String) -> Bool
    ) -> Setting {
        Setting(
            names: [name], functions: functions, isRequired: false, standard: nil, meaning: meaning,
            expected: expected
        ) { text, _ in isRight(text) }
    }
}

extension ConfigurationDraft {
    // The table writes optional values; these fields have a value before.

    var hostValue: String? {
        get { host }
        set { host = newValue ?? host }
    }
    var portValue: UInt16? {
        get { port }
        set { port = newValue ?? port }
    }
    var requestLimitValue: UInt64? {
        get { requestLimitSeconds }
        set { requestLimitSeconds = newValue ?? requestLimitSeconds }
    }
    var logLevelValue: LogSeverity? {
        get { logLevel }
        set { logLevel = newValue ?? logLevel }
    }
    var logsExecutionIDsValue: Bool? {
        get { logsExecutionIDs }
        set { logsExecutionIDs = newValue ?? logsExecutionIDs }
    }
    var clusterEndpointValue: EventHandlerConfiguration.ClusterEndpoint? {
        get { clusterEndpoint }
        set { clusterEndpoint = newValue ?? clusterEndpoint }
    }
    var reportsUndispatchableValue: Bool? {
        get { reportsUndispatchableQuestions }
        set { reportsUndispatchableQuestions = newValue ?? reportsUndispatchableQuestions }
    }
}
