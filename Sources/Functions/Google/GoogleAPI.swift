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
    private let prepared: PreparedFields

    /// The service at `endpoint`. No token travels in clear: an emulator gets none.
    init(_ endpoint: Endpoint, _ parts: ServiceParts, quotaProjectID: ProjectID?) {
        origin = endpoint.origin
        basePath = endpoint.basePath
        caller = parts.caller
        exchange = parts.exchange
        token = endpoint.carriesToken ? parts.token : nil
        prepared = PreparedFields(quotaProjectID: quotaProjectID)
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
            fields: prepared.fields(authorization, hasBody: !body.isEmpty), body: body)
    }

    /// Closes the connections to another origin, which this service said to be in use and is no more.
    func forget(_ other: Origin) { exchange.forget(other) }

    /// Opens a connection, so that a call that follows finds one.
    func prepare(deadline: Deadline) async {
        await exchange.prepareConnection(to: origin, deadline: deadline)
    }
}
