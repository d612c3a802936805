import LocalCloud
import TestSupport
import Testing

@testable import Net

/// Answers with the body it got.
@EventLoopActor
private final class EchoHandler: Handler {
    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        HTTPResponse(status: 200, body: request.body)
    }
}

/// A server whose connections wait without a task.
private typealias Parking = RunningServer<EchoHandler>

/// What makes a connection wait without a task.
private enum ParkingReason: CaseIterable, Sendable {
    /// As many wait with one as may.
    case tooMany
    /// It has had one for long enough.
    case longIdle
}

extension RunningServer<EchoHandler> {
    fileprivate convenience init(
        _ reason: ParkingReason? = nil, tls: TLSServerContext? = nil, limits: ServerLimits = ServerLimits()
    ) throws {
        var limits = limits
        switch reason {
        case .tooMany: limits.tasksReadingMax = 0
        case .longIdle: limits.parkAfterMilliseconds = 1
        case nil: break
        }
        try self.init(EchoHandler(), tls: tls, limits: limits)
    }

    /// Waits until so many connections are open, and all of them wait without a task.
    fileprivate func waitUntilParked(_ count: Int) async {
        await eventually("\(count) wait without a task") {
            server.parkedConnectionCount == count && server.connectionCount == count
        }
    }
}

extension Peer {
    /// The body of the next answer; nil when the connection ended instead.
    fileprivate func readBody() async -> String? {
        guard let answer = await readRequest(),
            let blank = Array(answer.utf8).firstRange(of: Array("\r\n\r\n".utf8))
        else { return nil }
        return text(Array(answer.utf8)[blank.upperBound...])
    }
}

extension SocketTests {
    @Suite("A connection that waits without a task")
    struct HTTPServerParkingTests {
        @Test("answers its next requests", arguments: ParkingReason.allCases)
        fileprivate func nextRequest(_ reason: ParkingReason) async throws {
            try await onLoop {
                let parking = try Parking(reason)
                let peer = try await parking.connect()
                for number in 0..<5 {
                    await parking.waitUntilParked(1)
                    await peer.send(post("\(number)"))
                    #expect(await peer.readBody() == "\(number)")
                }
                peer.close()
                await parking.waitUntilParked(0)
                await parking.stop()
            }
        }

        @Test("goes on with a request wherever it was cut", arguments: ParkingReason.allCases)
        fileprivate func cutRequest(_ reason: ParkingReason) async throws {
            try await onLoop {
                let parking = try Parking(reason)
                let peer = try await parking.connect()
                let request = Array(post("hello").utf8)
                for count in 1..<request.count {
                    await peer.send(Array(request.prefix(count)))
                    await parking.waitUntilParked(1)
                    await peer.send(Array(request.dropFirst(count)))
                    #expect(await peer.readBody() == "hello", "cut at \(count)")
                }
                peer.close()
                await parking.stop()
            }
        }

        @Test("loses no byte of requests that come while it begins or ends to wait")
        func pipelined() async throws {
            try await onLoop {
                let parking = try Parking(.tooMany)
                let peer = try await parking.connect()
                let bodies = (0..<300).map { String(repeating: "x", count: $0) }
                let bytes = Array(bodies.map(post).joined().utf8)
                EventLoop.shared.start {
                    var generator = SeededGenerator(seed: 1)
                    var at = 0
                    while at < bytes.count {
                        let count = min(.random(in: 1...400, using: &generator), bytes.count - at)
                        await peer.send(Array(bytes[at..<at + count]))
                        at += count
                        if Bool.random(using: &generator) {
                            await EventLoop.shared.sleep(until: .after(milliseconds: 0))
                        }
                    }
                }
                for body in bodies { #expect(await peer.readBody() == body) }
                peer.close()
                await parking.stop()
            }
        }

        @Test("is closed when its time is over, and told so when it had begun a request")
        func timeOut() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.headTimeoutMilliseconds = 30
                limits.idleTimeoutMilliseconds = 30
                limits.bodyTimeoutMilliseconds = 30
                let parking = try Parking(.tooMany, limits: limits)
                let halves = ["", get, "GET / HT", String(post("hello").dropLast())]
                for (sent, answers) in zip(halves, [[nil], ["200", nil], ["408", nil], ["408", nil]]) {
                    let peer = try await parking.connect()
                    await peer.send(sent)
                    for answer in answers { #expect(await peer.readStatus() == answer, "after \(sent)") }
                    peer.close()
                }
                await parking.waitUntilParked(0)
                await parking.stop()
            }
        }

