import LoadGenerator

/// Kept connections on which nothing happens.
final class IdleConnections {
    private var sockets: [Socket] = []

    var count: Int { sockets.count }

    /// Opens so many; each has one answer first.
    init(_ count: Int, of session: Session) throws {
        sockets.reserveCapacity(count)
        for _ in 0..<count { sockets.append(try session.openIdleConnection()) }
    }

    deinit { for socket in sockets { socket.abort() } }
}
