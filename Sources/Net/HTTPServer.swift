import Glibc

/// Why a server cannot listen.
public struct ListenError: Error, CustomStringConvertible {
    /// One line: what was tried and what the system said.
    public let description: String
}

/// An HTTP/1.1 server: accepts, reads requests, has them handled, writes the answers (RFC 9112).
///
/// Each connection is served by one task for as long as it is busy, and waits without one when nothing comes
/// (`park`); `run()` waits for all of them for as long as there is time to drain. What a connection may do is
/// decided by `HTTPServerStateMachine`; this class makes the system calls and keeps the ceilings.
@EventLoopActor
public final class HTTPServer {
    /// Where and how a server listens.
    public struct Configuration: Sendable {
        /// An address, or a name that has one.
        public var host: String
        /// The port; 0 takes any that is free.
        public var port: UInt16
        /// Speaks TLS when it is given.
        public var tls: TLSServerContext?
        /// A handler's deadline, counted from the complete head.
        public var requestTimeoutMilliseconds: UInt64
        /// Whether it is there for a few clients beside a server for many, such as a scraper: it may have 16
        /// connections and buffer 1 MiB of requests.
        public var isForFew: Bool

        /// A configuration.
        public init(
            host: String = "0.0.0.0", port: UInt16 = 8080, tls: TLSServerContext? = nil,
            requestTimeoutMilliseconds: UInt64 = 55_000, isForFew: Bool = false
        ) {
            self.host = host
            self.port = port
            self.tls = tls
            self.requestTimeoutMilliseconds = requestTimeoutMilliseconds
            self.isForFew = isForFew
        }
    }

    private let handler: any Handler
    /// The same, where it sends its answers itself.
    private let transmitter: (any TransmittingHandler)?
    private let configuration: Configuration
    private let limits: ServerLimits
    private let budget: RequestBudget
    private var listener: Listener?
    private var connections = OpenConnections()
    private var refusals = 0
    private var tasksReading = 0
    private var requestsInFlight = 0
    private let connectionsMax: Int
    /// How many connections over the ceiling are answered 503 at the same time; more are only closed.
    private let refusalsMax: Int
    private var dateSecond: Int64 = -1
    private var dateBytes: [UInt8] = []
    private var isDraining = false
    private let drained = Gate()
    /// Opens when the last request in flight is handled; nil while nobody waits for that.
    private var quiet: Gate?
    /// Connections accepted so far.
    public private(set) var connectionsAccepted = 0
    /// What the server answered itself in the handler's place, so far.
    public private(set) var refused = Refusals()

    /// A server that does not listen yet.
    public convenience init(handler: any Handler, configuration: Configuration) {
        self.init(handler: handler, configuration: configuration, limits: ServerLimits())
    }

    init(handler: any Handler, configuration: Configuration, limits: ServerLimits) {
        self.handler = handler
        transmitter = handler.transmitter
        self.configuration = configuration
        self.limits = limits
        let few = max(2, min(Limits.connectionsForFewMax, Process.descriptorsMax / 16))
        refusalsMax = max(1, min(Limits.refusalsAtOnceMax, Process.descriptorsMax / 32))
        // Those of a second server, for few, are left out as well, whether there is one or not.
        let descriptorsLeft = max(8, Process.descriptorsMax - Process.descriptorsReserved - few - refusalsMax)
        connectionsMax = min(limits.connectionsMax, configuration.isForFew ? few : descriptorsLeft)
        budget = RequestBudget(
            bytesMax: configuration.isForFew
                ? Limits.bufferedRequestBytesForFewMax : Limits.bufferedRequestBytesMax)
    }

    /// The port it listens on.
    public var port: UInt16 { listener?.port ?? 0 }

    /// How many connections from clients are open.
    public var connectionCount: Int { connections.all.count }

    /// How many of them wait without a task.
    var parkedConnectionCount: Int { connections.all.count { $0.isParked } }

    /// How many bytes of requests are held.
    var requestBytesHeld: Int { budget.bytesUsed }

