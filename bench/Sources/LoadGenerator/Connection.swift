import Glibc

/// One kept connection of a generator, with at most one request on its way.
final class Connection {
    enum Step { case none, answered(AnswerParser.Answer), ended(String) }

    let index: Int
    private(set) var socket: Socket?
    /// Told apart from events of the descriptors that this connection had before.
    private(set) var generation: UInt32 = 0
    private(set) var isConnected = false
    private(set) var isBusy = false
    /// From when the latency of the request on its way counts.
    private(set) var intended: UInt64 = 0
    /// When it was given to the socket.
    private(set) var started: UInt64 = 0
    var request: [UInt8] = []
    private var written = 0
    private var parser = AnswerParser()

    init(index: Int) { self.index = index }

    var tag: UInt64 { UInt64(index) << 32 | UInt64(generation) }

    /// Begins to connect. A connection of the loopback is often there at once.
    func open(port: UInt16) throws(Errno) {
        generation &+= 1
        socket = try Socket(port: port, blocking: false)
        parser = AnswerParser()
        isConnected = false
    }

    func close() {
        socket?.abort()
        socket = nil
        isConnected = false
        isBusy = false
    }

    /// Whether the other side has ended it while nothing was on its way. Asked for, since the event that said
    /// so may have come with the last answer.
    var hasEnded: Bool {
        guard let socket, isConnected else { return false }
        var byte: UInt8 = 0
        return recv(socket.descriptor, &byte, 1, CInt(MSG_PEEK | MSG_DONTWAIT)) == 0
    }

    /// Notes that `request` is on its way from now on; what can be written is.
    func begin(intended: UInt64, now: UInt64) -> Step {
        isBusy = true
        self.intended = intended
        started = now
        written = 0
        return isConnected ? write() : .none
    }

    /// The descriptor can be written to.
    func becameWritable() -> Step {
        if !isConnected {
            let error = socket?.pendingError ?? 0
            if error != 0 { return .ended(Self.name(of: error)) }
            isConnected = true
        }
        return isBusy ? write() : .none
    }

    private func write() -> Step {
        guard let socket else { return .ended("closed") }
        while written < request.count {
            let count = request.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
                return send(socket.descriptor, rest.baseAddress, rest.count, Socket.Flags.noSignal)
            }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                return .none
            } else if errno != EINTR {
                // An answer may have come before the end; it is read next, and then the end is seen.
                return errno == EPIPE || errno == ECONNRESET ? .none : .ended(Self.name(of: errno))
            }
        }
        return .none
    }

    /// The descriptor can be read from. `buffer` is shared by all connections.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Step {
        guard let socket else { return .none }
        while true {
            let count = recv(socket.descriptor, buffer.baseAddress, buffer.count, 0)
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .none : .ended(Self.name(of: errno))
            }
            if count == 0 {
                if let answer = parser.end() { return finish(answer) }
                return .ended("closed")
            }
            var position = 0
            do throws(AnswerParser.Failure) {
                let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
                if let answer = try parser.next(bytes, &position) {
                    return position == count ? finish(answer) : .ended("more than one answer")
                }
            } catch {
                return .ended("malformed answer")
            }
            // What ends with its connection ends with what may be there already.
            if count < buffer.count, !parser.endsWithConnection { return .none }
        }
    }

    private func finish(_ answer: AnswerParser.Answer) -> Step {
        guard isBusy else { return .ended("answer to no request") }
        isBusy = false
        var answer = answer
        // An answer to a request that was not taken whole: what is left of it would be read as the next one.
        if written < request.count { answer.closes = true }
        return .answered(answer)
    }

    static func name(of error: CInt) -> String {
        switch error {
        case ECONNREFUSED: "refused"
        case ECONNRESET: "reset"
        default: "error \(error)"
        }
    }
}
