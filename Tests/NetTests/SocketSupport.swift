import Glibc
import Testing

@testable import Net

/// Every test that opens sockets, one after the other: they count connections and descriptors.
@Suite("Sockets", .serialized)
enum SocketTests {}

/// How long a test waits for what must happen. It bounds a failing run; nothing is measured by it.
let patienceMilliseconds: UInt64 = 60_000

extension Deadline {
    /// Far enough away for what must happen.
    static var patient: Deadline { .after(milliseconds: patienceMilliseconds) }
}

/// The server's end of one connection, as a script sees it.
@EventLoopActor
final class Peer {
    let stream: ByteStream
    /// Counted from 0, in the order of acceptance.
    let number: Int
    /// Every byte of the application that has come, decrypted.
    private(set) var received: [UInt8] = []
    /// The client has ended its side, or the connection is broken.
    private(set) var hasEnded = false
    private var consumed = 0

    init(stream: ByteStream, number: Int) {
        self.stream = stream
        self.number = number
    }

    private struct Collector: ByteReceiver {
        var bytes: [UInt8] = []
        var hasEnded = false
        mutating func receive(_ new: Span<UInt8>) {
            new.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        }
        mutating func receiveEnd() { hasEnded = true }
    }

    /// Takes the next bytes, or the end.
    func readMore() async {
        var collector = Collector()
        do throws(StreamError) {
            try await stream.read(into: &collector, deadline: .patient)
        } catch {
            if error == .timedOut { Issue.record("neither bytes nor an end in time") }
            collector.hasEnded = true
        }
        received += collector.bytes
        if collector.hasEnded { hasEnded = true }
    }

    /// The next request, head and body; nil when the client ended before it was complete.
    func readRequest() async -> String? {
        while true {
            if let end = requestEnd() {
                defer { consumed = end }
                return text(received[consumed..<end])
            }
            if hasEnded { return nil }
            await readMore()
        }
    }

    private func requestEnd() -> Int? {
        guard let blank = received[consumed...].firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        var length = 0
        for line in text(received[consumed..<blank.lowerBound]).lowercased().split(separator: "\r\n")
        where line.hasPrefix("content-length: ") {
            length = Int(line.dropFirst(16)) ?? 0
        }
        let end = blank.upperBound + length
        return end <= received.count ? end : nil
    }

    /// Reads until the client ends.
    func readToEnd() async {
        while !hasEnded { await readMore() }
    }

    func send(_ answer: String) async {
        await send(Array(answer.utf8))
    }

    /// Writes all of it; a client that has gone is what many tests are about.
    func send(_ bytes: [UInt8]) async {
        do throws(StreamError) {
            try await stream.write(bytes, deadline: .patient)
        } catch {
            hasEnded = true
        }
    }

    func close() { stream.close() }
    func reset() { stream.reset() }
}

/// A server that does on each connection what a script says: for everything that a good server does not do.
@EventLoopActor
final class ScriptedServer {
    typealias Script = @EventLoopActor (Peer) async -> Void

    let port: UInt16
    private(set) var peers: [Peer] = []
    /// TLS handshakes that failed, with their reasons.
    private(set) var failedHandshakes: [String] = []
    /// What it speaks TLS with; may be replaced between connections.
    var tls: TLSPeerContext?
    private var listener: Listener?
    private let script: Script
    private var running = 0
    private let ended = Gate()

    init(
        tls: TLSPeerContext? = nil, address: String = "127.0.0.1", port: UInt16 = 0,
        script: @escaping Script
    ) throws {
        self.tls = tls
        self.script = script
        let literal = try #require(SocketAddress(literal: address, port: port))
        let listener = try Listener(on: literal)
        self.listener = listener
        self.port = listener.port
        running = 1
        EventLoop.shared.start { [self] in
            await accept(from: listener)
            finished()
        }
    }

    private func accept(from listener: Listener) async {
        while self.listener != nil {
            await listener.waitForConnection()
            while self.listener != nil, let raw = try? listener.accept(),
                let stream = try? ByteStream(owning: FileDescriptor(owning: raw))
            {
                let peer = Peer(stream: stream, number: peers.count)
                peers.append(peer)
                running += 1
                EventLoop.shared.start { [self] in
                    await serve(peer)
                    finished()
                }
            }
        }
    }

    private func serve(_ peer: Peer) async {
        if let tls {
            do throws(StreamError) {
                try await tls.start(on: peer.stream)
            } catch {
                failedHandshakes.append("\(error)")
                peer.close()
                return
            }
        }
        await script(peer)
        peer.close()
    }

