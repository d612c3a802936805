/// Sends requests over kept connections: one pool for each origin, TLS where the origin asks for it.
///
/// It repeats nothing but a request that failed on a kept connection before any byte of an answer: that
/// connection was most likely closed by the peer while it idled. It follows no redirect.
@EventLoopActor
public final class HTTPClient: HTTPExchange {
    /// Few, as are the contexts, so that a search of all of them is cheap.
    private var pools: [Pool] = []
    private var contexts: [TLSClientContext] = []
    private let resolver: Resolver
    private let connectTimeoutMilliseconds: UInt64
    /// How many connections to one origin there may be: all that wait for one get it, as long as there are
    /// descriptors for all pools.
    let connectionsPerOriginMax: Int
    /// Connections opened so far, for metrics and tests.
    public private(set) var connectionsOpened = 0

    /// A client without connections.
    public convenience init() {
        self.init(resolver: Resolver())
    }

    init(resolver: Resolver, connectTimeoutMilliseconds: UInt64 = Limits.connectTimeoutMilliseconds) {
        self.resolver = resolver
        self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
        let descriptors = Process.descriptorsReserved - Limits.descriptorsOfOwn
        connectionsPerOriginMax = min(
            Limits.connectionsPerOriginMax, max(1, descriptors / Limits.busyOriginsMax))
    }