        @Test("is forgotten when its peer resets or closes it", arguments: [true, false])
        func gone(_ resets: Bool) async throws {
            try await onLoop {
                let parking = try Parking(.tooMany)
                var peers: [Peer] = []
                for sent in ["", get, "GET / HT", String(post("hello").dropLast())] {
                    let peer = try await parking.connect()
                    await peer.send(sent)
                    if sent == get { #expect(await peer.readStatus() == "200") }
                    peers.append(peer)
                }
                await parking.waitUntilParked(peers.count)
                for peer in peers { resets ? peer.reset() : peer.close() }
                await parking.waitUntilParked(0)
                await parking.stop()
            }
        }

        @Test("is closed after the grace when the server is stopped, if it stays silent")
        func silentAtTheEnd() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.drainGraceMilliseconds = 20
                let parking = try Parking(.tooMany, limits: limits)
                let (used, unused) = (try await parking.connect(), try await parking.connect())
                await used.send(get)
                #expect(await used.readStatus() == "200")
                await parking.waitUntilParked(2)
                await parking.stop()
                await used.readToEnd()
                await unused.readToEnd()
                #expect(unused.received.isEmpty)
            }
        }

        @Test(
            "that is gone keeps nobody: a server without connections ends without a grace",
            .timeLimit(.minutes(1)))
        func nobodyAtTheEnd() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.drainGraceMilliseconds = 86_400_000
                let parking = try Parking(.tooMany, limits: limits)
                let peer = try await parking.connect()
                await parking.waitUntilParked(1)
                peer.close()
                await parking.waitUntilParked(0)
                await parking.stop()
                #expect(parking.server.connectionCount == 0)
            }
        }

        @Test("is answered 503 within the grace when the server is stopped, also what it had begun")
        func requestAtTheEnd() async throws {
            try await onLoop {
                let parking = try Parking(.tooMany)
                let (idle, half) = (try await parking.connect(), try await parking.connect())
                await half.send(String(post("hello").dropLast()))
                await parking.waitUntilParked(2)
                parking.server.stop()
                await idle.send(get)
                await half.send("o")
                for peer in [idle, half] {
                    #expect(await peer.readStatus() == "503")
                    await peer.readToEnd()
                    peer.close()
                }
                await parking.stop()
            }
        }

        @Test("is answered 503 at the end of the drain when the rest of its request does not come")
        func halfAtTheEnd() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.drainTimeoutMilliseconds = 60
                limits.drainGraceMilliseconds = 10
                let parking = try Parking(.tooMany, limits: limits)
                let half = try await parking.connect()
                await half.send("GET / HT")
                await parking.waitUntilParked(1)
                await parking.stop()
                #expect(await half.readStatus() == "503")
                await half.readToEnd()
            }
        }

        @Test("gives the bytes of its request back when the server ends")
        func budget() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.drainTimeoutMilliseconds = 30
                limits.drainGraceMilliseconds = 1
                let parking = try Parking(.tooMany, limits: limits)
                let half = try await parking.connect()
                let request = String(post("hello").dropLast())
                await half.send(request)
                await parking.waitUntilParked(1)
                #expect(parking.server.requestBytesHeld == request.utf8.count)
                await parking.stop()
                #expect(parking.server.requestBytesHeld == 0)
                half.close()
            }
        }

        @Test("over TLS answers its next request")
        func tls() async throws {
            try await onLoop {
                let presented = try CertificateCase.plain()
                let tls = try #require(
                    TLSServerContext(
                        certificateChainPEM: presented.identity.chainPEM,
                        privateKeyPEM: presented.identity.keyPEM))
                let parking = try Parking(.tooMany, tls: tls)
                let trust = TrustAnchors.certificateAuthority(CertificateAuthority(pem: presented.anchors))
                let origin = Origin(
                    scheme: .https, host: "127.0.0.1", port: parking.server.port, trust: trust)
                let client = HTTPClient()
                for size in [1, 100_000, 3] {
                    let body = [UInt8](repeating: 0x61, count: size)
                    let response = try await client.outcome(of: .post(body), to: origin).get()
                    #expect(response.body.count == size)
                    await parking.waitUntilParked(1)
                }
                #expect(client.connectionsOpened == 1)
                client.forget(origin)
                await parking.stop()
            }
        }

        @Test("A busy connection keeps its task, so many as may")
        func busy() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.tasksReadingMax = 2
                limits.parkAfterMilliseconds = patienceMilliseconds
                let parking = try Parking(limits: limits)
                var peers: [Peer] = []
                for _ in 0..<5 {
                    let peer = try await parking.connect()
                    await peer.send(get)
                    #expect(await peer.readStatus() == "200")
                    peers.append(peer)
                }
                #expect(parking.server.parkedConnectionCount == 3)
                peers.forEach { $0.close() }
                await parking.waitUntilParked(0)
                await parking.stop()
            }
        }
    }
}
