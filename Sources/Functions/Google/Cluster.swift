internal import JSON
internal import Net

/// Why a cluster cannot be reached. One line, with nothing of a secret.
struct ClusterError: Error, Equatable, CustomStringConvertible {
    let description: String
    /// The status of GKE's last answer, where it is why.
    var status: Int?
    /// How many requests were sent to GKE.
    var attempts = 0
    /// GKE's own words.
    var detail: [UInt8]?
    /// What to do about it.
    var remedy: String?
}

/// Where the cluster's API server is and whom its certificate must come from: GKE's `clusters.get`.
///
/// The answer is kept for ten minutes and asked anew ahead of that by the first event that finds it old,
/// without anyone waiting. When GKE cannot be asked, the old answer goes on serving: a cluster seldom moves.
@EventLoopActor
final class Cluster {
    private struct Known {
        let origin: Origin
        let refreshFromNanoseconds: UInt64
        let expiresNanoseconds: UInt64
    }

    private let target: [UInt8]
    private let api: GoogleAPI
    private let choice: EventHandlerConfiguration.ClusterEndpoint
    private let log: Log
    private let fetchMilliseconds: UInt64
    private var known: Known?
    /// What GKE said last.
    private var lastOrigin: Origin?
    private let asking = SingleFlight()
    /// Why GKE's last answer named no endpoint; nil when it did.
    private var failure: ClusterError?

    init(
        id: ClusterID, choice: EventHandlerConfiguration.ClusterEndpoint, api: GoogleAPI, log: Log,
        fetchMilliseconds: UInt64 = EventLimits.clusterFetchMilliseconds
    ) {
        self.fetchMilliseconds = fetchMilliseconds
        target = Self.target(id)
        self.choice = choice
        self.api = api
        self.log = log
    }

    /// The target of `clusters.get`, for no more fields than are needed.
    static func target(_ id: ClusterID) -> [UInt8] {
        let fields =
            "endpoint,masterAuth/clusterCaCertificate,controlPlaneEndpointsConfig,privateClusterConfig"
        return Array("/v1/\(id.text)?fields=\(fields)".utf8)
    }

    /// The endpoint that is known; nil where it must be waited for.
    var current: Origin? {
        let now = EventLoop.shared.nowNanoseconds
        guard let known, known.expiresNanoseconds > now else { return nil }
        if known.refreshFromNanoseconds <= now { ask() }
        return known.origin
    }

    /// The API server's origin, at once where it is known.
    func origin(deadline: Deadline) async throws(ClusterError) -> Origin {
        if let current { return current }
        guard await ask().wait(until: deadline) else {
            throw ClusterError(description: "no answer from GKE in time")
        }
        if let known { return known.origin }
        throw failure ?? ClusterError(description: "the cluster's endpoint was given up as it came")
    }

    /// Forgets `origin`, which cannot be reached, unless another has taken its place already.
    func forget(_ origin: Origin) {
        if known?.origin == origin { known = nil }
    }

    /// What opens when GKE has answered, or has not in time.
    @discardableResult
    private func ask() -> Gate {
        asking.begin { [self] in
            do throws(ClusterError) {
                take(try await request())
            } catch {
                failed(error)
            }
        }
    }

    private func take(_ origin: Origin) {
        let now = EventLoop.shared.nowNanoseconds
        known = Known(
            origin: origin,
            refreshFromNanoseconds: now + EventLimits.clusterRefreshMilliseconds * 1_000_000,
            expiresNanoseconds: now + EventLimits.clusterKeptMilliseconds * 1_000_000)
        failure = nil
        if let lastOrigin, lastOrigin != origin { api.forget(lastOrigin) }
        lastOrigin = origin
    }

    private func failed(_ error: ClusterError) {
        failure = error
        log.write(.warning, "the cluster's endpoint could not be obtained") { line in
            line.field("reason", error.description)
            if let detail = error.detail { line.field("detail", detail) }
            if let remedy = error.remedy { line.field("remedy", remedy) }
        }
        // An old answer that still serves is not asked for again with every event.
        guard let old = known else { return }
        let later = EventLoop.shared.nowNanoseconds + EventLimits.clusterPauseMilliseconds * 1_000_000
        known = Known(
            origin: old.origin, refreshFromNanoseconds: later,
            expiresNanoseconds: max(later, old.expiresNanoseconds))
    }

    private func request() async throws(ClusterError) -> Origin {
        let answer = await api.call(
            .clusterManager, .get, target,
            deadline: .after(milliseconds: fetchMilliseconds))
        guard answer.reaction == .done, let response = answer.response else {
            throw ClusterError(
                description: "GKE: \(answer.summary)", status: answer.status, attempts: answer.attempts,
                detail: answer.explanation?.detail, remedy: answer.explanation?.remedy)
        }
        return try ClusterDescription(parsing: response.body).origin(choice)
    }
}