    /// Sends `request` to `origin`; see `HTTPExchange`.
    public func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline
    ) async throws(HTTPClientError) -> HTTPResponse {
        try await send(request, to: origin, deadline: deadline) {}
    }

    /// The same, with work for the time until the answer comes; see `HTTPExchange`.
    public func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline, meanwhile: () -> Void
    ) async throws(HTTPClientError) -> HTTPResponse {
        let pool = pool(for: origin)
        var isFresh = false
        var hasRepeated = false
        while true {
            let connection: Connection
            if !isFresh, let idle = leaseIdle(from: pool) {
                connection = idle
            } else {
                connection = try await lease(from: pool, isFresh: isFresh, deadline: deadline)
            }
            if connection.isReused, !connection.stream.isSilent() {
                // Closed since it was last looked at, or it holds bytes that would be taken for our answer.
                release(connection, to: pool, isReusable: false)
                isFresh = true
                continue
            }
            var machine = HTTPClientStateMachine(method: request.method)
            var failure = HTTPClientError.connectionLost
            do throws(StreamError) {
                let stream = connection.stream
                let (first, rest) = Self.parts(of: request, hostLine: pool.hostLine)
                // The kernel takes most requests at once. Where it does not, or the peer has closed, `write`
                // sees to it.
                let count = (try? stream.writeAvailable(first[...])) ?? 0
                var isSent = count == first.count && stream.hasFlushed
                if !isSent || !rest.isEmpty {
                    isSent = try await write(
                        [first.dropFirst(count), rest[...]], on: stream, &machine, deadline)
                }
                if pool.machine.leased > Limits.connectionsWithBuffersMax { stream.giveBackBuffers() }
                if machine.isReceiving { meanwhile() }
                while machine.isReceiving { try await stream.read(into: &machine, deadline: deadline) }
                if case .done(let response, let isReusable) = machine.state {
                    connection.isReused = true
                    release(connection, to: pool, isReusable: isReusable && isSent)
                    return response
                }
            } catch {
                failure = Self.clientError(error)
            }
            release(connection, to: pool, isReusable: false)
            if case .failed(let reason) = machine.state { failure = reason }
            guard connection.isReused, !machine.hasReceived, [.connectionLost, .timedOut].contains(failure)
            else { throw failure }
            // Its neighbours idled as long: the next request should not find them closed, or dead in silence,
            // one by one.
            for connection in pool.machine.takeIdle() { end(connection) }
            if hasRepeated || failure == .timedOut { throw failure }
            hasRepeated = true
            isFresh = true
        }
    }

    /// Opens a connection to `origin` if none is idle; see `HTTPExchange`.
    public func prepareConnection(to origin: Origin, deadline: Deadline) async {
        let pool = pool(for: origin)
        guard pool.machine.prepare(nowNanoseconds: EventLoop.shared.nowNanoseconds) else { return }
        do throws(HTTPClientError) {
            let connection = try await open(to: origin, pool: pool, deadline: deadline, isPrepared: true)
            connection.isReused = true
            release(connection, to: pool, isReusable: true)
        } catch {
            // Who waits for it has been told; a request that follows meets the same failure.
        }
    }

    /// See `HTTPExchange`.
    public func hasIdleConnection(to origin: Origin) -> Bool {
        knownPool(for: origin)?.machine.hasIdle(nowNanoseconds: EventLoop.shared.nowNanoseconds) ?? false
    }

    /// Closes every idle connection, and forgets TLS sessions; see `HTTPExchange`.
    public func forget(_ origin: Origin) {
        guard let pool = knownPool(for: origin) else { return }
        pool.isForgotten = true
        pools = pools.filter { $0 !== pool }
        for connection in pool.machine.takeIdle() { end(connection) }
        if case .certificateAuthority = origin.trust { contexts.removeAll { $0.trust == origin.trust } }
    }

    /// See `HTTPExchange`.
    public func giveBackBuffers() {
        for pool in pools {
            for connection in pool.machine.idleConnections { connection.stream.giveBackBuffers() }
        }
    }

    // MARK: One exchange

    /// The request in two pieces, the second of which is empty for most: a large body is not copied behind
    /// its head.
    private static func parts(of request: HTTPRequest, hostLine: [UInt8]) -> (first: [UInt8], rest: [UInt8]) {
        var head = HTTPSerializer.requestHead(request, hostLine: hostLine)
        if request.body.count > Limits.bodyBytesBehindHeadMax { return (head, request.body) }
        head.append(contentsOf: request.body)
        return (head, [])
    }

    /// Sends pieces of a request, and reads what comes meanwhile: a server may answer before it has read a
    /// large body (RFC 9112 section 9.5). Returns whether all of it was sent.
    private func write(
        _ pieces: [ArraySlice<UInt8>], on stream: ByteStream, _ machine: inout HTTPClientStateMachine,
        _ deadline: Deadline
    ) async throws(StreamError) -> Bool {
        for piece in pieces {
            guard try await write(piece, on: stream, &machine, deadline) else { return false }
        }
        return true
    }

    private func write(
        _ bytes: ArraySlice<UInt8>, on stream: ByteStream, _ machine: inout HTTPClientStateMachine,
        _ deadline: Deadline
    ) async throws(StreamError) -> Bool {
        var rest = bytes
        while true {
            do throws(StreamError) {
                rest = rest.dropFirst(try stream.writeAvailable(rest))
            } catch {
                // The peer has closed its side; an answer may stand in our own buffer still.
                while machine.isReceiving { try await stream.read(into: &machine, deadline: deadline) }
                return false
            }
            if rest.isEmpty, stream.hasFlushed { return true }
            guard try await stream.waitForEither(deadline: deadline) else { continue }
            // An answer may have come in several records.
            while try stream.readAvailable(into: &machine) {
                if !machine.isReceiving { return false }
            }
        }
    }

    private static func clientError(_ error: StreamError) -> HTTPClientError {
        switch error {
        case .timedOut: .timedOut
        case .closed: .connectionLost
        case .tls: .connectionLost
        case .notVerified(let reason): .notVerified(reason)
        }
    }

    // MARK: Connections

    /// One kept connection. It is idle, or leased to one request.
    @EventLoopActor
    fileprivate final class Connection: Equatable {
        let stream: ByteStream
        var isReused = false
        /// Whether it lies in its pool, where nothing may come on it.
        var isIdle = false

        init(_ stream: ByteStream) { self.stream = stream }

        nonisolated static func == (one: Connection, other: Connection) -> Bool { one === other }
    }

    /// The connections to one origin.
    @EventLoopActor
    fileprivate final class Pool {
        let origin: Origin
        let hostLine: [UInt8]
        var machine: ConnectionPoolStateMachine<Connection, PendingLease>
        /// Set by `forget`: connections that are still used are closed when they are given back.
        var isForgotten = false
        /// Whether a task closes its connections when they have idled long enough.
        var isSwept = false

        init(_ origin: Origin, connectionsMax: Int) {
            self.origin = origin
            hostLine = HTTPSerializer.hostLine(of: origin)
            machine = ConnectionPoolStateMachine(
                connectionsMax: connectionsMax, waitingMax: Limits.waitingPerOriginMax,
                idleNanoseconds: origin.idleMilliseconds * 1_000_000)
        }
    }

    /// A request that wants a connection: where it waits, and what it is given there. That is a connection,
    /// the right to open one, or why the one it waited for failed.
    @EventLoopActor
    fileprivate final class PendingLease {
        let gate = Gate()
        var connection: Connection?
        var failure: HTTPClientError?
    }

    private func knownPool(for origin: Origin) -> Pool? {
        for pool in pools where pool.origin == origin { return pool }
        return nil
    }

    private func pool(for origin: Origin) -> Pool {
        if let pool = knownPool(for: origin) { return pool }
        if pools.count >= Limits.poolsMax {
            // Origins come from configuration and the cluster's endpoint; only many moves could lead here.
            pools = pools.filter { $0.machine.count > 0 }
        }
        let pool = Pool(origin, connectionsMax: connectionsPerOriginMax)
        pools = pools + [pool]
        return pool
    }

    /// An idle connection; nil where there is none.
    private func leaseIdle(from pool: Pool) -> Connection? {
        pool.machine.leaseIdle(nowNanoseconds: EventLoop.shared.nowNanoseconds).map(use)
    }

    private func use(_ connection: Connection) -> Connection {
        connection.isIdle = false
        return connection
    }

    /// Closes a connection that was idle.
    private func end(_ connection: Connection) {
        use(connection).stream.close()
    }

    private func lease(
        from pool: Pool, isFresh: Bool, deadline: Deadline
    ) async throws(HTTPClientError) -> Connection {
        let pending = PendingLease()
        let now = EventLoop.shared.nowNanoseconds
        switch pool.machine.lease(pending, isFresh: isFresh, nowNanoseconds: now) {
        case .use(let connection):
            return use(connection)
        case .open:
            return try await open(to: pool.origin, pool: pool, deadline: deadline)
        case .replace(let connection):
            end(connection)
            return try await open(to: pool.origin, pool: pool, deadline: deadline)
        case .refuse:
            throw .overloaded
        case .wait:
            // While there is room for more it is a connection that is waited for, not its release.
            let isOpening = pool.machine.count < pool.machine.connectionsMax
            return try await wait(
                for: pending, in: pool, deadline: deadline, inVain: isOpening ? .connectTimedOut : .timedOut)
        }
    }

    private func wait(
        for pending: PendingLease, in pool: Pool, deadline: Deadline, inVain: HTTPClientError
    ) async throws(HTTPClientError) -> Connection {
        let isServed = await pending.gate.wait(until: deadline)
        if !isServed, pool.machine.cancel(where: { $0 === pending }) { throw inVain }
        if let connection = pending.connection {
            if !deadline.hasPassed { return connection }
            // Both came in one turn of the loop: whoever waits next may still have time.
            release(connection, to: pool, isReusable: true)
            throw inVain
        }
        if let failure = pending.failure {
            failed(in: pool)
            throw failure
        }
        return try await open(to: pool.origin, pool: pool, deadline: deadline)
    }

    /// Gives up the right to open a connection: to the next one who waits for it, who is told why where the
    /// attempt was made for whoever comes.
    private func failed(in pool: Pool, isPrepared: Bool = false, _ failure: HTTPClientError? = nil) {
        guard let next = pool.machine.failedToOpen(isPrepared: isPrepared) else { return }
        next.failure = failure
        next.gate.open()
    }

    private func open(
        to origin: Origin, pool: Pool, deadline: Deadline, isPrepared: Bool = false
    ) async throws(HTTPClientError) -> Connection {
        do throws(HTTPClientError) {
            let stream = try await connect(to: origin, deadline: deadline)
            pool.machine.opened(isPrepared: isPrepared)
            connectionsOpened += 1
            EventLoop.shared.giveBackMemoryAtRest()
            let connection = Connection(stream)
            stream.whenIdle = { [weak self, weak pool, weak connection] in
                guard let self, let pool, let connection, connection.isIdle else { return }
                EventLoop.shared.start { self.signalled(connection, in: pool) }
            }
            return connection
        } catch {
            // The preparer's deadline says nothing about a waiter's, which may be later.
            failed(in: pool, isPrepared: isPrepared, isPrepared && !deadline.hasPassed ? error : nil)
            throw error
        }
    }

    /// Tries every address in turn, each with its share of the time.
    private func connect(to origin: Origin, deadline: Deadline) async throws(HTTPClientError) -> ByteStream {
        let limit = min(deadline, .after(milliseconds: connectTimeoutMilliseconds))
        let addresses = await resolver.addresses(of: origin.host, port: origin.port, deadline: limit)
        if addresses.isEmpty { throw limit.hasPassed ? .connectTimedOut : .notResolved }
        var failure = HTTPClientError.notResolved
        for (index, address) in addresses.enumerated() {
            let share = limit.remainingNanoseconds / UInt64(addresses.count - index)
            let addressDeadline = Deadline(nanoseconds: EventLoop.shared.nowNanoseconds + share)
            do throws(HTTPClientError) {
                let stream = try await ByteStream.connect(to: address, deadline: addressDeadline)
                if origin.scheme == .https {
                    try await startTLS(on: stream, to: origin, deadline: addressDeadline)
                }
                return stream
            } catch {
                // Another address may be another machine; a certificate that is not trusted is final.
                if case .notVerified = error { throw error }
                failure = error
            }
        }
        throw failure
    }

    private func startTLS(
        on stream: ByteStream, to origin: Origin, deadline: Deadline
    ) async throws(HTTPClientError) {
        let session: TLSSession
        do throws(TLSConfigurationError) {
            session = try context(for: origin.trust).session(host: origin.host, port: origin.port)
        } catch {
            stream.close()
            throw .notVerified(error.reason)
        }
        do throws(StreamError) {
            try await stream.startTLS(session, deadline: deadline, holdsLast: true)
        } catch {
            stream.close()
            switch error {
            case .timedOut: throw .connectTimedOut
            case .closed: throw .handshakeFailed("the peer closed the connection")
            case .tls(let reason): throw .handshakeFailed(reason)
            case .notVerified(let reason): throw .notVerified(reason)
            }
        }
    }

    private func context(for trust: TrustAnchors) throws(TLSConfigurationError) -> TLSClientContext {
        if let known = contexts.first(where: { $0.trust == trust }) { return known }
        if contexts.count >= Limits.contextsMax { contexts.removeAll() }  // Open connections keep their own.
        let context = try TLSClientContext(trust: trust)
        contexts.append(context)
        return context
    }

    // MARK: Giving back

    private func release(_ connection: Connection, to pool: Pool, isReusable: Bool) {
        let isKept = isReusable && !pool.isForgotten && connection.stream.isSilent()
        let action = pool.machine.release(
            connection, isReusable: isKept, nowNanoseconds: EventLoop.shared.nowNanoseconds)
        switch action {
        case .keep:
            connection.isIdle = true
            connection.stream.sendHeld()
            let keepsBuffers = pool.machine.idleCount <= Limits.connectionsWithBuffersMax
            if !keepsBuffers { connection.stream.giveBackBuffers() }
            sweepLater(pool)
        case .close:
            connection.stream.close()
        case .handOver(let pending):
            pending.connection = connection
            pending.gate.open()
        case .closeAndOpenFor(let pending):
            connection.stream.close()
            pending.gate.open()
        }
    }

    /// Something came on an idle connection: its end, a TLS session ticket, or bytes that nobody asked for.
    private func signalled(_ connection: Connection, in pool: Pool) {
        guard connection.isIdle, !connection.stream.isSilent() else { return }
        if pool.machine.closedWhileIdle(connection) { end(connection) }
    }

    /// Closes a pool's idle connections when their time is over, for as long as there are any.
    private func sweepLater(_ pool: Pool) {
        if pool.isSwept { return }
        pool.isSwept = true
        EventLoop.shared.start { [self] in
            while let next = pool.machine.nextExpiryNanoseconds {
                await EventLoop.shared.sleep(until: Deadline(nanoseconds: next))
                let expired = pool.machine.expire(nowNanoseconds: EventLoop.shared.nowNanoseconds)
                for connection in expired { end(connection) }
            }
            pool.isSwept = false
        }
    }
}