    private func finished() {
        running -= 1
        if running == 0 { ended.open() }
    }

    /// Stops accepting, and waits until every script is done: clients must have closed by then.
    func close() async {
        let closing = listener
        listener = nil
        closing?.wake()
        let isOver = await ended.wait(until: .patient)
        #expect(isOver, "a connection's script does not end: its client keeps the connection open")
    }

    func origin(
        host: String = "127.0.0.1", scheme: Origin.Scheme = .http, trust: TrustAnchors = .system
    ) -> Origin {
        Origin(scheme: scheme, host: host, port: port, trust: trust)
    }
}

/// Waits until `condition` holds, and for no longer than a test may take.
@EventLoopActor
func eventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) async {
    let deadline = Deadline.patient
    while !condition() {
        if deadline.hasPassed {
            Issue.record("not in time: \(what)", sourceLocation: sourceLocation)
            return
        }
        await EventLoop.shared.sleep(until: .after(milliseconds: 1))
    }
}

/// A server under test, and what a client of it needs.
@EventLoopActor
final class RunningServer<Served: Handler> {
    let server: HTTPServer
    let handler: Served
    private let ended = Gate()

    init(
        _ handler: Served, tls: TLSServerContext? = nil, isForFew: Bool = false,
        limits: ServerLimits = ServerLimits()
    ) throws {
        self.handler = handler
        server = HTTPServer(
            handler: handler,
            configuration: .init(host: "127.0.0.1", port: 0, tls: tls, isForFew: isForFew), limits: limits)
        try server.listen()
        EventLoop.shared.start { [self] in
            await server.run()
            ended.open()
        }
    }

    /// A raw connection to it.
    func connect() async throws -> Peer {
        let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.port))
        return Peer(stream: try await ByteStream.connect(to: address, deadline: .patient), number: 0)
    }

    func waitUntilEnded() async {
        #expect(await ended.wait(until: .patient), "run() does not return")
    }

    func stop() async {
        server.stop()
        await waitUntilEnded()
        #expect(server.connectionCount == 0)
    }
}

extension HTTPClient {
    /// Sends, and gives what became of it.
    func outcome(
        of request: HTTPRequest = .get, to origin: Origin, deadline: Deadline? = nil
    ) async -> Result<HTTPResponse, HTTPClientError> {
        do throws(HTTPClientError) {
            return .success(try await send(request, to: origin, deadline: deadline ?? .patient))
        } catch {
            return .failure(error)
        }
    }
}

extension Result where Success == HTTPResponse, Failure == HTTPClientError {
    /// The status and body, or the error.
    var summary: String {
        switch self {
        case .success(let response): "\(response.status) \(text(response.body))"
        case .failure(let error): "\(error)"
        }
    }

    var error: HTTPClientError? {
        if case .failure(let error) = self { return error }
        return nil
    }
}

extension HTTPRequest {
    static var get: HTTPRequest { HTTPRequest(method: .get, target: Array("/".utf8)) }

    static func get(_ target: String) -> HTTPRequest { HTTPRequest(method: .get, target: Array(target.utf8)) }

    static func post(_ body: [UInt8]) -> HTTPRequest {
        HTTPRequest(method: .post, target: Array("/".utf8), body: body)
    }
}

/// Requests as they go over the wire.
let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func post(_ body: String) -> String {
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

/// An answer with a Content-Length.
func answer(_ body: String, status: String = "200 OK", fields: String = "") -> String {
    "HTTP/1.1 \(status)\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

/// A script that answers every request with its own request line's target.
@EventLoopActor
func echoTarget(_ peer: Peer) async {
    while let request = await peer.readRequest() {
        let target = request.split(separator: " ").dropFirst().first ?? "?"
        await peer.send(answer("you asked for \(target)"))
    }
}

extension Collection<UInt8> {
    /// Where `needle` stands first.
    func firstRange(of needle: [UInt8]) -> Range<Index>? {
        var start = startIndex
        while start != endIndex {
            var (at, matched) = (start, 0)
            while matched < needle.count, at != endIndex, self[at] == needle[matched] {
                at = index(after: at)
                matched += 1
            }
            if matched == needle.count { return start..<at }
            start = index(after: start)
        }
        return nil
    }
}

/// How many descriptors the process has open.
func openDescriptorCount() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return -1 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
}
