import Net

/// The services of the local cloud, by the names that options, faults and counters use.
public enum ServiceName: String, CaseIterable, Sendable {
    /// The control port: reads back, changes, waits.
    case control
    /// The metadata server of a virtual machine or a Cloud Run instance.
    case metadata
    /// BigQuery v2.
    case bigquery
    /// GKE, the container API v1.
    case container
    /// The Kubernetes API server of the cluster.
    case kubernetes
    /// Artifact Registry v1.
    case artifactregistry
    /// Pub/Sub v1.
    case pubsub
    /// Pub/Sub in clear and without tokens, as its emulator.
    case pubsubEmulator = "pubsub-emulator"
    /// STS, the OAuth token endpoint, IAM credentials and the certificates of ID tokens.
    case credentials

    /// Whether it speaks TLS.
    var isSecure: Bool {
        switch self {
        case .control, .metadata, .pubsubEmulator: false
        case .bigquery, .container, .kubernetes, .artifactregistry, .pubsub, .credentials: true
        }
    }

    /// Where it stands among all of them.
    var index: Int {
        switch self {
        case .control: 0
        case .metadata: 1
        case .bigquery: 2
        case .container: 3
        case .kubernetes: 4
        case .artifactregistry: 5
        case .pubsub: 6
        case .pubsubEmulator: 7
        case .credentials: 8
        }
    }

    /// The services whose hosts a front listener knows: the first label of `<service>.googleapis.com`.
    static func ofHost(_ host: [UInt8]) -> ServiceName? {
        let labels: [(String, ServiceName)] = [
            ("bigquery.", .bigquery), ("container.", .container), ("artifactregistry.", .artifactregistry),
            ("pubsub.", .pubsub), ("sts.", .credentials), ("oauth2.", .credentials),
            ("iamcredentials.", .credentials), ("www.", .credentials),
        ]
        return labels.first { host.starts(with: $0.0.utf8) }?.1
    }
}

/// Answers the requests of one service, at once: nothing in the local cloud waits but for a fault.
@EventLoopActor
protocol Service: AnyObject {
    func answer(_ request: HTTPRequest) -> HTTPResponse
}
