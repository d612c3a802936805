internal import Net

/// A handler that can be made ready before its first request.
@EventLoopActor
protocol ServiceHandler: Handler {
    /// Whether any of its calls carries the access token; a cluster's API server always takes it.
    var needsToken: Bool { get }
    /// Does beforehand, in the background, what the first request would have to wait for.
    ///
    /// A handshake takes a millisecond of the one thread, and requests may wait already: what not all of them
    /// need begins after `letRequestsPass`.
    func warmUp(deadline: Deadline, letRequestsPass: () async -> Void) async
}
