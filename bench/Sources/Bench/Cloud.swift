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

    private static let patienceSeconds = 20.0

    private let program: ChildProcess
    private let directory: URL
    private let port: UInt16
    private let environments: [String: [String: String]]

    init(program path: String) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("twined-bench-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let output = directory.appendingPathComponent("ready.json").path
        let descriptor = open(output, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o600)
        if descriptor < 0 { throw BenchError("\(output): \(Errno(number: errno))") }
        defer { close(descriptor) }
        let command = [path, "--directory", directory.path, "--no-recording"]
        program = try ChildProcess(command, environment: [:], output: descriptor, error: STDERR_FILENO)
        let deadline = Clock.now() + UInt64(Self.patienceSeconds * 1e9)
        var ready: Readiness?
        while ready == nil {
            if program.hasEnded { throw BenchError("\(path) \(program.ending)") }
            if Clock.now() > deadline { throw BenchError("\(path) is not ready") }
            Clock.sleep(milliseconds: 5)
            ready = (try? Data(contentsOf: URL(fileURLWithPath: output))).flatMap {
                try? JSONDecoder().decode(Readiness.self, from: $0)
            }
        }
        guard let ready, let control = ready.ports["control"] else {
            throw BenchError("\(path) has no control port")
        }
        port = control
        environments = ready.environment
    }

    deinit {
        do { try program.terminate() } catch { program.kill() }
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            FileHandle.standardError.write(Data("bench: \(directory.path) stays: \(error)\n".utf8))
        }
    }

    /// The variables with which a function talks to this cloud.
    func environment(_ function: Function) -> [String: String] { environments[function.rawValue] ?? [:] }

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
