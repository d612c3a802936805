import Glibc
import Testing

@testable import Net

/// Short, and long enough for what must happen before it on a busy machine to be of no matter: the tests ask
/// which error comes, not when.
private var soon: Deadline { .after(milliseconds: 150) }

extension SocketTests {
    @Suite("The client's deadline")
    struct HTTPClientDeadlineTests {
        @Test("passes while the connection is awaited: a listener whose queue is full")
        func blackHole() async throws {
            try await onLoop {
                let hole = try BlackHole(address: "127.0.0.1")
                let origin = Origin(scheme: .http, host: "127.0.0.1", port: hole.port)
                #expect(await HTTPClient().outcome(to: origin, deadline: soon).error == .connectTimedOut)
            }
        }

        @Test("passes during the TLS handshake, wherever the server stops", arguments: [0, 1])
        func handshake(_ reads: Int) async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in
                    for _ in 0..<reads { await peer.readMore() }
                    await peer.readToEnd()
                }
                let origin = server.origin(scheme: .https)
                #expect(await HTTPClient().outcome(to: origin, deadline: soon).error == .connectTimedOut)
                await server.close()
            }
        }

        @Test("leaves a connection that does not stand a part of itself, and time for another attempt")
        func connecting() async throws {
            try await onLoop {
                let hole = try BlackHole(address: "127.0.0.1")
                let origin = Origin(scheme: .http, host: "127.0.0.1", port: hole.port)
                let client = HTTPClient(resolver: Resolver(), connectTimeoutMilliseconds: 50)
                let deadline = Deadline.patient
                #expect(await client.outcome(to: origin, deadline: deadline).error == .connectTimedOut)
                #expect(!deadline.hasPassed)
                #expect(Limits.connectTimeoutMilliseconds == 5_000)
            }
        }

        /// How far a server gets with its answer before it stalls.
        enum Stall: String, CaseIterable, Sendable {
            case beforeTheAnswer, inTheHead, afterAnInterimAnswer, inTheBody, inAChunk, beforeTheEnd

            var bytes: String {
                switch self {
                case .beforeTheAnswer: ""
                case .inTheHead: "HTTP/1.1 200 OK\r\nContent-"
                case .afterAnInterimAnswer: "HTTP/1.1 100 Continue\r\n\r\n"
                case .inTheBody: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
                case .inAChunk: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"
                case .beforeTheEnd: "HTTP/1.1 200 OK\r\n\r\nuntil the connection ends"
                }
            }
        }

        @Test("passes while the answer is awaited", arguments: Stall.allCases, [false, true])
        func answerStalls(_ stall: Stall, isSecure: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: isSecure)
                let server = try ScriptedServer(tls: place.context) { peer in
                    _ = await peer.readRequest()
                    await peer.send(stall.bytes)
                    await peer.readToEnd()
                }
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                // The connection stands before, so that the deadline can pass in one phase only.
                await client.prepareConnection(to: origin, deadline: .patient)
                #expect(await client.outcome(to: origin, deadline: soon).error == .timedOut)
                await server.close()
                #expect(server.peers.count == 1)
            }
        }

        @Test("passes while a server takes no more of the body", arguments: [false, true])
        func bodyStalls(isSecure: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: isSecure)
                let over = Gate()
                let server = try ScriptedServer(tls: place.context) { peer in
                    _ = await over.wait(until: .patient)
                    await peer.readToEnd()
                }
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                await client.prepareConnection(to: origin, deadline: .patient)
                let body = [UInt8](repeating: 0x61, count: 24_000_000)
                let outcome = await client.outcome(of: .post(body), to: origin, deadline: soon)
                #expect(outcome.error == .timedOut)
                over.open()
                await server.close()
            }
        }

        @Test("passes while all connections are in use; those that wait are served in their order")
        func ceiling() async throws {
            try await onLoop {
                let release = Gate()
                var order: [String] = []
                let server = try ScriptedServer { peer in
                    while let request = await peer.readRequest() {
                        order.append(String(request.split(separator: " ")[1]))
                        _ = await release.wait(until: .patient)
                        await peer.send(answer("done"))
                    }
                }
                let (client, origin) = (HTTPClient(), server.origin())
                let most = client.connectionsPerOriginMax
                let first = (0..<most).map { Pending(client, .get("/first-\($0)"), to: origin) }
                await eventually("every connection has its request") { order.count >= most }
                let waiting = (0..<20).map { Pending(client, .get("/\($0)"), to: origin) }
                #expect(
                    await client.outcome(of: .get("/late"), to: origin, deadline: soon).error == .timedOut)
                release.open()
                for pending in first + waiting { #expect(await pending.outcome().summary == "200 done") }
                #expect(order.dropFirst(most) == (0..<20).map { "/\($0)" }[...])
                #expect(client.connectionsOpened == most)
                client.forget(origin)
                await server.close()
            }
        }

        @Test(
            "that passes in the turn in which a connection becomes free leaves it to others, and sends nothing"
        )
        func servedTooLate() async throws {
            try await onLoop {
                let release = Gate()
                var targets: [String] = []
                let server = try ScriptedServer { peer in
                    while let request = await peer.readRequest() {
                        targets.append(String(request.split(separator: " ")[1]))
                        _ = await release.wait(until: .patient)
                        await peer.send(answer("done"))
                    }
                }
                let (client, origin) = (HTTPClient(), server.origin())
                let most = client.connectionsPerOriginMax
                let first = (0..<most).map { Pending(client, .get("/\($0)"), to: origin) }
                await eventually("every connection has its request") { targets.count == most }
                let deadline = Deadline.after(milliseconds: 50)
                let late = Pending(client, .get("/late"), to: origin, deadline: deadline)
                release.open()
                for _ in 0..<20 { await Task.yield() }
                // The answers are there; the loop sees them together with the deadline.
                while EventLoop.monotonicNanoseconds < deadline.nanoseconds {}
                #expect(await late.outcome().error == .timedOut)
                for pending in first { #expect(await pending.outcome().summary == "200 done") }
                #expect(await client.outcome(of: .get("/next"), to: origin).summary == "200 done")
                #expect(!targets.contains("/late"))
                #expect(client.connectionsOpened == most && server.peers.count { $0.hasEnded } == 0)
                client.forget(origin)
                await server.close()
            }
        }

        @Test("A port where nobody listens refuses at once")
        func refused() async throws {
            try await onLoop {
                let server = try ScriptedServer { _ in }
                await server.close()
                for scheme in [Origin.Scheme.http, .https] {
                    let error = await HTTPClient().outcome(to: server.origin(scheme: scheme)).error
                    // Reset, where the kernel had the connection before the listener was closed.
                    let expected = [ECONNREFUSED, ECONNRESET].map { HTTPClientError.notConnected(Errno($0)) }
                    #expect(error.map(expected.contains) == true)
                }
            }
        }

        @Test("A name without an address is not resolved")
        func notResolved() async throws {
            try await onLoop {
                let client = HTTPClient(resolver: Resolver(known: ["none.test": []]))
                let origin = Origin(scheme: .http, host: "none.test", port: 80)
                #expect(await client.outcome(to: origin).error == .notResolved)
            }
        }
    }

    @Suite("A host with several addresses")
    struct AddressesTests {
        @Test(
            "is reached by the first that answers",
            arguments: [
                ["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"],
                ["127.0.0.4", "127.0.0.5", "127.0.0.1"],
            ])
        func several(_ addresses: [String]) async throws {
            try await onLoop {
                let server = try ScriptedServer(script: echoTarget)
                let client = HTTPClient(resolver: Resolver(known: ["good.test": addresses]))
                let origin = server.origin(host: "good.test")
                #expect(await client.outcome(to: origin).summary == "200 you asked for /")
                client.forget(origin)
                await server.close()
            }
        }

        @Test("is reached by IPv6 where IPv4 refuses, as localhost is")
        func bothFamilies() async throws {
            try await onLoop {
                guard let server = try? ScriptedServer(address: "::1", script: echoTarget) else {
                    return print("skipped: this machine has no IPv6 loopback")
                }
                let hosts = ["good.test": ["127.0.0.1", "::1"]]
                let client = HTTPClient(resolver: Resolver(known: hosts))
                #expect(await client.outcome(to: server.origin(host: "good.test")).error == nil)
                client.forget(server.origin(host: "good.test"))
                let resolved = Resolver.lookUp("localhost", port: 80, passive: false)
                if resolved.contains(where: { $0.family == AF_INET6 }) {
                    let client = HTTPClient()
                    #expect(await client.outcome(to: server.origin(host: "localhost")).error == nil)
                    client.forget(server.origin(host: "localhost"))
                } else {
                    print("skipped: localhost has no IPv6 address on this machine")
                }
                await server.close()
            }
        }

        @Test("is reached though the first does not answer, not even to TLS", arguments: [false, true])
        func stalled(inHandshake: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let good = try ScriptedServer(tls: place.context, script: echoTarget)
                let hole = inHandshake ? nil : try BlackHole(address: "127.0.0.3", port: good.port)
                let silent =
                    inHandshake
                    ? try ScriptedServer(address: "127.0.0.3", port: good.port) { await $0.readToEnd() } : nil
                let hosts = ["good.test": ["127.0.0.3", "127.0.0.1"]]
                let client = HTTPClient(resolver: Resolver(known: hosts))
                let origin = place.origin(of: good, host: "good.test")
                let outcome = await client.outcome(to: origin, deadline: .after(milliseconds: 2_000))
                #expect(outcome.summary == "200 you asked for /")
                client.forget(origin)
                await good.close()
                await silent?.close()
                withExtendedLifetime(hole) {}
            }
        }

        @Test("is not asked further when one shows a certificate that is not trusted")
        func untrusted() async throws {
            try await onLoop {
                let (place, other) = (try Place(isSecure: true), try Place(isSecure: true))
                let good = try ScriptedServer(tls: place.context, script: echoTarget)
                let bad = try ScriptedServer(
                    tls: other.context, address: "127.0.0.3", port: good.port, script: echoTarget)
                let hosts = ["good.test": ["127.0.0.3", "127.0.0.1"]]
                let client = HTTPClient(resolver: Resolver(known: hosts))
                let outcome = await client.outcome(to: place.origin(of: good, host: "good.test"))
                guard case .notVerified = outcome.error else {
                    Issue.record("\(outcome.summary)")
                    return
                }
                await good.close()
                await bad.close()
                #expect(good.peers.isEmpty)
            }
        }
    }
}

/// A listener that accepts nothing and whose queue is full: who connects hears nothing.
private final class BlackHole {
    private let descriptor: FileDescriptor
    private var fillers: [CInt] = []
    let port: UInt16

    init(address: String, port: UInt16 = 0) throws {
        descriptor = try Socket.listen(on: try #require(SocketAddress(literal: address, port: port)))
        self.port = try Socket.port(of: descriptor)
        // Again, with the shortest of queues.
        #expect(Glibc.listen(descriptor.raw, 0) == 0)
        let target = try #require(SocketAddress(literal: address, port: self.port))
        for _ in 0..<4 {
            let filler = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            _ = target.withSockaddr { connect(filler, $0, $1) }
            fillers.append(filler)
        }
    }

    deinit { for filler in fillers { close(filler) } }
}
