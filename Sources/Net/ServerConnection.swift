/// One client's connection, as the server sees it.
@EventLoopActor
final class ServerConnection {
    enum Phase {
        case idle
        case reading
        case handling
        /// An answer is being sent: nothing may come between its bytes.
        case answering
        case closing
    }

    let stream: ByteStream
    var phase = Phase.reading
    /// Whether the request that is handled is HEAD, whose answer has no body.
    var isHead = false
    /// It waits for bytes without a task.
    var isParked = false
    /// Where it stands among the open ones.
    fileprivate var place: Int?
    private var machine: HTTPServerStateMachine?
    var clock = RequestClock()

    init(stream: ByteStream, budget: RequestBudget) {
        self.stream = stream
        machine = HTTPServerStateMachine(budget: budget)
    }

    /// Gives the state machine to the task that serves the connection: it alone has the bytes then, which
    /// grow without being copied.
    func takeMachine() -> HTTPServerStateMachine {
        guard let taken = machine.take() else { preconditionFailure("two tasks serve one connection") }
        return taken
    }

    /// Takes the state machine back from a task that ends.
    func keep(_ machine: consuming HTTPServerStateMachine) {
        self.machine = machine
    }
}

/// The connections that are open, in no order. Each knows its place, so that each leaves at the same cost.
///
/// No dictionary: before it makes the first one, which is before the first answer, the runtime looks among
/// all conformances of the program for how its keys are told apart.
@EventLoopActor
struct OpenConnections {
    private(set) var all: [ServerConnection] = []

    mutating func insert(_ connection: ServerConnection) {
        connection.place = all.count
        all.append(connection)
    }

    /// Takes it out; one that is not among them stays so.
    mutating func remove(_ connection: ServerConnection) {
        guard let place = connection.place else { return }
        connection.place = nil
        let last = all.removeLast()
        if last === connection { return }
        all[place] = last
        last.place = place
    }
}

/// When the parts of one request came, and so until when the rest may take.
struct RequestClock {
    private let startNanoseconds = EventLoop.shared.nowNanoseconds
    private let isFirst: Bool
    private var headStartNanoseconds: UInt64?
    private(set) var headNanoseconds: UInt64?

    init(isFirst: Bool = true) {
        self.isFirst = isFirst
    }

    /// Until when the driver may read for what `wait` names.
    mutating func deadline(for wait: HTTPServerStateMachine.Wait, _ limits: ServerLimits) -> Deadline {
        let now = EventLoop.shared.nowNanoseconds
        switch wait {
        case .idle:
            let milliseconds = isFirst ? limits.headTimeoutMilliseconds : limits.idleTimeoutMilliseconds
            return Deadline(nanoseconds: startNanoseconds + milliseconds * 1_000_000)
        case .head:
            let start = headStartNanoseconds ?? (isFirst ? startNanoseconds : now)
            headStartNanoseconds = start
            return Deadline(nanoseconds: start + limits.headTimeoutMilliseconds * 1_000_000)
        case .body(let bytesReceived):
            let start = headNanoseconds ?? now
            headNanoseconds = start
            let paid = UInt64(bytesReceived) * 1_000 / Limits.bodyBytesPerSecondMin
            let milliseconds = min(limits.bodyTimeoutMilliseconds, limits.bodyGraceMilliseconds + paid)
            return Deadline(nanoseconds: start + milliseconds * 1_000_000)
        }
    }

    /// Until when the whole body must have come.
    func bodyDeadline(_ limits: ServerLimits) -> Deadline {
        Deadline(
            nanoseconds: (headNanoseconds ?? EventLoop.shared.nowNanoseconds)
                + limits.bodyTimeoutMilliseconds * 1_000_000)
    }
}