/// What `clusters.get` says of a cluster's endpoints.
///
/// https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters
struct ClusterDescription {
    private let endpoint: String?
    private let dns: String?
    private let dnsIsUsable: Bool
    private let publicAddress: String?
    private let privateAddress: String?
    private let certificateAuthority: CertificateAuthority?

    init(parsing body: [UInt8]) throws(ClusterError) {
        guard let answer = try? JSONDocument(parsing: body).root, answer.isObject else {
            throw ClusterError(description: "GKE's answer is no JSON object")
        }
        let control = answer["controlPlaneEndpointsConfig"]
        let dnsConfig = control?["dnsEndpointConfig"]
        let addresses = control?["ipEndpointsConfig"]
        let privateCluster = answer["privateClusterConfig"]
        let hasAddresses = addresses?["enabled"]?.bool ?? true
        let hasPublic = hasAddresses && addresses?["enablePublicEndpoint"]?.bool ?? true
        endpoint = Self.text(answer["endpoint"])
        dns = Self.text(dnsConfig?["endpoint"])
        dnsIsUsable = dnsConfig?["allowExternalTraffic"]?.bool ?? true
        publicAddress =
            hasPublic
            ? Self.text(addresses?["publicEndpoint"]) ?? Self.text(privateCluster?["publicEndpoint"]) : nil
        privateAddress =
            hasAddresses
            ? Self.text(addresses?["privateEndpoint"]) ?? Self.text(privateCluster?["privateEndpoint"]) : nil
        certificateAuthority = try Self.authority(answer["masterAuth"]?["clusterCaCertificate"])
    }

    /// Where `choice` leads, with the trust that it asks for.
    func origin(_ choice: EventHandlerConfiguration.ClusterEndpoint) throws(ClusterError) -> Origin {
        let usableDNS = dnsIsUsable ? dns : nil
        let chosen =
            switch choice {
            case .auto: endpoint ?? publicAddress ?? usableDNS ?? privateAddress
            case .dns: usableDNS
            case .public: publicAddress
            case .private: privateAddress
            }
        guard let chosen else { throw ClusterError(description: "the cluster has \(missing(choice))") }
        return try origin(chosen)
    }

    private func missing(_ choice: EventHandlerConfiguration.ClusterEndpoint) -> String {
        let present = [
            endpoint.map { _ in "auto" }, (dnsIsUsable ? dns : nil).map { _ in "dns" },
            publicAddress.map { _ in "public" }, privateAddress.map { _ in "private" },
        ].compactMap { $0 }
        let list = present.isEmpty ? "none" : present.joined(separator: ", ")
        if choice == .auto { return "no endpoint at all" }
        return "no \(choice.rawValue) endpoint; KUBERNETES_ENDPOINT can be one of: \(list)"
    }

    /// An address is verified against the cluster's own authority, by address and without SNI. A DNS endpoint
    /// has a public certificate.
    private func origin(_ text: String) throws(ClusterError) -> Origin {
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        let authority = colons > 1 && !text.utf8.starts(with: "[".utf8) ? "[\(text)]" : text
        guard let plain = Origin(.https, authority: authority.utf8) else {
            throw ClusterError(description: "the cluster's endpoint is neither an address nor a name")
        }
        let isPublicName = plain.host.hasSuffix(".gke.goog") || text == dns
        if isPublicName {
            return Origin(
                scheme: .https, host: plain.host, port: plain.port, trust: .system,
                idleMilliseconds: Limits.clusterIdleMilliseconds)
        }
        guard let certificateAuthority else {
            throw ClusterError(description: "GKE's answer has no masterAuth.clusterCaCertificate")
        }
        return Origin(
            scheme: .https, host: plain.host, port: plain.port,
            trust: .certificateAuthority(certificateAuthority),
            idleMilliseconds: Limits.clusterIdleMilliseconds)
    }

    private static func text(_ value: JSONDocument.Value?) -> String? {
        guard let text = value?.string, !text.isEmpty else { return nil }
        return text
    }

    private static func authority(_ value: JSONDocument.Value?) throws(ClusterError) -> CertificateAuthority?
    {
        guard let value, value.isString, !value.equals("") else { return nil }
        guard let pem = try? Base64.decode(value) else {
            throw ClusterError(description: "masterAuth.clusterCaCertificate is not base64")
        }
        return CertificateAuthority(pem: pem)
    }
}
