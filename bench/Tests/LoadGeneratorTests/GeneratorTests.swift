import Glibc
import LoadGenerator
import Synchronization
import Testing

/// A server of a few lines on a thread of its own: answers each request with the next of some texts.
private final class ScriptedServer: @unchecked Sendable {
    // Only the thread uses what changes; the descriptor is set before it starts.
    let port: UInt16
    private let listener: CInt
    private let answers: [String]
    private let closed = Mutex(0)

    /// Waits until it has closed a connection.
    func waitUntilClosed() {
        while closed.withLock({ $0 }) == 0 { usleep(1_000) }
    }

    init(answers: [String]) throws {
        self.answers = answers
        listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isBound)
        port = UInt16(bigEndian: address.sin_port)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ScriptedServer>.fromOpaque(argument).takeRetainedValue().serve()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        try #require(failure == 0)
        pthread_detach(thread)
    }

    /// Serves one connection after the other until all answers were given. An empty answer closes, one that
    /// contains "close" does so afterwards, and one with "X-Late" takes its time.
    private func serve() {
        var left = answers[...]
        while !left.isEmpty {
            let connection = accept(listener, nil, nil)
            if connection < 0 { break }
            var piece = [UInt8](repeating: 0, count: 4_096)
            while let answer = left.first, recv(connection, &piece, piece.count, 0) > 0 {
                left = left.dropFirst()
                if answer.isEmpty { break }
                if answer.contains("X-Late") { usleep(400_000) }
                _ = send(connection, answer, answer.utf8.count, CInt(MSG_NOSIGNAL))
                if answer.contains("close") { break }
            }
            close(connection)
            closed.withLock { $0 += 1 }
        }
        close(listener)
    }
}

@Suite("The generator")
struct GeneratorTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    private static let refusal = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    private static let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    private func run(_ answers: [String], _ events: Int) throws -> LoadResult {
        let server = try ScriptedServer(answers: answers)
        let source = ListedRequests([Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)])
        var load = Load(.closed(concurrency: 1), seconds: 20, eventsMax: events)
        load.isFailureExpected = true
        load.failuresInARowMax = 3
        return try Generator(port: server.port, source: source).run(load)
    }

    @Test("every answer counts: the right ones as events, the others by what they were")
    func counts() throws {
        let result = try run([Self.ok, Self.refusal, Self.ok, Self.ok], 4)
        #expect(result.events == 3)
        #expect(result.refusals.count == 1)
        #expect(result.errors == ["status 503": 1])
        #expect(result.sent == 4)
    }

    @Test("a connection that the server ends is opened anew, and a request without an answer is an error")
    func reconnects() throws {
        let result = try run([Self.ok, Self.last, Self.ok, "", Self.ok], 5)
        #expect(result.events == 4)
        #expect(result.errors.values.reduce(0, +) == 1)
        #expect(result.sent == 5)
    }

    @Test("an answer without a length ends with its connection, as those of HTTP/1.0 do")
    func endsWithConnection() throws {
        let old = "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nall of it"
        let result = try run([old, old, old], 3)
        #expect(result.events == 3)
        #expect(result.errors.isEmpty)
    }

    @Test("a connection that the server closes between two loads is opened anew, and is no error")
    func closedBetweenLoads() throws {
        let kept = "HTTP/1.1 200 OK\r\nX-Note: close\r\nContent-Length: 0\r\n\r\n"
        let server = try ScriptedServer(answers: [kept, Self.ok])
        let source = ListedRequests([Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)])
        let generator = try Generator(port: server.port, source: source)
        let first = try generator.run(Load(.closed(concurrency: 1), seconds: 20, eventsMax: 1))
        server.waitUntilClosed()
        let second = try generator.run(Load(.closed(concurrency: 1), seconds: 20, eventsMax: 1))
        #expect(first.errors.isEmpty && second.errors.isEmpty)
    }

    @Test("requests that were due before the end of an open loop are sent and counted, however late")
    func dueBeforeTheEnd() throws {
        let late = "HTTP/1.1 200 OK\r\nX-Late: yes\r\nContent-Length: 0\r\n\r\n"
        // The first answer is late; what was due meanwhile has one connection, and is sent after the end.
        let server = try ScriptedServer(answers: [late] + [String](repeating: Self.ok, count: 9))
        let source = ListedRequests([Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)])
        let load = Load(.open(perSecond: 50, connectionsMax: 1), seconds: 0.2)
        let result = try Generator(port: server.port, source: source).run(load)
        #expect(result.errors.isEmpty)
        #expect(result.events == 10)
        #expect(result.latency.milliseconds(50) > 200)
    }

    @Test("a closed loop goes on past its time until it has sent its least number")
    func leastNumber() throws {
        let server = try ScriptedServer(answers: [String](repeating: Self.ok, count: 9))
        let source = ListedRequests([Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)])
        let load = Load(.closed(concurrency: 1), seconds: 0, eventsMin: 4)
        let result = try Generator(port: server.port, source: source).run(load)
        #expect(result.events == 4 && result.sent == 4)
    }

    @Test("a server that is gone ends the load")
    func gone() throws {
        let result = try run([Self.ok], 50)
        #expect(result.events == 1)
        #expect(result.sent < 50)
    }
}
