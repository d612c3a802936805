/// The connections to one origin: who uses which, who waits, when one may be opened. It does no IO.
///
/// Idle connections are used newest first, so that those which are not needed grow old and are closed. What
/// is counted against the ceiling is a place: a connection, or an attempt at one.
///
/// A `Request` is whatever its driver wakes a waiting request by.
struct ConnectionPoolStateMachine<Connection, Request> {
    enum LeaseAction {
        /// Send the request on this idle connection.
        case use(Connection)
        /// Open a connection for it, then say `opened` or `failedToOpen`.
        case open
        /// Close this idle connection, then open one for the request.
        case replace(Connection)
        /// Wait until another request's `ReleaseAction` names this one, or `failedToOpen` does.
        case wait
        /// Too many wait already.
        case refuse
    }

    enum ReleaseAction {
        case keep
        case close
        /// Another request gets the connection.
        case handOver(Request)
        /// Close it, and tell this request to open one of its own in its place.
        case closeAndOpenFor(Request)
    }

    private struct Idle {
        let connection: Connection
        let expiresNanoseconds: UInt64
    }

    let connectionsMax: Int
    let waitingMax: Int
    let idleNanoseconds: UInt64
    private(set) var leased = 0
    private(set) var opening = 0
    /// Whether one of those is opened for nobody yet: the next request waits for it, and opens none of its
    /// own.
    private var isUnclaimed = false
    private var idle: [Idle] = []
    private var waiting: [Request] = []

    init(connectionsMax: Int, waitingMax: Int, idleNanoseconds: UInt64) {
        precondition(connectionsMax > 0, "a pool without places")
        self.connectionsMax = connectionsMax
        self.waitingMax = waitingMax
        self.idleNanoseconds = idleNanoseconds
    }

    /// How many places are taken.
    var count: Int { leased + opening + idle.count }
    var idleCount: Int { idle.count }
    var waitingCount: Int { waiting.count }
    var idleConnections: [Connection] { idle.map(\.connection) }
    /// When the oldest idle connection has idled long enough; nil when none is idle.
    var nextExpiryNanoseconds: UInt64? { idle.first?.expiresNanoseconds }

    /// Whether a connection is idle whose time is not over.
    func hasIdle(nowNanoseconds: UInt64) -> Bool {
        guard let last = idle.last else { return false }
        return last.expiresNanoseconds > nowNanoseconds
    }

    /// A request uses an idle connection, if there is one.
    mutating func leaseIdle(nowNanoseconds: UInt64) -> Connection? {
        guard let last = idle.last, last.expiresNanoseconds > nowNanoseconds else { return nil }
        idle.removeLast()
        leased += 1
        return last.connection
    }

    /// A request wants a connection. `isFresh`: a new one, since a kept one has just failed it.
    mutating func lease(_ request: Request, isFresh: Bool = false, nowNanoseconds: UInt64) -> LeaseAction {
        if !isFresh, let connection = leaseIdle(nowNanoseconds: nowNanoseconds) {
            return .use(connection)
        }
        if !isFresh, isUnclaimed, waiting.count < waitingMax {
            isUnclaimed = false
            waiting.append(request)
            return .wait
        }
        if count < connectionsMax {
            opening += 1
            return .open
        }
        if !idle.isEmpty {
            let oldest = idle.removeFirst()
            opening += 1
            return .replace(oldest.connection)
        }
        if waiting.count >= waitingMax { return .refuse }
        waiting.append(request)
        return .wait
    }

    /// Somebody wants a connection to be ready. Returns whether one is to be opened.
    mutating func prepare(nowNanoseconds: UInt64) -> Bool {
        if opening > 0 || count >= connectionsMax { return false }
        if let last = idle.last, last.expiresNanoseconds > nowNanoseconds { return false }
        opening += 1
        isUnclaimed = true
        return true
    }

    /// The connection that was to be opened stands, and its request uses it.
    ///
    /// `isPrepared`: it was opened for nobody, after `prepare`.
    mutating func opened(isPrepared: Bool = false) {
        precondition(opening > 0, "a connection was opened that nobody asked for")
        if isPrepared { isUnclaimed = false }
        opening -= 1
        leased += 1
    }

    /// It does not stand. Returns a waiting request that may open one now.
    mutating func failedToOpen(isPrepared: Bool = false) -> Request? {
        precondition(opening > 0, "a connection failed that nobody asked for")
        if isPrepared { isUnclaimed = false }
        opening -= 1
        return nextToOpen()
    }

    /// A request is done with its connection.
    mutating func release(
        _ connection: Connection, isReusable: Bool, nowNanoseconds: UInt64
    ) -> ReleaseAction {
        precondition(leased > 0, "a connection is released that was not leased")
        if isReusable, !waiting.isEmpty {
            return .handOver(waiting.removeFirst())
        }
        leased -= 1
        if isReusable {
            idle.append(Idle(connection: connection, expiresNanoseconds: nowNanoseconds &+ idleNanoseconds))
            return .keep
        }
        if let next = nextToOpen() { return .closeAndOpenFor(next) }
        return .close
    }

    /// A waiting request gave up, the one that `isIt`. Returns false when it was served in the meantime and
    /// must release.
    mutating func cancel(where isIt: (Request) -> Bool) -> Bool {
        guard let index = waiting.firstIndex(where: isIt) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// The idle connections whose time is over; they are no longer in the pool.
    mutating func expire(nowNanoseconds: UInt64) -> [Connection] {
        let count = idle.firstIndex { $0.expiresNanoseconds > nowNanoseconds } ?? idle.count
        let expired = idle.prefix(count).map(\.connection)
        idle.removeFirst(count)
        return expired
    }

    /// Every idle connection, which the pool forgets.
    mutating func takeIdle() -> [Connection] {
        defer { idle.removeAll() }
        return idle.map(\.connection)
    }

    private mutating func nextToOpen() -> Request? {
        if waiting.isEmpty || count >= connectionsMax { return nil }
        opening += 1
        return waiting.removeFirst()
    }
}

// What needs to tell connections apart stands apart: the runtime would look up that they can be, among all
// conformances of the program, before it makes the first pool.
extension ConnectionPoolStateMachine where Connection: Equatable {
    /// The peer closed an idle connection, or it broke the silence. Returns whether it was idle here.
    mutating func closedWhileIdle(_ connection: Connection) -> Bool {
        guard let index = idle.firstIndex(where: { $0.connection == connection }) else { return false }
        idle.remove(at: index)
        return true
    }
}

extension ConnectionPoolStateMachine.LeaseAction: Equatable where Connection: Equatable {}
extension ConnectionPoolStateMachine.ReleaseAction: Equatable where Request: Equatable {}
