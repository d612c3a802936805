internal import Net

/// One of Google's services as the functions call it: where it answers, what its requests carry.
@EventLoopActor
final class GoogleAPI {
    /// Where requests go.
    let origin: Origin
    private let basePath: [UInt8]
    let caller: UpstreamCaller
    private let exchange: any HTTPExchange
    /// Where its tokens come from; nil where none travels.
    let token: AccessToken?
    private let quotaProjectID: [UInt8]?
    /// The fields of the last request, which are those of the next while the token is the same.
    private var prepared: (authorization: [UInt8]?, hasBody: Bool, fields: HTTPFields)?

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
        deadline: Deadline, context: LogContext = .none
    ) async -> UpstreamResult {
        await caller.call(upstream, at: origin, deadline: deadline, token: token, context: context) {
            authorization in
            request(method, target, body: body, authorization: authorization)
        }
    }

    /// One request; for callers that wait in as few places as they can.
    func request(
        _ method: HTTPMethod, _ target: [UInt8], body: [UInt8], authorization: [UInt8]?
    ) -> HTTPRequest {
        HTTPRequest(
            method: method, target: basePath.isEmpty ? target : basePath + target,
            fields: fields(authorization, hasBody: !body.isEmpty), body: body)
    }

    private func fields(_ authorization: [UInt8]?, hasBody: Bool) -> HTTPFields {
        if let prepared, prepared.hasBody == hasBody, prepared.authorization == authorization {
            return prepared.fields
        }
        var fields = HTTPFields()
        if hasBody { fields.append("Content-Type", "application/json") }
        if let authorization { fields.append("Authorization", authorization) }
        if let quotaProjectID { fields.append("x-goog-user-project", quotaProjectID) }
        prepared = (authorization, hasBody, fields)
        return fields
    }

    /// Opens a connection, so that a call that follows finds one.
    func prepare(deadline: Deadline) async {
        await exchange.prepareConnection(to: origin, deadline: deadline)
    }
}
