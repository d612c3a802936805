import CLinux
import Glibc
import LoadGenerator
import Results

/// One target in one scenario: its process, the connections to it, and the numbers that its events carry.
final class Session {
    private static let patienceSeconds = 30.0
    private static let health = Array("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)

    let program: Program
    let function: Function
    let cloud: Cloud
    private let logs: String?
    private(set) var process: ChildProcess?
    private(set) var port: UInt16 = 0
    private var kept: Generator?
    private var nextNumber = 1
    /// The round that is measured; 0 before the first.
    var round = 0
    /// The last round for which the process did something.
    private var lastRound = 0
    /// Processes of this session that have not ended as they should, with the last round that each served.
    private(set) var faults: [(round: Int, text: String)] = []

    init(_ program: Program, _ function: Function, cloud: Cloud, logs: String?) {
        self.program = program
        self.function = function
        self.cloud = cloud
        self.logs = logs
    }

    /// So many numbers that no event of this session has carried.
    func numbers(_ count: Int) -> Range<Int> {
        defer { nextNumber += count }
        return nextNumber..<nextNumber + count
    }

    // MARK: The process

    /// Starts the program, in place of one that runs, without waiting.
    func launch() throws -> ChildProcess {
        try stop()
        let started = try program.launch(function, cloud: cloud, logs: logs)
        process = started.process
        lastRound = round
        port = started.port
        return started.process
    }

    /// Starts the program, and waits until it answers.
    @discardableResult
    func start() throws -> ChildProcess {
        let process = try launch()
        let socket = try connectAsSoonAsPossible(to: process)
        defer { socket.close() }
        let status = try exchange(Self.health, on: socket)
        // A program that knows no such path answers all the same.
        guard status < 500 else { throw BenchError("\(program.name): GET /health was answered \(status)") }
        return process
    }

    /// Ends the process that is there, and looks at how it ended. The time from SIGTERM, in milliseconds.
    @discardableResult
    func stop() throws -> Double {
        kept = nil
        defer { process = nil }
        guard let process else { return 0 }
        let milliseconds = try process.terminate()
        if let fault = process.fault { faults.append((lastRound, fault)) }
        return milliseconds
    }

    /// What has not ended as it should since this was asked last.
    func takeFaults() -> [(round: Int, text: String)] {
        defer { faults = [] }
        return faults
    }

    /// The process that is there, or a new one. One that has ended by itself is not replaced: figures of a
    /// fresh process would stand where those of a used one should.
    func running() throws -> ChildProcess {
        guard let process else { return try start() }
        lastRound = round
        if process.hasEnded { throw BenchError("\(program.name) \(process.ending) between two measurements") }
        return process
    }

    // MARK: Single requests

    /// Tries to connect until it works: each refusal is followed by a pause of 20 microseconds.
    func connectAsSoonAsPossible(to process: ChildProcess) throws -> Socket {
        clinux_exact_timers(true)
        defer { clinux_exact_timers(false) }
        let deadline = Clock.now() + UInt64(Self.patienceSeconds * 1e9)
        while Clock.now() < deadline {
            if let socket = try connectIfListening() {
                socket.setPatience(seconds: Int(Self.patienceSeconds))
                return socket
            }
            if process.hasEnded { throw BenchError("\(program.name) \(process.ending) before it listened") }
            Clock.sleep(milliseconds: 0.02)
        }
        throw BenchError("\(program.name) did not listen on port \(port) within \(Self.patienceSeconds) s")
    }

    /// Nil while nobody listens.
    private func connectIfListening() throws -> Socket? {
        do throws(Errno) {
            return try Socket(port: port, blocking: true)
        } catch {
            guard error.number == ECONNREFUSED || error.number == ECONNABORTED else { throw error }
            return nil
        }
    }

    /// Sends a request and waits for its answer's end; the status.
    func exchange(_ request: [UInt8], on socket: Socket) throws -> Int {
        try socket.sendAll(request)
        var parser = AnswerParser()
        var piece = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = recv(socket.descriptor, &piece, piece.count, 0)
            if count < 0, errno == EINTR { continue }
            let answer = count > 0 ? try parser.next(piece[..<count]) : parser.end()
            if let answer { return answer.status }
            guard count > 0 else { throw BenchError("\(program.name) gave no answer") }
        }
    }

    /// A connection that has had one answer and is kept.
    func openIdleConnection() throws -> Socket {
        let socket = try Socket(port: port, blocking: true)
        socket.setPatience(seconds: Int(Self.patienceSeconds))
        let status = try exchange(Self.health, on: socket)
        guard status < 500 else {
            socket.close()
            throw BenchError("\(program.name): GET /health was answered \(status)")
        }
        return socket
    }