    /// Binds and listens: from here on the kernel accepts connections.
    public func listen() throws(ListenError) {
        let addresses = Resolver.lookUp(configuration.host, port: configuration.port, passive: true)
        guard let address = addresses.first else {
            throw ListenError(description: "cannot listen on \(configuration.host): it has no address")
        }
        do throws(Errno) {
            listener = try Listener(on: address)
        } catch {
            throw ListenError(
                description: "cannot listen on \(configuration.host) port \(configuration.port): \(error)")
        }
    }

    /// Accepts and serves until `stop()`; returns when every connection has ended, or the time to drain is
    /// over.
    public func run() async {
        await acceptAll()
        await drain()
    }

    /// Stops accepting, and makes `run()` return once what is in flight is answered. A second call does
    /// nothing.
    public func stop() {
        if isDraining { return }
        isDraining = true
        drainDeadline = .after(milliseconds: limits.drainTimeoutMilliseconds)
        listener?.wake()
    }

    /// Waits until no request is in flight, `deadline` at the latest: for work that should not come before
    /// theirs.
    public func waitUntilQuiet(until deadline: Deadline) async {
        if requestsInFlight == 0 { return }
        let gate = quiet ?? Gate()
        quiet = gate
        _ = await gate.wait(until: deadline)
    }

    // MARK: Accepting

    private func acceptAll() async {
        guard let listener else { preconditionFailure("run() before listen()") }
        while !isDraining {
            await listener.waitForConnection()
            await acceptWaiting(from: listener) { isDraining }
        }
        // Those that the kernel has taken for us are ours to answer.
        await listener.dropConnectionRequests()
        let last = connectionsAccepted + Limits.acceptQueueMax
        await acceptWaiting(from: listener) { connectionsAccepted >= last || drainDeadline.hasPassed }
        self.listener = nil
    }

    /// Takes the connections that wait, until none does or `isEnough`: where clients never cease to come
    /// there is always one more.
    private func acceptWaiting(from listener: Listener, until isEnough: () -> Bool) async {
        var share = TurnShare(most: Limits.acceptsPerTurnMax)
        while !isEnough() {
            if share.isUsedUp() { await EventLoop.shared.letOthersRun() }
            let stream: ByteStream
            do throws(Errno) {
                guard let raw = try listener.accept() else { return }
                stream = try ByteStream(owning: FileDescriptor(owning: raw))
            } catch {
                // No descriptor or memory is left (EMFILE, ENFILE, ENOMEM): what is open goes on, and an
                // edge-triggered listener does not wake again by itself.
                if isDraining { return }
                await EventLoop.shared.sleep(until: .after(milliseconds: Limits.acceptPauseMilliseconds))
                continue
            }
            connectionsAccepted += 1
            if connections.all.count >= connectionsMax {
                refused.count(.connections)
                if refusals < refusalsMax {
                    refusals += 1
                    EventLoop.shared.start { [self] in await refuse(stream) }
                }
                continue
            }
            let connection = ServerConnection(stream: stream, budget: budget)
            connections.insert(connection)
            EventLoop.shared.start { [self] in await begin(connection) }
        }
    }

    /// Says that there are too many connections, and closes.
    private func refuse(_ stream: ByteStream) async {
        let bytes = HTTPServerStateMachine.refusal(
            status: 503, text: "too many connections; try again later", date: date())
        if configuration.tls == nil, (try? stream.writeAvailable(bytes[...])) != nil {
            await linger(stream, .after(milliseconds: Limits.refusalLingerMilliseconds))
        }
        stream.close()
        refusals -= 1
        noteEnd()
    }

    // MARK: Serving

    private func begin(_ connection: ServerConnection) async {
        do throws(StreamError) {
            if let tls = configuration.tls {
                guard let session = tls.session() else { throw .closed }
                try await connection.stream.startTLS(
                    session, deadline: .after(milliseconds: limits.handshakeTimeoutMilliseconds))
            }
        } catch {
            return end(connection)  // It broke TLS: nobody is left to be told.
        }
        connection.clock = RequestClock()
        await serve(connection)
    }

    /// Goes on with a connection until it ends, or nothing comes for a while.
    private func serve(_ connection: ServerConnection) async {
        var machine = connection.takeMachine()
        do throws(StreamError) {
            if let deadline = try await exchange(on: connection, &machine) {
                connection.keep(machine)
                return park(connection, until: deadline)
            }
        } catch {
            // The client has gone or broke TLS: nobody is left to be told.
        }
        machine.releaseBytes()
        end(connection)
    }

