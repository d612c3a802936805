import Net
import TestSupport

@testable import Functions

/// The event loop for tests.
enum LoopSupport {
    /// Runs `body` on the loop, as a root task like those of the program, and waits for it.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable @EventLoopActor () async throws -> Value
    ) async throws -> Value {
        try await LoopThread.run(body)
    }

    /// Lets every task that is ready run, a few times over.
    @EventLoopActor
    static func settle() async {
        for _ in 0..<20 { await Task.yield() }
    }
}

/// An exchange that answers from a closure and keeps what it was asked.
@EventLoopActor
final class FakeExchange: HTTPExchange {
    typealias Answer = @EventLoopActor (HTTPRequest, Origin) async -> Result<HTTPResponse, HTTPClientError>

    struct Sent {
        let request: HTTPRequest
        let origin: Origin
        /// The time the attempt was given.
        let nanoseconds: UInt64

        var target: String { String(decoding: request.target, as: UTF8.self) }
        var body: String { String(decoding: request.body, as: UTF8.self) }
        var line: String { "\(request.method.name) \(target)" }

        func field(_ name: StaticString) -> String? {
            request.fields[name].map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private(set) var sent: [Sent] = []
    private(set) var prepared: [Origin] = []
    private(set) var forgotten: [Origin] = []
    private let answer: Answer

    init(_ answer: @escaping Answer) {
        self.answer = answer
    }

    func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline
    ) async throws(HTTPClientError) -> HTTPResponse {
        sent.append(Sent(request: request, origin: origin, nanoseconds: deadline.remainingNanoseconds))
        return try await answer(request, origin).get()
    }

    func forget(_ origin: Origin) { forgotten.append(origin) }

    func prepareConnection(to origin: Origin, deadline: Deadline) async {
        prepared.append(origin)
    }
}

/// A sink that keeps the lines.
@EventLoopActor
final class KeptLines: LogSink {
    private(set) var lines: [[UInt8]] = []
    var dropped = 0

    var texts: [String] { lines.map { String(decoding: $0, as: UTF8.self) } }

    func write(_ line: [UInt8]) { lines.append(Array(line)) }
    func takeDroppedLines() -> Int {
        defer { dropped = 0 }
        return dropped
    }
    func drain() {}
}

extension Log {
    /// A log that nobody reads.
    static func silent() -> Log { Log(level: .error, sink: KeptLines()) }
}

extension AccessToken {
    /// "tok", for an hour.
    static var fixed: AccessToken {
        AccessToken(log: .silent()) { _ in
            FetchedToken(Array("tok".utf8), lifetimeMilliseconds: 3_600_000).map { .success($0) }
                ?? .failure(.failed("no token"))
        }
    }
}

extension HTTPResponse {
    static func json(_ status: Int, _ text: String) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: Array(text.utf8))
        response.fields.append("Content-Type", "application/json")
        return response
    }

    /// An answer of the metadata server.
    static func metadata(_ status: Int, _ text: String) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: Array(text.utf8))
        response.fields.append("Metadata-Flavor", "Google")
        return response
    }
}