    // MARK: Loads

    /// Runs a load on the connections that this session keeps.
    func run(_ load: Load, _ source: any RequestSource, beside background: (any BackgroundWork)? = nil) throws
        -> LoadResult
    {
        _ = try running()
        let generator: Generator
        if let kept {
            generator = kept
            generator.take(from: source)
        } else {
            generator = try Generator(port: port, source: source)
            kept = generator
        }
        generator.background = background
        defer { generator.background = nil }
        return try generator.run(load)
    }

    /// Runs a load and fills in what it cost: latencies, rate, CPU of the process tree, calls to the cloud.
    @discardableResult
    func measure(
        _ load: Load, _ source: any RequestSource, into measurement: inout Measurement,
        beside background: (any BackgroundWork)? = nil
    ) throws -> LoadResult {
        let tree = try running().tree
        let upstream = try cloud.upstream()
        let before = tree.times
        let result = try run(load, source, beside: background)
        let after = tree.times
        let now = try cloud.upstream()
        guard result.events > 0 else {
            throw BenchError("\(program.name) answered nothing as it should: \(result.errors)")
        }
        measurement.fill(result)
        let events = Double(result.events)
        guard let cost = after.since(before) else {
            throw BenchError("\(program.name): processes of its tree ended, and took their CPU time along")
        }
        measurement.figures[.cpuPerEvent] = Double(cost.total) / 1e6 / events
        measurement.figures[.userCPUPerEvent] = Double(cost.user) / 1e6 / events
        measurement.figures[.systemCPUPerEvent] = Double(cost.system) / 1e6 / events
        measurement.figures[.upstreamCallsPerEvent] = Double(now.calls - upstream.calls) / events
        measurement.figures[.newConnectionsPerThousandEvents] =
            Double(now.connections - upstream.connections) / events * 1_000
        return result
    }

    /// The memory of the process tree; its descriptors too, for growth.
    func memory() throws -> (memory: ProcessFiles.Memory, descriptors: Int) {
        let tree = try running().tree
        guard let memory = tree.memory else { throw BenchError("\(program.name): no memory in /proc") }
        return (memory, tree.descriptors)
    }
}

extension Latencies {
    /// Nil of so few answers that less than one lies above: that would be the maximum under another name.
    func percentile(_ percentile: Double) -> Double? {
        // A little less than 100: binary has 99.9 not exactly.
        Double(count) * (100 - percentile) >= 99.95 ? milliseconds(percentile) : nil
    }
}

extension Measurement {
    /// The percentiles of the curve.
    private static let percentiles: [Double] = [
        0, 1, 5, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.25, 99.5, 99.75,
        99.9,
        99.95, 99.97, 99.99, 99.995, 99.999, 100,
    ]

    /// Latencies, rate and errors of a load.
    mutating func fill(_ result: LoadResult) {
        seconds = result.seconds
        events = result.events
        errors = result.errors
        let milliseconds = result.latency.milliseconds
        let finest = 100 - 100 / Double(max(1, events))
        latency = Self.percentiles.filter { $0 <= finest || $0 == 100 }.map {
            PercentilePoint(percentile: $0, milliseconds: milliseconds($0))
        }
        figures[.latencyP50] = result.latency.percentile(50)
        figures[.latencyP90] = result.latency.percentile(90)
        figures[.latencyP99] = result.latency.percentile(99)
        figures[.latencyP999] = result.latency.percentile(99.9)
        figures[.latencyMaximum] = milliseconds(100)
        figures[.latencyMean] = result.latency.meanMilliseconds
        figures[.eventsPerSecond] = Double(events) / result.seconds
        figures[.errorShare] = Double(result.errorCount) / Double(max(1, events + result.errorCount)) * 100
    }

    /// Counts something that went wrong beside the answers.
    mutating func add(error: String) {
        errors[error, default: 0] += 1
        if figures[.errorShare] == nil { return }
        let count = errors.values.reduce(0, +)
        figures[.errorShare] = Double(count) / Double(events + count) * 100
    }

    /// The memory of a process tree.
    mutating func fill(_ memory: ProcessFiles.Memory) {
        figures[.proportionalMemory] = Double(memory.proportionalKibibytes) / 1_024
        figures[.residentMemory] = Double(memory.residentKibibytes) / 1_024
        figures[.anonymousMemory] = Double(memory.anonymousKibibytes) / 1_024
        figures[.peakMemory] = Double(memory.peakKibibytes) / 1_024
    }
}
