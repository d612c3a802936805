/// Whatever sends a request and brings its response: the HTTP client, or a simulation's stand-in.
@EventLoopActor
public protocol HTTPExchange: AnyObject, Sendable {
    /// Sends `request` to `origin` and reads the whole answer.
    ///
    /// Exactly one request is made, but for one case: when a kept connection turns out to be closed before
    /// any byte of an answer came, the request is sent once more on a new connection.
    func send(_ request: HTTPRequest, to origin: Origin, deadline: Deadline) async throws(HTTPClientError)
        -> HTTPResponse

    /// The same, with work for the time until the answer comes: `meanwhile` is called once the request is on
    /// its way, and not at all where it never is.
    func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline, meanwhile: () -> Void
    ) async throws(HTTPClientError) -> HTTPResponse

    /// Opens a connection to `origin` if none is idle, so that a request that follows finds one.
    ///
    /// A failure is left for that request to meet and report.
    func prepareConnection(to origin: Origin, deadline: Deadline) async

    /// Whether a connection to `origin` is idle, so that `prepareConnection` would do nothing.
    func hasIdleConnection(to origin: Origin) -> Bool

    /// Closes what is open to `origin`, as far as it is idle; what is not is closed after its answer. For an
    /// origin that will not be used any more.
    func forget(_ origin: Origin)

    /// Frees what idle connections keep of memory for the next request.
    func giveBackBuffers()
}

extension HTTPExchange {
    /// Where a request cannot be seen to leave, before it is sent.
    public func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline, meanwhile: () -> Void
    ) async throws(HTTPClientError) -> HTTPResponse {
        meanwhile()
        return try await send(request, to: origin, deadline: deadline)
    }

    /// None that is known of.
    public func hasIdleConnection(to origin: Origin) -> Bool { false }

    /// Nothing to close.
    public func forget(_ origin: Origin) {}

    /// Nothing to free.
    public func giveBackBuffers() {}
}