    private func end(_ connection: ServerConnection) {
        connection.stream.close()
        connections.remove(connection)
        noteEnd()
    }

    private func noteEnd() {
        if listener == nil, connections.all.isEmpty, refusals == 0 { drained.open() }
    }

    /// Lets a connection wait without a task, whose memory is most of what an idle connection costs.
    private func park(_ connection: ServerConnection, until deadline: Deadline) {
        connection.isParked = true
        connection.stream.park(until: deadline) { [self] _ in
            connection.isParked = false
            EventLoop.shared.start { [self] in await serve(connection) }
        }
    }

    /// Takes what has come by now, or notes that the time is over. Returns false when neither is so: then it
    /// is better to `park`.
    private func takeRest(
        _ stream: ByteStream, _ machine: inout HTTPServerStateMachine, until deadline: Deadline
    ) throws(StreamError) -> Bool {
        if !deadline.hasPassed { return try stream.readAvailable(into: &machine) }
        if try !stream.readUnnoticed(into: &machine) { machine.timeOut() }
        return true
    }

    /// Returns nil when the connection is over, or until when it may wait without a task for more to come.
    private func exchange(
        on connection: ServerConnection, _ machine: inout HTTPServerStateMachine
    ) async throws(StreamError) -> Deadline? {
        let stream = connection.stream
        var clock = connection.clock
        var share = TurnShare(most: Limits.stepsPerTurnMax)
        while true {
            if share.isUsedUp() { await EventLoop.shared.letOthersRun() }
            switch machine.next() {
            case .read(let wait):
                connection.phase = wait == .idle ? .idle : .reading
                connection.isHead = false
                if isDraining, wait == .idle, drainGraceIsOver { return nil }
                let deadline = clock.deadline(for: wait, limits)
                if tasksReading < limits.tasksReadingMax {
                    tasksReading += 1
                    defer { tasksReading -= 1 }
                    do throws(StreamError) {
                        let pause = Deadline.after(milliseconds: limits.parkAfterMilliseconds)
                        try await stream.read(into: &machine, deadline: min(deadline, pause))
                        continue
                    } catch {
                        guard error == .timedOut else { throw error }
                    }
                }
                guard try takeRest(stream, &machine, until: deadline) else {
                    connection.clock = clock
                    return deadline
                }
            case .sendContinue(let bytes):
                try await stream.write(bytes, deadline: clock.bodyDeadline(limits))
            case .handle(let request):
                connection.phase = .handling
                connection.isHead = request.method == .head
                let response: HTTPResponse
                if let refusal = refusal() {
                    response = refusal
                } else {
                    beginRequest(bodyBytes: request.body.count)
                    response = await handler.handle(request, deadline: handlingDeadline(clock))
                    endRequest()
                }
                if stream.isClosed { throw .closed }  // The drain has answered in the handler's place.
                connection.phase = .answering
                let bytes = machine.answer(response, date: date(), closes: isDraining)
                let deadline = Deadline.after(milliseconds: limits.answerTimeoutMilliseconds)
                if let transmitter {
                    try await transmitter.transmit(bytes, of: response, over: stream, deadline: deadline)
                } else {
                    let count = try stream.writeAvailable(bytes[...])
                    if count < bytes.count || !stream.hasFlushed {
                        try await stream.write(bytes.dropFirst(count), deadline: deadline)
                    }
                }
                clock = RequestClock(isFirst: false)
            case .refuse(let refusal):
                let bytes = machine.bytes(of: refusal, date: date())
                refused.count(RefusalReason(status: refusal.status))
                connection.phase = .closing
                try await stream.write(
                    bytes, deadline: .after(milliseconds: limits.answerTimeoutMilliseconds))
                await linger(stream, lingerDeadline)
                return nil
            case .close:
                connection.phase = .closing
                await linger(stream, lingerDeadline)
                return nil
            }
        }
    }

    private func beginRequest(bodyBytes: Int) {
        requestsInFlight += 1
        if bodyBytes >= Limits.largeBodyBytesMin { EventLoop.shared.giveBackMemoryAtRest() }
    }

