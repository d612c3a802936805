internal import JSON
internal import Net

/// What came of looking at one thing that a function needs: a line of `check`.
struct Finding: Sendable, Equatable {
    /// How it stands.
    enum State: String, Sendable {
        /// It is there, and we may use it.
        case ok
        /// The function will fail for want of it.
        case failed
        /// It could not be looked at, which need not mean that it is wrong.
        case unknown
    }

    /// What was looked at, in two or three words.
    let what: String
    /// Its name.
    let subject: String
    let state: State
    /// What was found.
    let detail: String
    /// What to do about it; nil where nothing is to be done.
    var remedy: String?
}

/// Looks at everything that a function needs, without changing anything: reads, access reviews and permission
/// tests only. Each thing gives one finding; what depends on a thing that failed is left out.
@EventLoopActor
final class Check {
    let parts: ServiceParts
    let service: ServiceConfiguration
    private(set) var findings: [Finding] = []
    /// Whom roles must be granted to, as far as it is known.
    var identity = "the function's service account"

    init(_ service: ServiceConfiguration, _ parts: ServiceParts) {
        self.service = service
        self.parts = parts
    }

    /// Looks at all of it, in the order in which an event needs it.
    static func findings(_ configuration: Configuration, _ parts: ServiceParts) async -> [Finding] {
        let check = Check(configuration.service, parts)
        check.add("settings", configuration.service.kind.rawValue, "complete")
        switch configuration {
        case .eventHandler(let configuration): await check.look(atNeedsOf: configuration)
        case .serviceRegistry(let configuration): await check.look(atNeedsOf: configuration)
        }
        return check.findings
    }

    /// The settings that are wrong, as findings.
    nonisolated static func findings(_ error: ConfigurationError) -> [Finding] {
        error.problems.map { problem in
            Finding(
                what: "setting", subject: problem.name, state: .failed, detail: problem.found,
                remedy: problem.expected.map { "set it to \($0)" } ?? "set it right")
        }
    }

    // MARK: Keeping

    func add(_ what: String, _ subject: String, _ detail: String) {
        findings.append(Finding(what: what, subject: subject, state: .ok, detail: detail))
    }

    func add(
        _ what: String, _ subject: String, _ state: Finding.State, _ detail: String, remedy: String?
    ) {
        findings.append(
            Finding(what: what, subject: subject, state: state, detail: detail, remedy: remedy))
    }

    /// Adds what a refusal or a missing answer means.
    func add(_ what: String, _ subject: String, _ result: UpstreamResult, _ meanings: Meanings) {
        let (detail, remedy) = meanings.explain(result)
        add(what, subject, .failed, detail, remedy: remedy)
    }

    // MARK: Asking

    /// The time for one request, its retries included.
    var deadline: Deadline { .after(milliseconds: ServiceLimits.checkRequestMilliseconds) }

    func api(_ endpoint: Endpoint) -> GoogleAPI {
        GoogleAPI(endpoint, parts, quotaProjectID: service.quotaProjectID)
    }

    /// A `testIamPermissions` call: which of `permissions` we do not have. Nil where it was not answered.
    func missing(
        _ permissions: [String], _ upstream: Upstream, _ api: GoogleAPI, _ resource: [UInt8]
    ) async -> (missing: [String]?, result: UpstreamResult) {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.key("permissions")
        writer.beginArray()
        for permission in permissions { writer.string(permission) }
        writer.endArray()
        writer.endObject()
        let result = await api.call(
            upstream, .post, resource + Array(":testIamPermissions".utf8), body: writer.finish(),
            deadline: deadline)
        guard result.status == 200, let body = result.response?.body,
            let answer = try? JSONDocument(parsing: body).root
        else { return (nil, result) }
        let held = answer["permissions"]?.elements.compactMap(\.string) ?? []
        return (permissions.filter { !held.contains($0) }, result)
    }
}

/// What an upstream's refusals mean for whoever operates the function.
struct Meanings {
    /// Where it was asked.
    let origin: Origin
    /// The name under which Google enables it; nil for what is not one of Google's services.
    let service: String?
    /// What to do about a 403.
    let forbidden: String
    /// What to do about a 404.
    let notFound: String

    /// What was found, and what to do about it.
    func explain(_ result: UpstreamResult) -> (detail: String, remedy: String) {
        switch result.last {
        case .answer(let response): explain(response)
        case .failure(let error): (error.description, remedy(error))
        case .noToken(let error): (error.description, "see the access token's line")
        case .notSent: ("no time was left to ask", "run it again")
        }
    }

    private func explain(_ response: HTTPResponse) -> (String, String) {
        let detail = "answered \(response.status)"
        switch response.status {
        case 401:
            return (detail, "the token is not accepted: see that the credentials are not revoked")
        case 403:
            if let service, Self.saysThatTheServiceIsOff(response.body) {
                return ("\(detail), the API is not enabled", "run: gcloud services enable \(service)")
            }
            if response.body.containsIgnoringCase("user_project_denied") {
                return (
                    "\(detail), the quota project is refused",
                    "grant roles/serviceusage.serviceUsageConsumer on GOOGLE_CLOUD_QUOTA_PROJECT"
                )
            }
            return (detail, forbidden)
        case 404: return (detail, notFound)
        case _ where Policy.isTransient(response.status):
            return (detail, "wait and run it again; it may be an outage: https://status.cloud.google.com")
        default: return (detail, "see that \(origin.hostField) is really the service that is meant")
        }
    }

    private static func saysThatTheServiceIsOff(_ body: [UInt8]) -> Bool {
        body.containsIgnoringCase("service_disabled")
            || body.containsIgnoringCase("accessnotconfigured")
    }

    private func remedy(_ error: HTTPClientError) -> String {
        switch error {
        case .notResolved:
            "\(origin.host) has no address here: see the name server and the network's DNS zones"
        case .notConnected(.tooManyOpenFiles), .notConnected(.tooManyOpenFilesInSystem):
            Explanation.moreDescriptors
        case .notConnected, .connectTimedOut:
            service == nil
                ? "let the function reach \(origin.hostField): authorised networks of the control plane, a VPC "
                    + "connection, or KUBERNETES_ENDPOINT=dns"
                : "let the function reach \(origin.hostField): egress, firewall, Private Google Access"
        case .notVerified, .handshakeFailed:
            service == nil
                ? "the certificate is not the cluster's: see KUBERNETES_CLUSTER_ID and KUBERNETES_ENDPOINT"
                : "the certificate is not trusted: see SSL_CERT_FILE and SSL_CERT_DIR, and any proxy between"
        case .connectionLost, .malformedAnswer, .answerTooLarge, .timedOut, .overloaded:
            "see what stands between here and \(origin.hostField); run it again"
        }
    }
}
