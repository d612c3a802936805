import Glibc
import Testing

@testable import Net

extension SocketTests {
    @Suite("A kept connection of the client")
    struct HTTPClientReuseTests {
        /// How a server ends a connection that idled.
        enum Ending: String, CaseIterable, Sendable {
            case closesWhileIdle, closesWhenTheRequestCame, resetsWhenTheRequestCame, resetsWhileIdle
        }

        @Test(
            "that turns out to be closed costs one more connection, not the request",
            arguments: Ending.allCases)
        func stale(_ ending: Ending) async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in
                    guard peer.number == 0 else { return await echoTarget(peer) }
                    _ = await peer.readRequest()
                    await peer.send(answer("first"))
                    switch ending {
                    case .closesWhileIdle: break
                    case .resetsWhileIdle: peer.reset()
                    case .closesWhenTheRequestCame: _ = await peer.readRequest()
                    case .resetsWhenTheRequestCame:
                        _ = await peer.readRequest()
                        peer.reset()
                    }
                }
                let client = HTTPClient()
                #expect(await client.outcome(of: .get("/1"), to: server.origin()).summary == "200 first")
                let second = await client.outcome(of: .get("/2"), to: server.origin())
                #expect(second.summary == "200 you asked for /2")
                #expect(client.connectionsOpened == 2)
                client.forget(server.origin())
                await server.close()
            }
        }

        @Test("leaves time until the answer comes: for work that is begun once the request is on its way")
        func meanwhile() async throws {
            try await onLoop {
                let begun = Gate()
                let server = try ScriptedServer { peer in
                    while await peer.readRequest() != nil {
                        let isBegun = await begun.wait(until: .after(milliseconds: 2_000))
                        await peer.send(answer(isBegun ? "begun" : "not begun"))
                    }
                }
                let client = HTTPClient()
                var times = 0
                @EventLoopActor
                func send(to origin: Origin) async -> String {
                    do throws(HTTPClientError) {
                        let response = try await client.send(
                            .get, to: origin, deadline: .after(milliseconds: 5_000)
                        ) {
                            times += 1
                            begun.open()
                        }
                        return String(decoding: response.body, as: UTF8.self)
                    } catch {
                        return error.description
                    }
                }
                let origin = server.origin()
                #expect(await send(to: origin) == "begun" && times == 1)
                #expect(await send(to: origin) == "begun" && times == 2)
                client.forget(origin)
                await server.close()
                #expect(
                    await send(to: origin) == HTTPClientError.notConnected(.connectionRefused).description)
                #expect(times == 2, "no request, no work")
            }
        }

        @Test("that fails without a byte is replaced once, not twice", arguments: [false, true])
        func onlyOnce(resets: Bool) async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    if peer.number == 0 {
                        await peer.send(answer("first"))
                        _ = await peer.readRequest()
                    }
                    if resets { peer.reset() }
                }
                let client = HTTPClient()
                #expect(await client.outcome(to: server.origin()).summary == "200 first")
                #expect(await client.outcome(to: server.origin()).error == .connectionLost)
                await server.close()
                #expect(server.peers.count == 2)
            }
        }

        @Test("is the only one that is replaced: a new one that fails is an error", arguments: [false, true])
        func neverForAFreshOne(resets: Bool) async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    if resets { peer.reset() }
                }
                #expect(await HTTPClient().outcome(to: server.origin()).error == .connectionLost)
                await server.close()
                #expect(server.peers.count == 1)
            }
        }

        @Test(
            "that has given a byte of an answer is not replaced",
            arguments: [
                "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
                "HTTP/1.1 100 Continue\r\n\r\n",
            ])
        func notAfterAByte(_ part: String) async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    await peer.send(answer("first"))
                    _ = await peer.readRequest()
                    await peer.send(part)
                }
                let client = HTTPClient()
                #expect(await client.outcome(to: server.origin()).summary == "200 first")
                #expect(await client.outcome(to: server.origin()).error == .connectionLost)
                await server.close()
                #expect(server.peers.count == 1)
            }
        }

        /// What a server adds to an answer, so that it would be taken for the next one's.
        enum Surplus: String, CaseIterable, Sendable {
            case aByte, anAnswer, aHead, anEmptyLine, manyAnswers

            var bytes: String {
                switch self {
                case .aByte: "x"
                case .anAnswer: answer("poison")
                case .aHead: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
                case .anEmptyLine: "\r\n"
                case .manyAnswers: String(repeating: answer("poison"), count: 3_000)
                }
            }
        }

        @Test("is not used again after bytes beyond the answer", arguments: Surplus.allCases, [false, true])
        func surplus(_ surplus: Surplus, isSecure: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: isSecure)
                let server = try ScriptedServer(tls: place.context) { peer in
                    guard peer.number == 0 else { return await echoTarget(peer) }
                    _ = await peer.readRequest()
                    // Two writes: over TLS they are two records, and the client gets them in one read.
                    await peer.send(answer("first"))
                    await peer.send(surplus.bytes)
                    await peer.readToEnd()
                }
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                #expect(await client.outcome(of: .get("/1"), to: origin).summary == "200 first")
                let second = await client.outcome(of: .get("/2"), to: origin)
                #expect(second.summary == "200 you asked for /2")
                client.forget(origin)
                await server.close()
            }
        }

        @Test("that has died in silence costs one attempt: the next one does not try its neighbours")
        func diedInSilence() async throws {
            try await onLoop {
                var first = 0
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    first += 1
                    // Three at once, so that there are three connections.
                    await eventually("three ask") { first >= 3 }
                    await peer.send(answer("\(peer.number)"))
                    // From here on it takes everything and says nothing, as a machine that has gone does.
                    await peer.readToEnd()
                }
                let (client, origin) = (HTTPClient(), server.origin())
                let pending = (0..<3).map { _ in Pending(client, .get, to: origin) }
                for each in pending { #expect(await each.outcome().error == nil) }
                let outcome = await client.outcome(to: origin, deadline: .after(milliseconds: 100))
                #expect(outcome.error == .timedOut)
                #expect(await client.outcome(to: origin).summary == "200 3")
                client.forget(origin)
                await server.close()
            }
        }

        @Test("is not used again after bytes that came while it idled", arguments: [false, true])
        func unaskedBytes(isSecure: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: isSecure)
                let server = try ScriptedServer(tls: place.context) { peer in
                    while let request = await peer.readRequest() {
                        let target = request.split(separator: " ")[1]
                        await peer.send(answer("\(peer.number) \(target)"))
                    }
                }
                // The other server's answer and the poison reach the client in one turn of the loop, in this
                // order: the next request is sent before anything else looks at the poisoned connection.
                let other = try ScriptedServer { peer in
                    while await peer.readRequest() != nil {
                        await peer.send(answer("go"))
                        for victim in server.peers { await victim.send(answer("poison")) }
                    }
                }
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                for round in 0..<20 {
                    let outcome = await client.outcome(of: .get("/\(round)"), to: origin)
                    #expect(outcome.summary == "200 \(round) /\(round)")
                    #expect(await client.outcome(to: other.origin()).summary == "200 go")
                }
                client.forget(origin)
                client.forget(other.origin())
                await server.close()
                await other.close()
            }
        }

        @Test("is closed by the client where the server says close and keeps it open")
        func serverThatDoesNotClose() async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    await peer.send(answer("last", fields: "Connection: close\r\n"))
                    await peer.readToEnd()
                }
                let client = HTTPClient()
                for _ in 0..<3 { #expect(await client.outcome(to: server.origin()).summary == "200 last") }
                await server.close()
                #expect(server.peers.count == 3)
                #expect(server.peers.allSatisfy { $0.hasEnded })
            }
        }

        @Test("is closed when it has idled long enough")
        func idleLimit() async throws {
            try await onLoop {
                let server = try ScriptedServer(script: echoTarget)
                let origin = Origin(
                    scheme: .http, host: "127.0.0.1", port: server.port, idleMilliseconds: 20)
                let client = HTTPClient()
                #expect(await client.outcome(to: origin).error == nil)
                await server.close()
                #expect(server.peers.allSatisfy { $0.hasEnded })
            }
        }

        @Test("is closed when it has idled long enough, though another that may idle longer idled first")
        func idleLimits() async throws {
            try await onLoop {
                let server = try ScriptedServer(script: echoTarget)
                let (long, short) = (try ScriptedServer(script: echoTarget), server.port)
                let client = HTTPClient()
                #expect(await client.outcome(to: long.origin()).error == nil)
                let origin = Origin(scheme: .http, host: "127.0.0.1", port: short, idleMilliseconds: 20)
                #expect(await client.outcome(to: origin).error == nil)
                await server.close()
                #expect(server.peers.allSatisfy { $0.hasEnded })
                client.forget(long.origin())
                await long.close()
            }
        }

        @Test("is had by requests to more origins than are remembered")
        func manyOrigins() async throws {
            try await onLoop {
                let hosts = (0..<70).map { "host-\($0).test" }
                let known = Dictionary(uniqueKeysWithValues: hosts.map { ($0, ["127.0.0.1"]) })
                let client = HTTPClient(resolver: Resolver(known: known))
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    await peer.send(answer("\(peer.number)", fields: "Connection: close\r\n"))
                    await peer.readToEnd()
                }
                for round in 0..<2 {
                    for (number, host) in hosts.enumerated() {
                        let summary = await client.outcome(to: server.origin(host: host)).summary
                        #expect(summary == "200 \(round * hosts.count + number)")
                    }
                }
                await server.close()
            }
        }

        @Test("sends small messages at once, and ends where nobody acknowledges what it sent")
        func options() async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in await peer.readToEnd() }
                let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.port))
                let stream = try await ByteStream.connect(to: address, deadline: .patient)
                await eventually("the server has the connection") { server.peers.count == 1 }
                for (raw, milliseconds) in [(stream.raw, 20_000), (server.peers[0].stream.raw, 40_000)] {
                    for (option, expected) in [(TCP_NODELAY, 1), (TCP_USER_TIMEOUT, CInt(milliseconds))] {
                        var value: CInt = 0
                        var length = socklen_t(MemoryLayout<CInt>.size)
                        #expect(getsockopt(raw, CInt(IPPROTO_TCP), option, &value, &length) == 0)
                        #expect(value == expected)
                    }
                }
                // A client that reads nothing meets the ceiling that says so, and not the kernel's.
                #expect(Limits.clientUnacknowledgedMilliseconds > Limits.answerTimeoutMilliseconds)
                stream.close()
                await server.close()
            }
        }

        @Test("is prepared ahead and then used")
        func prepared() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let server = try ScriptedServer(tls: place.context, script: echoTarget)
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                await client.prepareConnection(to: origin, deadline: .patient)
                await client.prepareConnection(to: origin, deadline: .patient)
                #expect(client.connectionsOpened == 1)
                for target in ["/1", "/2"] {
                    let outcome = await client.outcome(of: .get(target), to: origin)
                    #expect(outcome.summary == "200 you asked for \(target)")
                }
                client.forget(origin)
                await server.close()
                #expect(server.peers.count == 1)
            }
        }

        @Test("that was prepared ahead and is closed meanwhile is replaced, as any that idled")
        func preparedAndClosed() async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in
                    if peer.number > 0 { return await echoTarget(peer) }
                    _ = await peer.readRequest()  // It crosses the end of the connection.
                }
                let client = HTTPClient()
                await client.prepareConnection(to: server.origin(), deadline: .patient)
                #expect(await client.outcome(to: server.origin()).summary == "200 you asked for /")
                client.forget(server.origin())
                await server.close()
                #expect(server.peers.count == 2)
            }
        }

        @Test("is prepared to the end of its handshake, though nobody uses it")
        func preparedAndUnused() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let isUp = Gate()
                let server = try ScriptedServer(tls: place.context) { peer in
                    isUp.open()  // The server's handshake is done when it has the client's last message.
                    await peer.readToEnd()
                }
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                await client.prepareConnection(to: origin, deadline: .patient)
                #expect(await isUp.wait(until: .patient))
                client.forget(origin)
                await server.close()
            }
        }

        @Test("of a forgotten origin ends with the request that is on it")
        func forgotten() async throws {
            try await onLoop {
                let (asked, release) = (Gate(), Gate())
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    asked.open()
                    _ = await release.wait(until: .patient)
                    await peer.send(answer("late"))
                    await peer.readToEnd()
                }
                let client = HTTPClient()
                let pending = Pending(client, .get, to: server.origin())
                #expect(await asked.wait(until: .patient))
                client.forget(server.origin())
                release.open()
                #expect(await pending.outcome().summary == "200 late")
                await server.close()
                #expect(server.peers.allSatisfy { $0.hasEnded })
            }
        }
    }
}

/// Where a test's server is reached: in clear, or over TLS with an authority of its own.
@EventLoopActor
struct Place {
    let context: TLSPeerContext?
    private let trust: TrustAnchors

    init(isSecure: Bool) throws {
        guard isSecure else {
            context = nil
            trust = .system
            return
        }
        let presented = try CertificateCase.plain()
        context = TLSPeerContext(presented)
        trust = .certificateAuthority(CertificateAuthority(pem: presented.anchors))
    }

    func origin(of server: ScriptedServer, host: String = "127.0.0.1") -> Origin {
        server.origin(host: host, scheme: context == nil ? .http : .https, trust: trust)
    }
}

/// A request on its way, while the test does something else.
@EventLoopActor
final class Pending {
    private let done = Gate()
    private var result: Result<HTTPResponse, HTTPClientError>?

    init(
        _ client: HTTPClient, _ request: HTTPRequest, to origin: Origin, deadline: Deadline = .patient
    ) {
        EventLoop.shared.start { [self] in
            result = await client.outcome(of: request, to: origin, deadline: deadline)
            done.open()
        }
    }

    func outcome() async -> Result<HTTPResponse, HTTPClientError> {
        _ = await done.wait(until: .patient)
        return result ?? .failure(.timedOut)
    }
}
