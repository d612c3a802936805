/// Whom the program asks, and for what: each has its own rows in docs/RETRIES.md and its own retry budget.
public enum Upstream: String, CaseIterable, Sendable {
    /// The metadata server: token and project.
    case metadata
    /// OAuth's token endpoint, STS, impersonation, a URL that gives subject tokens, a push issuer's keys.
    case tokenEndpoint = "token endpoint"
    /// BigQuery's `tabledata.insertAll`.
    case bigQuery = "bigquery"
    /// GKE's `clusters.get`.
    case clusterManager = "gke"
    /// Creating a Job.
    case kubernetesCreate = "kubernetes create"
    /// Reading a Job.
    case kubernetesGet = "kubernetes get"
    /// Deleting a Job.
    case kubernetesDelete = "kubernetes delete"
    /// Artifact Registry's reads.
    case artifactRegistry = "artifact registry"
    /// Pub/Sub's `topics.publish`.
    case pubSub = "pubsub"

    /// Whether tokens come from here.
    var givesTokens: Bool {
        switch self {
        case .metadata, .tokenEndpoint: true
        default: false
        }
    }

    /// Whether the cluster's own API server answers, whose address may have changed.
    var isCluster: Bool {
        switch self {
        case .kubernetesCreate, .kubernetesGet, .kubernetesDelete: true
        default: false
        }
    }
}

/// What became of one attempt.
public enum Outcome: Equatable, Sendable {
    /// No connection: no address, refused, unreachable, reset or timed out before it stood, TLS failed.
    case notConnected
    /// The server's certificate was refused.
    case notVerified
    /// The answer was cut, unreadable, too large, or did not come in the attempt's time.
    case noAnswer
    /// An answer, and what its body says where that matters.
    case answer(status: Int, Detail)

    /// What a body says beyond the status.
    public enum Detail: String, CaseIterable, Sendable {
        /// Nothing that matters.
        case none
        /// BigQuery: `insertErrors` with the reason `invalid`.
        case rowInvalid
        /// BigQuery: `insertErrors` without it.
        case rowFailed
        /// BigQuery: "Request payload size exceeds the limit".
        case payloadTooLarge
        /// BigQuery: reason `rateLimitExceeded`.
        case rateLimited
        /// Kubernetes: reason `AlreadyExists`.
        case alreadyExists
        /// Kubernetes: a message about "exceeded quota".
        case quotaExceeded
    }
}

/// What an outcome means for the call.
public enum Reaction: Equatable, Sendable {
    /// The effect is there.
    case done
    /// It may pass: try again, if `Retry` lets us.
    case again
    /// The token is not taken: once with a fresh one, then `unavailable`.
    case freshToken
    /// The cluster may have moved: once with its endpoint asked anew; after that `again` where `mayPass`,
    /// else `unavailable`.
    case askClusterAnew(mayPass: Bool)
    /// A Job of this name exists: whose it is must be read.
    case alreadyExists
    /// The quota is used up, and a duplicate is told so too: whether the Job exists must be read.
    case quotaExceeded
    /// BigQuery will never take this event.
    case cannotBeStored
    /// The cluster will never take this Job.
    case undispatchable
    /// What was asked for does not exist.
    case notFound
    /// Not to be mended by trying again now: an operator must look.
    case unavailable
}

/// What each upstream's outcomes mean. Pure; docs/RETRIES.md is the same as a table, and a test holds both
/// together.
public enum Policy {
    /// What `outcome` of a call to `upstream` means.
    public static func reaction(to outcome: Outcome, of upstream: Upstream) -> Reaction {
        switch outcome {
        case .notConnected: upstream.isCluster ? .askClusterAnew(mayPass: true) : .again
        case .notVerified: upstream.isCluster ? .askClusterAnew(mayPass: false) : .unavailable
        case .noAnswer: .again
        // Who gives the tokens takes none of ours that a fresh one could replace.
        case .answer(401, _): upstream.givesTokens ? .unavailable : .freshToken
        case .answer(let status, let detail): reaction(toStatus: status, detail, of: upstream)
        }
    }

    private static func reaction(
        toStatus status: Int, _ detail: Outcome.Detail, of upstream: Upstream
    ) -> Reaction {
        switch (upstream, status, detail) {
        case (.bigQuery, 200, .rowInvalid): .cannotBeStored
        case (.bigQuery, 200, .rowFailed): .again
        case (.bigQuery, 400, .payloadTooLarge), (.bigQuery, 413, _): .cannotBeStored
        case (.bigQuery, 403, .rateLimited): .again
        case (.kubernetesCreate, 200...202, _): .done
        case (.kubernetesCreate, 409, .alreadyExists): .alreadyExists
        case (.kubernetesCreate, 409, _): .again
        case (.kubernetesCreate, 400, _), (.kubernetesCreate, 413, _), (.kubernetesCreate, 422, _):
            .undispatchable
        case (.kubernetesCreate, 403, .quotaExceeded): .quotaExceeded
        case (.kubernetesDelete, 200, _), (.kubernetesDelete, 202, _), (.kubernetesDelete, 404, _): .done
        case (.kubernetesDelete, 409, _): .again
        case (.kubernetesGet, 404, _), (.artifactRegistry, 404, _): .notFound
        case (_, 200, _): .done
        case (_, let status, _) where isTransient(status): .again
        default: .unavailable
        }
    }

    /// Whether an answer with this status says of itself that the same request may succeed later.
    static func isTransient(_ status: Int) -> Bool {
        switch status {
        case 408, 429, 500, 502, 503, 504: true
        default: false
        }
    }
}
