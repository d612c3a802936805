internal import JSON
internal import Net

/// What an operator is told of a call that failed, beside the status: who it was, what it said, what to do.
struct Explanation: Sendable {
    /// Where it was asked.
    let host: String
    /// The upstream's own words, where they are about permissions and names.
    let detail: [UInt8]?
    /// What to do; nil where it passes by itself.
    let remedy: String?

    @EventLoopActor
    init(of result: UpstreamResult, _ upstream: Upstream, at origin: Origin, token: AccessToken?) {
        host = origin.hostField
        remedy = Self.remedy(result, upstream)
        detail = result.response.flatMap { response in
            upstream == .bigQuery && response.status == 200
                ? RowError(inAnswer: response.body)?.text : Self.words(of: response, token: token)
        }
    }

    /// What a refusal says of permissions, roles and objects: 401, 403 and 404 are about them.
    @EventLoopActor
    private static func words(of response: HTTPResponse, token: AccessToken?) -> [UInt8]? {
        guard [401, 403, 404].contains(response.status) else { return nil }
        return message(of: response, token: token).flatMap(UpstreamWords.loggable)
    }

    /// What an error says, where it is one printable line of ASCII, without a token and without JSON. It may
    /// repeat an event's inputs: see `UpstreamWords` for what of it may be logged.
    @EventLoopActor
    static func message(of response: HTTPResponse, token: AccessToken?) -> [UInt8]? {
        guard response.body.count <= ServiceLimits.explainedBodyBytesMax,
            let root = try? JSONDocument(parsing: response.body).root,
            // Google's errors, and the Status of a Kubernetes API.
            let message = root["error"]?["message"]?.stringBytes ?? root["message"]?.stringBytes,
            (1...ServiceLimits.explanationBytesMax).contains(message.count),
            message.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x7B }),
            !message.containsIgnoringCase("bearer"), token?.isNamed(in: message) != true
        else { return nil }
        return message
    }

    /// What to do where no connection can be opened for want of descriptors.
    static let moreDescriptors = "raise the limit of open files (ulimit -n)"

    private static func remedy(_ result: UpstreamResult, _ upstream: Upstream) -> String? {
        switch result.last {
        case .answer(let response):
            if result.reaction == .quotaExceeded {
                return
                    "raise the namespace's quota of Jobs, or let finished ones go: JOB_TTL_SECONDS_AFTER_FINISHED"
            }
            switch response.status {
            case 401: return "see that the function's service account is neither disabled nor deleted"
            case 403: return exhausted(response) ?? forbidden(upstream)
            case 404: return notFound(upstream)
            default: return nil
            }
        case .failure(.notResolved): return "see the name server, and the DNS zones of the network"
        case .failure(.notConnected(.tooManyOpenFiles)), .failure(.notConnected(.tooManyOpenFilesInSystem)):
            return moreDescriptors
        case .failure(.notConnected), .failure(.connectTimedOut):
            return upstream.isCluster
                ? "let the function reach the control plane: authorised networks, a VPC connection, or "
                    + "KUBERNETES_ENDPOINT=dns"
                : "let the function reach it: egress, firewall, Private Google Access"
        case .failure(.notVerified):
            return upstream.isCluster
                ? "what answers is not the cluster: see KUBERNETES_CLUSTER_ID and KUBERNETES_ENDPOINT"
                : "see SSL_CERT_FILE and SSL_CERT_DIR, and any proxy between"
        case .failure, .noToken, .notSent: return nil
        }
    }

    /// What to do about a 403 that is not about roles, by the reason that Google's older APIs give.
    /// https://cloud.google.com/bigquery/docs/error-messages
    private static func exhausted(_ response: HTTPResponse) -> String? {
        guard response.body.count <= ServiceLimits.explainedBodyBytesMax,
            let errors = try? JSONDocument(parsing: response.body).root["error"]?["errors"]?.elements,
            let reason = errors.first(where: { _ in true })?["reason"]
        else { return nil }
        if reason.equals("quotaExceeded") || reason.equals("rateLimitExceeded") {
            return "see the project's quotas; raise the one that detail names, or let it pass"
        }
        return reason.equals("billingNotEnabled") ? "enable billing for the project" : nil
    }

    private static func forbidden(_ upstream: Upstream) -> String? {
        switch upstream {
        case .bigQuery: "grant roles/bigquery.dataEditor on the table of BIGQUERY_EVENTS_TABLE"
        case .clusterManager: "grant roles/container.clusterViewer on the project of KUBERNETES_CLUSTER_ID"
        case .kubernetesCreate, .kubernetesGet, .kubernetesDelete:
            "grant roles/container.developer, or a Role with jobs create, get, delete in JOB_NAMESPACE"
        case .artifactRegistry:
            "grant roles/artifactregistry.reader on the repository of ARTIFACT_REGISTRY_REPOSITORY_ID"
        case .pubSub: "grant roles/pubsub.publisher on the topic"
        case .metadata, .tokenEndpoint: nil
        }
    }

    private static func notFound(_ upstream: Upstream) -> String? {
        switch upstream {
        case .bigQuery: "create the table, or set BIGQUERY_EVENTS_TABLE to the one there is"
        case .clusterManager: "set KUBERNETES_CLUSTER_ID to the cluster there is"
        case .kubernetesCreate, .kubernetesGet, .kubernetesDelete:
            "create the namespace of JOB_NAMESPACE, or set it to the one there is"
        case .artifactRegistry: "set ARTIFACT_REGISTRY_REPOSITORY_ID to the repository there is"
        case .pubSub: "create the topic, or set TWINED_SERVICES_TOPIC_NAME and DEAD_LETTER_TOPIC_NAME right"
        case .metadata, .tokenEndpoint: nil
        }
    }
}
