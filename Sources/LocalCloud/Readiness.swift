import JSON

/// What the local cloud says once it is ready, and the environments in which the functions talk to it.
struct Readiness: Sendable {
    let address: String
    let directory: String
    let project: String
    let clusterIdentifier: String
    let repositoryIdentifier: String
    let ports: [ServiceName: UInt16]
    let frontPort: UInt16?

    var authorityPath: String { "\(directory)/ca.pem" }
    var clusterAuthorityPath: String { "\(directory)/cluster-ca.pem" }

    func address(of service: ServiceName) -> String {
        let host = address.utf8.contains(UInt8(ascii: ":")) ? "[\(address)]" : address
        return "\(host):\(ports[service] ?? 0)"
    }

    private var common: [(name: String, value: String)] {
        [
            ("GCE_METADATA_HOST", address(of: .metadata)),
            ("GCE_METADATA_IP", address(of: .metadata)),
            ("SSL_CERT_FILE", authorityPath),
            ("HOST", address),
        ]
    }

    /// The environment of the event handler.
    var eventHandler: [(name: String, value: String)] {
        [
            ("BIGQUERY_EVENTS_TABLE", "octue_twined.service-events"),
            ("TWINED_SERVICES_TOPIC_NAME", "main.octue.twined.services"),
            ("KUBERNETES_SERVICE_ACCOUNT_NAME", "main-octue-twined-kubernetes-service-account"),
            ("KUBERNETES_CLUSTER_ID", clusterIdentifier),
            ("KUEUE_LOCAL_QUEUE", "local-queue"),
            (
                "ARTIFACT_REGISTRY_REPOSITORY_URL",
                "europe-west1-docker.pkg.dev/\(project)/octue-twined-services"
            ),
            ("QUESTION_DEFAULT_CPUS", "1"),
            ("QUESTION_DEFAULT_MEMORY", "512Mi"),
            ("QUESTION_DEFAULT_EPHEMERAL_STORAGE", "1Gi"),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY", "https://\(address(of: .bigquery))/bigquery/v2/"),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER", "https://\(address(of: .container))/"),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "https://\(address(of: .pubsub))/"),
        ] + common
    }

    /// The environment of the service registry.
    var serviceRegistry: [(name: String, value: String)] {
        [
            ("ARTIFACT_REGISTRY_REPOSITORY_ID", repositoryIdentifier),
            (
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY",
                "https://\(address(of: .artifactregistry))/"
            ),
        ] + common
    }

    /// One line of JSON.
    func json() -> [UInt8] {
        var json = JSONWriter(capacity: 4_096)
        json.beginObject()
        json.member("control", "http://\(address(of: .control))")
        json.member("directory", directory)
        json.member("ca", authorityPath)
        json.member("clusterCA", clusterAuthorityPath)
        json.key("ports")
        json.beginObject()
        for service in ServiceName.allCases { json.member(named: service.rawValue, Int(ports[service] ?? 0)) }
        if let frontPort { json.member("front", Int(frontPort)) }
        json.endObject()
        json.key("environment")
        json.beginObject()
        for (name, variables) in [("event-handler", eventHandler), ("service-registry", serviceRegistry)] {
            json.key(named: name)
            json.beginObject()
            for variable in variables { json.member(named: variable.name, variable.value) }
            json.endObject()
        }
        json.endObject()
        json.endObject()
        return json.finish()
    }

    /// `KEY=value` lines.
    static func lines(_ variables: [(name: String, value: String)]) -> [UInt8] {
        variables.flatMap { Array("\($0.name)=\($0.value)\n".utf8) }
    }
}
