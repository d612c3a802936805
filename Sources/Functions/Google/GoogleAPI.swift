internal import Net

/// One of Google's services as the functions call it: where it answers, what its requests carry.
@EventLoopActor
final class GoogleAPI {
    /// Where requests go.
    let origin: Origin
    private let basePath: [UInt8]
    private let caller: UpstreamCaller
    private let exchange: any HTTPExchange
    private let token: AccessToken?
    private let quotaProjectID: [UInt8]?

    /// The service at `endpoint`. No token travels in clear: an emulator gets none.
    init(_ endpoint: Endpoint, _ parts: ServiceParts, quotaProjectID: ProjectID?) {
        origin = endpoint.origin
        basePath = endpoint.basePath
        caller = parts.caller
        exchange = parts.exchange
        token = endpoint.carriesToken ? parts.token : nil
        self.quotaProjectID = quotaProjectID.map { Array($0.text.utf8) }
    }

    /// Calls one method of the service's REST interface. `target` begins with the interface's version.
    func call(
        _ upstream: Upstream, _ method: HTTPMethod, _ target: [UInt8], body: [UInt8] = [],
        deadline: Deadline, context: LogContext = LogContext()
    ) async -> UpstreamResult {
        await caller.call(upstream, at: origin, deadline: deadline, token: token, context: context) {
            authorization in
            var request = HTTPRequest(method: method, target: basePath + target, body: body)
            if !body.isEmpty { request.fields.append("Content-Type", "application/json") }
            if let authorization { request.fields.append("Authorization", authorization) }
            if let quotaProjectID { request.fields.append("x-goog-user-project", quotaProjectID) }
            return request
        }
    }

    /// Opens a connection, so that a call that follows finds one.
    func prepare(deadline: Deadline) async {
        await exchange.prepareConnection(to: origin, deadline: deadline)
    }
}
