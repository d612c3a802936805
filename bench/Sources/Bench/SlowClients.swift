import Glibc
import LoadGenerator

/// Clients that never finish a head: half of them send nothing more, half of them a byte a second.
final class SlowClients: BackgroundWork {
    private static let begin = Array("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ".utf8)
    private static let intervalSeconds = 1.0

    private let port: UInt16
    /// One for each client; nil where the server has refused it.
    private var sockets: [Socket?] = []
    private var next = 0
    private let step: UInt64
    private(set) var due: UInt64
    /// How often the server has ended a client so far; each is replaced, at once or where that is refused a
    /// second later.
    private(set) var ended = 0
    /// How often it has refused one in another's place.
    private(set) var refused = 0

    init(count: Int, port: UInt16) throws {
        precondition(count > 0, "slow clients are some")
        self.port = port
        step = UInt64(Self.intervalSeconds * 1e9) / UInt64(count)
        due = Clock.now()
        while sockets.count < count { sockets.append(try open()) }
    }

    deinit { for socket in sockets { socket?.abort() } }

    private func open() throws -> Socket {
        let socket = try Socket(port: port, blocking: true)
        try socket.sendAll(Self.begin)
        return socket
    }

    /// Looks after one client: each comes round once a second.
    func work(at now: UInt64) {
        due = max(due + step, now)
        let index = next
        next = (next + 1) % sockets.count
        if let socket = sockets[index] {
            if isAlive(socket, drips: index % 2 == 0) { return }
            socket.abort()
            ended += 1
        }
        sockets[index] = try? open()
        if sockets[index] == nil { refused += 1 }
    }

    private func isAlive(_ socket: Socket, drips: Bool) -> Bool {
        var byte = UInt8(ascii: "x")
        if recv(socket.descriptor, &byte, 1, CInt(MSG_DONTWAIT)) >= 0 { return false }
        if errno != EAGAIN { return false }
        byte = UInt8(ascii: "x")
        return !drips
            || send(socket.descriptor, &byte, 1, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)) == 1
    }
}
