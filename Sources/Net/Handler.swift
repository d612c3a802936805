/// What answers requests: the event handler, the service registry, a part of the local cloud.
@EventLoopActor
public protocol Handler: AnyObject, Sendable {
    /// Answers one request, before `deadline`.
    ///
    /// It cannot throw: what goes wrong is an answer too.
    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse

    /// Sends the serialised answer. The local cloud replaces this to answer wrongly on purpose.
    func transmit(
        _ bytes: [UInt8], of response: HTTPResponse, over stream: ByteStream, deadline: Deadline
    ) async throws(StreamError)
}

extension Handler {
    /// Writes all of it.
    public func transmit(
        _ bytes: [UInt8], of response: HTTPResponse, over stream: ByteStream, deadline: Deadline
    ) async throws(StreamError) {
        try await stream.write(bytes, deadline: deadline)
    }
}
