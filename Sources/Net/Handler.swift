/// What answers requests: the event handler, the service registry, a part of the local cloud.
@EventLoopActor
public protocol Handler: AnyObject, Sendable {
    /// Answers one request, before `deadline`.
    ///
    /// It cannot throw: what goes wrong is an answer too.
    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse
    /// The same handler where it sends its answers itself, else nil. (A cast would look through all
    /// conformances of the program, in each start.)
    var transmitter: (any TransmittingHandler)? { get }
}

extension Handler {
    /// None: the server sends the answers.
    public var transmitter: (any TransmittingHandler)? { nil }
}

/// A handler that sends its answers itself: the local cloud, which answers wrongly on purpose.
@EventLoopActor
public protocol TransmittingHandler: Handler {
    /// Sends the serialised answer.
    func transmit(
        _ bytes: [UInt8], of response: HTTPResponse, over stream: ByteStream, deadline: Deadline
    ) async throws(StreamError)
}

extension TransmittingHandler {
    /// This one.
    public var transmitter: (any TransmittingHandler)? { self }
}
