import Foundation
import Glibc
import LoadGenerator

/// The local cloud: the program, and its control port (docs/LOCAL_CLOUD.md).
final class Cloud {
    /// A request that it has recorded.
    struct Request: Decodable {
        let service: String
        let method: String
        let target: String
        let receivedMonotonicNanoseconds: UInt64
    }

    private struct Readiness: Decodable {
        let ports: [String: UInt16]
        let environment: [String: [String: String]]
    }

    private static let patienceMilliseconds: CInt = 20_000

    private let program: ChildProcess
    private let port: UInt16
    private let environments: [String: [String: String]]

    /// Starts it; its folder of certificates is its own, and goes with it.
    init(program path: String) throws {
        var ends: [CInt] = [0, 0]
        if pipe(&ends) != 0 { throw BenchError("no pipe: \(Errno(number: errno))") }
        defer { close(ends[0]) }
        do {
            defer { close(ends[1]) }
            program = try ChildProcess(
                [path, "--no-recording"], environment: [:], output: ends[1], error: STDERR_FILENO)
        }
        let ready = try JSONDecoder().decode(Readiness.self, from: Self.line(from: ends[0], of: path))
        guard let control = ready.ports["control"] else { throw BenchError("\(path) has no control port") }
        port = control
        environments = ready.environment
    }

    deinit {
        do { try program.terminate() } catch { program.kill() }
    }

    /// What comes until the end of a line.
    private static func line(from descriptor: CInt, of path: String) throws -> Data {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4_096)
        while bytes.last != UInt8(ascii: "\n") {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, patienceMilliseconds)
            if ready < 0, errno == EINTR { continue }
            let count = ready > 0 ? read(descriptor, &piece, piece.count) : 0
            guard count > 0 else { throw BenchError("\(path) did not say that it is ready") }
            bytes.append(contentsOf: piece[..<count])
        }
        return Data(bytes)
    }

    /// The variables with which a function talks to this cloud.
    func environment(_ function: Function) -> [String: String] { environments[function.rawValue] ?? [:] }

    /// Its processes.
    var tree: ProcessTree { program.tree }

    // MARK: Control

    @discardableResult
    func post(_ path: String, _ body: [String: Any]) throws -> Data {
        let data = try JSONSerialization.data(withJSONObject: body)
        return try checked(HTTPCall.post(path, data, port: port), path)
    }

    private func get(_ path: String) throws -> Data { try checked(HTTPCall.get(path, port: port), path) }

    private func checked(_ answer: HTTPCall.Answer, _ path: String) throws -> Data {
        guard answer.status == 200 else {
            throw BenchError("local-cloud: \(path): \(String(decoding: answer.body, as: UTF8.self))")
        }
        return answer.body
    }

    /// Forgets what it was asked, and faults; settings and images stay.
    func forget() throws { try post("/reset", ["keep": ["settings", "images", "cluster", "tokens"]]) }

    /// Everything as at its start, but that nothing is recorded.
    func resetAll() throws {
        try post("/reset", [:])
        try post(
            "/settings", ["recording": false, "latencyMilliseconds": [String: Int](), "jobsMax": 10_000_000])
    }

    func setLatency(milliseconds: Int) throws {
        try post("/settings", ["latencyMilliseconds": milliseconds == 0 ? [:] : ["*": milliseconds]])
    }

    func counts() throws -> [String: Int] {
        try JSONDecoder().decode([String: Int].self, from: get("/counts"))
    }

    func requests() throws -> [Request] {
        struct Answer: Decodable { let requests: [Request] }
        return try JSONDecoder().decode(Answer.self, from: get("/requests")).requests
    }

    /// Requests to the services, and connections that they have accepted.
    func upstream() throws -> (calls: Int, connections: Int) {
        let counts = try counts()
        func sum(_ prefix: String) -> Int {
            counts.filter { $0.key.hasPrefix(prefix) && !$0.key.hasSuffix(".control") }.reduce(0) {
                $0 + $1.value
            }
        }
        return (sum("requests."), sum("accepted."))
    }
}