    private func endRequest() {
        requestsInFlight -= 1
        if requestsInFlight == 0, let quiet {
            self.quiet = nil
            quiet.open()
        }
    }

    private func handlingDeadline(_ clock: RequestClock) -> Deadline {
        guard let head = clock.headNanoseconds else {
            return .after(milliseconds: configuration.requestTimeoutMilliseconds)
        }
        return Deadline(nanoseconds: head &+ configuration.requestTimeoutMilliseconds &* 1_000_000)
    }

    /// The answer to a request that is not handed on; nil where it is.
    private func refusal() -> HTTPResponse? {
        if isDraining {
            refused.count(.stopping)
            return .text(503, "shutting down; try again\n")
        }
        guard requestsInFlight >= limits.requestsInFlightMax else { return nil }
        refused.count(.requestsInFlight)
        var response = HTTPResponse.text(503, "too many requests at once; try again later\n")
        response.fields.append("Retry-After", "1")
        return response
    }

    /// A program that ends does not wait long for clients that do not close their side.
    private var lingerDeadline: Deadline {
        .after(milliseconds: isDraining ? Limits.drainLingerMilliseconds : limits.lingerTimeoutMilliseconds)
    }

    /// Ends our side and reads on for a while, so that the last answer is not lost to a reset when the client
    /// is still sending (RFC 9112 section 9.6).
    private func linger(_ stream: ByteStream, _ deadline: Deadline) async {
        stream.shutdownWriting()
        var drain = Drain(bytesLeft: Limits.lingerBytesMax)
        do throws(StreamError) {
            while !drain.isOver { try await stream.read(into: &drain, deadline: deadline) }
        } catch {
            // It has gone, or has had its time.
        }
    }

    private struct Drain: ByteReceiver {
        var bytesLeft: Int
        var isOver = false

        mutating func receive(_ bytes: Span<UInt8>) {
            bytesLeft -= bytes.count
            if bytesLeft <= 0 { isOver = true }
        }

        mutating func receiveEnd() { isOver = true }
    }

    private func date() -> [UInt8] {
        let now = WallClock.now
        if now.seconds != dateSecond {
            dateSecond = now.seconds
            dateBytes = Array(now.httpDate.utf8)
        }
        return dateBytes
    }

    // MARK: Draining

    private var drainGraceIsOver = false
    /// Until when what is in flight may take: counted from `stop()`, whatever came between.
    private var drainDeadline = Deadline.never

    /// Waits for what is in flight, then ends what is left.
    private func drain() async {
        // Nobody is there whose request could be on its way.
        if connections.all.isEmpty, refusals == 0 { return }
        await EventLoop.shared.sleep(until: .after(milliseconds: limits.drainGraceMilliseconds))
        drainGraceIsOver = true
        // A request that came while the program got no processor time is still to be answered.
        for connection in connections.all
        where connection.phase == .idle && !connection.stream.hasUnreadBytes {
            cut(connection)
        }
        if connections.all.isEmpty, refusals == 0 { return }
        if await drained.wait(until: drainDeadline) { return }
        for connection in connections.all {
            if connection.phase == .handling || connection.phase == .reading {
                let bytes = HTTPServerStateMachine.refusal(
                    status: 503, text: "shutting down; try again", date: date(), omitsBody: connection.isHead)
                _ = try? connection.stream.writeAvailable(bytes[...])
            }
            cut(connection)
        }
        // Handlers that still run are abandoned with the program.
    }

    /// Closes a connection: its task finds out, and one without a task ends here.
    private func cut(_ connection: ServerConnection) {
        guard connection.isParked else { return connection.stream.close() }
        var machine = connection.takeMachine()
        machine.releaseBytes()
        end(connection)
    }
}

/// What one task does in one turn of the loop: at some point others are to be looked after.
@EventLoopActor
private struct TurnShare {
    private let most: Int
    private var used = 0
    private var turnNanoseconds: UInt64 = 0

    init(most: Int) { self.most = most }

    /// Counts one more piece of work. Returns true where that is one too many for this turn.
    mutating func isUsedUp() -> Bool {
        let now = EventLoop.shared.nowNanoseconds
        if now != turnNanoseconds {
            turnNanoseconds = now
            used = 0
        }
        used += 1
        return used > most
    }
}
