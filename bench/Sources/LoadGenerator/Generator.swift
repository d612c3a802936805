import CLinux
import Glibc

/// Sends requests and takes the time of their answers: one thread, one epoll, kept connections.
///
/// It is meant to cost little, since it shares the machine with what it measures.
package final class Generator {
    private static let connectionsMax = 60_000
    private static let eventsAtOnce = 256

    private let port: UInt16
    private let epoll: CInt
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 262_144, alignment: 64)
    private var connections: [Connection] = []
    /// Indices of connections without a request, the last used at the end.
    private var idle: [Int] = []
    private var ready = [UInt32](repeating: 0, count: eventsAtOnce)
    private var tags = [UInt64](repeating: 0, count: eventsAtOnce)
    /// Something to do beside the load.
    package var background: (any BackgroundWork)?

    // Of the load that is running.
    private var load = Load(.closed(concurrency: 1), seconds: 0)
    private var source: any RequestSource
    private var schedule: Schedule?
    private var result = LoadResult()
    private var start: UInt64 = 0
    private var end: UInt64 = 0
    private var now: UInt64 = 0
    private var lastAnswer: UInt64 = 0
    private var busy = 0
    private var isExhausted = false
    private var failuresInARow = 0

    package init(port: UInt16, source: any RequestSource) throws {
        self.port = port
        self.source = source
        epoll = clinux_epoll_open()
        if epoll < 0 { throw Errno(number: -epoll) }
    }

    deinit {
        for connection in connections { connection.close() }
        buffer.deallocate()
        Glibc.close(epoll)
    }

    /// Takes the following requests from another source.
    package func take(from source: any RequestSource) {
        self.source = source
        // What is prepared in the connections is of the old one.
        for connection in connections { connection.request = [] }
    }

    /// Carries out a load. Its connections are kept for the next one.
    package func run(_ load: Load) throws -> LoadResult {
        clinux_exact_timers(true)
        defer { clinux_exact_timers(false) }
        try prepare(load)
        while true {
            now = Clock.now()
            putOffEnd()
            if maySend { try sendWhatIsDue() }
            if isOver { break }
            try wait()
        }
        abandon()
        result.seconds = Double(max(lastAnswer, start + 1) - start) / 1e9
        return result
    }

    // MARK: Beginning and end

    private func prepare(_ load: Load) throws {
        self.load = load
        result = LoadResult()
        isExhausted = false
        failuresInARow = 0
        // Nothing is due while the connections come up.
        schedule = nil
        end = 0
        let count: Int
        switch load.arrival {
        case .closed(let concurrency): count = concurrency
        case .open(_, let most): count = min(most, 64)
        }
        precondition(count > 0 && count <= Self.connectionsMax, "a load has from 1 to 60,000 connections")
        while connections.count > count { retire() }
        while connections.count < count { try add() }
        // Kept connections that the server has closed since the last load are opened anew; that is no error.
        for connection in connections where connection.hasEnded { connection.close() }
        try connectAll()
        start = Clock.now()
        result.start = start
        lastAnswer = start
        end = start + UInt64(load.seconds * 1e9)
        if case .open(let rate, _) = load.arrival {
            schedule = Schedule(start: start, perSecond: rate, seconds: load.seconds)
        } else {
            schedule = nil
        }
    }

    /// The end of a closed loop is not before its least number was sent.
    private func putOffEnd() {
        if schedule == nil, !isExhausted, result.sent < load.eventsMin, end <= now { end = now + 1 }
    }

    /// Requests that were due before the end and found no free connection are still sent for a while: left
    /// out, they would be the very ones that were hurt.
    private var maySend: Bool {
        if isExhausted { return false }
        if now < end { return true }
        return schedule?.next != nil && now <= end + UInt64(load.drainSeconds * 1e9)
    }

    private var isOver: Bool {
        if busy > 0 { return now > end + UInt64(load.drainSeconds * 1e9) }
        if isExhausted { return true }
        if let schedule { return schedule.next == nil || now > end + UInt64(load.drainSeconds * 1e9) }
        return now >= end
    }

    /// What has no answer by now has none.
    private func abandon() {
        for connection in connections where connection.isBusy {
            count("no answer")
            connection.close()
            busy -= 1
        }
        if let schedule, !isExhausted, schedule.taken < schedule.count {
            result.errors["not sent", default: 0] += schedule.count - schedule.taken
        }
        idle = connections.indices.reversed()
    }

    private func add() throws {
        let connection = Connection(index: connections.count)
        connections.append(connection)
        try open(connection)
        idle.append(connection.index)
    }

    private func retire() {
        connections.removeLast().close()
        idle.removeAll { $0 == connections.count }
    }

    private func open(_ connection: Connection) throws {
        try connection.open(port: port)
        guard let socket = connection.socket else { return }
        let failure = clinux_epoll_add(epoll, socket.descriptor, connection.tag)
        if failure != 0 { throw Errno(number: failure) }
    }

    /// Brings every connection up before the clock starts.
    private func connectAll() throws {
        let deadline = Clock.now() + UInt64(load.patienceSeconds * 1e9)
        for connection in connections where connection.socket == nil { try open(connection) }
        while connections.contains(where: { !$0.isConnected }) {
            now = Clock.now()
            if now > deadline { throw LoadError(description: "port \(port) does not take connections") }
            try wait()
        }
    }

    // MARK: Sending

    private func sendWhatIsDue() throws {
        while let index = try freeConnection() {
            guard let intended = nextIntended() else {
                idle.append(index)
                return
            }
            try send(on: connections[index], intended: intended)
            if isExhausted { return }
        }
    }

    private func nextIntended() -> UInt64? {
        if result.sent >= load.eventsMax {
            isExhausted = true
            return nil
        }
        // Of a closed loop it is now: what was done since the last wait for other answers is no part of it.
        return schedule == nil ? Clock.now() : schedule?.take(at: now)
    }

    private func freeConnection() throws -> Int? {
        if let index = idle.popLast() { return index }
        guard case .open(_, let most) = load.arrival, connections.count < most,
            let next = schedule?.next, next <= now
        else { return nil }
        try add()
        return idle.popLast()
    }

    private func send(on connection: Connection, intended: UInt64) throws {
        guard source.write(into: &connection.request) else {
            isExhausted = true
            idle.append(connection.index)
            return
        }
        if connection.socket == nil { try open(connection) }
        result.sent += 1
        busy += 1
        try take(
            connection.begin(intended: intended, now: schedule == nil ? Clock.now() : now), of: connection)
    }

    // MARK: Receiving

    private func wait() throws {
        var until = busy > 0 || now >= end ? now + 100_000_000 : end
        if let next = schedule?.next, !isExhausted, !idle.isEmpty || canAdd { until = min(until, next) }
        if let background { until = min(until, background.due) }
        let nanoseconds = Int64(until > now ? min(until - now, 100_000_000) : 0)
        let count = clinux_epoll_wait(epoll, &ready, &tags, CInt(Self.eventsAtOnce), nanoseconds)
        if count < 0 { throw Errno(number: CInt(-count)) }
        now = Clock.now()
        for position in 0..<Int(count) { try handle(ready[position], tags[position]) }
        if count == 0 { try giveUpLateAnswers() }
        if let background, background.due <= now { background.work(at: now) }
    }

    private var canAdd: Bool {
        guard case .open(_, let most) = load.arrival else { return false }
        return connections.count < most
    }

    private func handle(_ readiness: UInt32, _ tag: UInt64) throws {
        let index = Int(tag >> 32)
        guard index < connections.count, connections[index].tag == tag else { return }
        let connection = connections[index]
        if readiness & UInt32(clinux_writable) != 0 {
            try take(connection.becameWritable(), of: connection)
        }
        if readiness & UInt32(clinux_readable) != 0, connection.socket != nil, connection.isConnected {
            try take(connection.read(into: buffer), of: connection)
        }
        putOffEnd()
        // Not after all answers of one wait: clients that send in step make the server and its upstreams work
        // in turns where they could work at once.
        if maySend { try sendWhatIsDue() }
    }

    private func take(_ step: Connection.Step, of connection: Connection) throws {
        switch step {
        case .none: return
        case .answered(let answer):
            // Read anew: the answers of one wait were not all there when the first of them was.
            let time = Clock.now()
            result.record(
                answer.status, expected: load.status, latency: time - connection.intended,
                sinceStart: time - start)
            lastAnswer = time
            failuresInARow = 0
            if answer.closes { connection.close() }
            becameIdle(connection)
        case .ended(let reason):
            let wasBusy = connection.isBusy
            connection.close()
            // A kept connection may be closed by the other side while nothing is on its way.
            guard wasBusy else { return }
            count(reason)
            failuresInARow += 1
            becameIdle(connection)
            if failuresInARow < load.failuresInARowMax { return }
            isExhausted = true
            if load.isFailureExpected { return }
            throw LoadError(description: "port \(port): \(reason), \(failuresInARow) times in a row")
        }
    }

    private func becameIdle(_ connection: Connection) {
        busy -= 1
        idle.append(connection.index)
    }

    private func count(_ error: String) { result.errors[error, default: 0] += 1 }

    private func giveUpLateAnswers() throws {
        let patience = UInt64(load.patienceSeconds * 1e9)
        for connection in connections where connection.isBusy && connection.started + patience < now {
            connection.close()
            count("no answer")
            becameIdle(connection)
        }
    }
}
