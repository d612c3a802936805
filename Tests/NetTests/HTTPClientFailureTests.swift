import Glibc
import Testing

@testable import Net

extension SocketTests {
    @Suite("The client and a server that fails")
    struct HTTPClientFailureTests {
        @Test(
            "An answer that comes before a large body is sent is taken", arguments: [false, true],
            [false, true])
        func earlyAnswer(isSecure: Bool, staysOpen: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: isSecure)
                let answered = Gate()
                let server = try ScriptedServer(tls: place.context) { peer in
                    while peer.received.count < 60 { await peer.readMore() }
                    await peer.send(answer("too large", status: "413 Content Too Large"))
                    // It reads no more; the client must not wait for that.
                    guard staysOpen else { return }
                    _ = await answered.wait(until: .patient)
                    await peer.readToEnd()
                }
                let body = [UInt8](repeating: 0x61, count: 24_000_000)
                let client = HTTPClient()
                for _ in 0..<3 {
                    let outcome = await client.outcome(of: .post(body), to: place.origin(of: server))
                    #expect(outcome.summary == "413 too large")
                }
                answered.open()
                await server.close()
                #expect(server.peers.count == 3)
                #expect(server.peers.allSatisfy { $0.received.count < body.count })
            }
        }

        @Test("Interim answers are skipped up to their ceiling; a flood of them is cut off")
        func interimAnswers() async throws {
            try await onLoop {
                let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                let server = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    switch peer.number {
                    case 0:
                        await peer.send(String(repeating: interim, count: 8) + answer("at last"))
                        await peer.readToEnd()
                    case 1:
                        await peer.send(String(repeating: interim, count: 9) + answer("too late"))
                        await peer.readToEnd()
                    default:
                        let flood = String(repeating: interim, count: 1_000)
                        for _ in 0..<1_000 where !peer.hasEnded { await peer.send(flood) }
                    }
                }
                let client = HTTPClient()
                #expect(await client.outcome(to: server.origin()).summary == "200 at last")
                client.forget(server.origin())
                for _ in 0..<2 {
                    guard case .malformedAnswer = await client.outcome(to: server.origin()).error else {
                        Issue.record("more than eight interim answers were taken")
                        continue
                    }
                }
                await server.close()
                #expect(server.peers.allSatisfy { $0.hasEnded })
            }
        }

        @Test("A peer that updates its TLS keys without end is given up before its wishes pile up")
        func keyUpdates() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let context = try #require(place.context)
                let batchesMax = 800
                var batches = 0
                let server = try ScriptedServer(tls: context) { peer in
                    _ = await peer.readRequest()
                    while !peer.hasEnded, batches < batchesMax {
                        batches += 1
                        for _ in 0..<50 { context.updateKeys() }
                        await peer.send([])
                        await EventLoop.shared.sleep(until: .after(milliseconds: 1))
                    }
                }
                let outcome = await HTTPClient().outcome(to: place.origin(of: server))
                #expect(outcome.error == .connectionLost)
                await server.close()
                #expect(batches < batchesMax, "it would have gone on")
            }
        }

        @Test("What TLS has to say to a peer that sends on and on is offered to it, not kept until a request")
        func keyUpdatesBetweenBytes() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let context = try #require(place.context)
                let server = try ScriptedServer(tls: context) { peer in
                    _ = await peer.readRequest()
                    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
                    for _ in 0..<199 {
                        context.updateKeys()
                        await peer.send("x")
                    }
                    await eventually("the answers to its wishes come") { peer.stream.hasUnreadBytes }
                    await peer.send("x")
                }
                let client = HTTPClient()
                #expect(await client.outcome(to: place.origin(of: server)).error == nil)
                client.forget(place.origin(of: server))
                await server.close()
            }
        }

        @Test("A request that waits for a connection being prepared fails with it, and for its reason")
        func failedPreparation() async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in await peer.readMore() }
                let place = try Place(isSecure: true)
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                EventLoop.shared.start { await client.prepareConnection(to: origin, deadline: .patient) }
                await EventLoop.shared.letOthersRun()
                guard case .handshakeFailed = await client.outcome(to: origin).error else {
                    Issue.record("another error")
                    return
                }
                await server.close()
                #expect(server.peers.count == 1)
            }
        }

        @Test("A request that waits for a connection being prepared opens its own when the preparer gives up")
        func abandonedPreparation() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let context = try #require(place.context)
                let isUp = Gate()
                let server = try ScriptedServer { peer in
                    isUp.open()
                    if peer.number > 0, await peer.readRequest() != nil { await peer.send(answer("own")) }
                    await peer.readToEnd()
                }
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                EventLoop.shared.start {
                    await client.prepareConnection(to: origin, deadline: .after(milliseconds: 100))
                }
                await EventLoop.shared.letOthersRun()
                let pending = Pending(client, .get, to: origin)
                #expect(await isUp.wait(until: .patient))
                server.tls = context  // The next connection gets its handshake.
                #expect(await pending.outcome().summary == "200 own")
                client.forget(origin)
                await server.close()
            }
        }

        @Test("A request that waits in vain for a connection being prepared says that it did not stand")
        func slowPreparation() async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in await peer.readToEnd() }
                let place = try Place(isSecure: true)
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                EventLoop.shared.start {
                    await client.prepareConnection(to: origin, deadline: .after(milliseconds: 200))
                }
                await EventLoop.shared.letOthersRun()
                let outcome = await client.outcome(to: origin, deadline: .after(milliseconds: 50))
                #expect(outcome.error == .connectTimedOut)
                await server.close()
            }
        }

        @Test("An answer in several pieces that comes before a large request was taken is the answer")
        func earlyAnswer() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let stop = Gate()
                let server = try ScriptedServer(tls: place.context) { peer in
                    await peer.readMore()
                    // Two records, which lie in the client's socket together; the rest is never read.
                    await peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n")
                    await peer.send("no")
                    _ = await stop.wait(until: .patient)
                }
                let request = HTTPRequest.post([UInt8](repeating: 0x61, count: 64_000_000))
                let outcome = await HTTPClient().outcome(
                    of: request, to: place.origin(of: server), deadline: .after(milliseconds: 20_000))
                #expect(outcome.summary == "413 no")
                stop.open()
                await server.close()
            }
        }

        /// Two framings that end where they say, and none that the connection's end could complete.
        static let answers = [
            "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 11\r\n\r\nhello world",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n",
        ]

        @Test("An answer that is cut off is never taken for a whole one", arguments: answers, [false, true])
        func cut(_ whole: String, isSecure: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: isSecure)
                let bytes = Array(whole.utf8)
                let server = try ScriptedServer(tls: place.context) { peer in
                    guard await peer.readRequest() != nil else { return }
                    await peer.send(Array(bytes.prefix(peer.number)))
                }
                let client = HTTPClient()
                for count in 0..<bytes.count {
                    let error = await client.outcome(to: place.origin(of: server)).error
                    #expect(error == .connectionLost, "cut after \(count) bytes")
                }
                #expect(await client.outcome(to: place.origin(of: server)).error == nil)
                client.forget(place.origin(of: server))
                await server.close()
                #expect(server.peers.count == bytes.count + 1)
            }
        }

        @Test("A body that ends with the connection is whole only when TLS says so")
        func truncation() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let server = try ScriptedServer(tls: place.context) { peer in
                    _ = await peer.readRequest()
                    await peer.send("HTTP/1.1 200 OK\r\n\r\nto the end")
                    switch peer.number {
                    case 0: return  // Which closes, with TLS's farewell.
                    case 1: _ = Glibc.shutdown(peer.stream.raw, CInt(SHUT_WR))
                    default: peer.reset()
                    }
                    await peer.readToEnd()
                }
                let client = HTTPClient()
                let origin = place.origin(of: server)
                #expect(await client.outcome(to: origin).summary == "200 to the end")
                #expect(await client.outcome(to: origin).error == .connectionLost)
                #expect(await client.outcome(to: origin).error == .connectionLost)
                await server.close()
            }
        }

        @Test("Large answers are taken up to the ceiling, and not beyond", arguments: [false, true])
        func largeAnswers(isSecure: Bool) async throws {
            try await onLoop {
                let place = try Place(isSecure: isSecure)
                let most = Limits.answerBodyBytesMax
                let server = try ScriptedServer(tls: place.context) { peer in
                    while let request = await peer.readRequest(), !peer.hasEnded {
                        let count = request.hasPrefix("GET /fits") ? most : most + 1
                        let body = [UInt8](repeating: 0x62, count: count)
                        if request.contains("chunked") {
                            await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                            await peer.send(String(count, radix: 16) + "\r\n")
                            await peer.send(body)
                            await peer.send("\r\n0\r\n\r\n")
                        } else {
                            await peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
                            await peer.send(body)
                        }
                    }
                }
                let (client, origin) = (HTTPClient(), place.origin(of: server))
                for framing in ["length", "chunked"] {
                    let fits = try await client.outcome(of: .get("/fits-\(framing)"), to: origin).get()
                    let isWhole = fits.body == [UInt8](repeating: 0x62, count: most)
                    #expect(isWhole)
                    let error = await client.outcome(of: .get("/not-\(framing)"), to: origin).error
                    #expect(error == .answerTooLarge)
                }
                client.forget(origin)
                await server.close()
            }
        }

        @Test("gzip is decoded; another coding, and gzip that is broken, are errors")
        func contentCodings() async throws {
            try await onLoop {
                // `hello` by Python's gzip.compress(b"hello", mtime=0).
                let hello: [UInt8] = [
                    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xcb, 0x48, 0xcd, 0xc9,
                    0xc9, 0x07, 0x00, 0x86, 0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00,
                ]
                var wrongSum = hello
                wrongSum[17] ^= 1
                let bodies = [
                    ("gzip", hello), ("X-GZip", hello), ("identity", Array("hello".utf8)),
                    ("gzip", wrongSum), ("gzip", Array(hello.dropLast())), ("gzip", hello + [0]),
                    ("br", hello), ("gzip, gzip", hello),
                ]
                let server = try ScriptedServer { peer in
                    while let request = await peer.readRequest() {
                        let number = Int(request.split(separator: " ")[1].dropFirst()) ?? 0
                        let (coding, body) = bodies[number]
                        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: \(coding)\r\n"
                        await peer.send(Array("\(head)Content-Length: \(body.count)\r\n\r\n".utf8) + body)
                    }
                }
                let client = HTTPClient()
                for number in bodies.indices {
                    let outcome = await client.outcome(of: .get("/\(number)"), to: server.origin())
                    if number < 3 {
                        #expect(outcome.summary == "200 hello")
                    } else if case .malformedAnswer = outcome.error {
                        continue
                    } else {
                        Issue.record("body \(number): \(outcome.summary)")
                    }
                }
                client.forget(server.origin())
                await server.close()
            }
        }

        @Test("No descriptor is left after hundreds of failures")
        func descriptors() async throws {
            try await onLoop {
                let place = try Place(isSecure: true)
                let plain = try ScriptedServer { peer in
                    _ = await peer.readRequest()
                    if peer.number % 2 == 0 { await peer.send("HTTP/1.1 200") } else { peer.reset() }
                }
                let secure = try ScriptedServer(tls: place.context) { peer in _ = await peer.readRequest() }
                let closed = try ScriptedServer { _ in }
                await closed.close()
                let client = HTTPClient()
                let before = openDescriptorCount()
                for _ in 0..<300 {
                    #expect(await client.outcome(to: plain.origin()).error == .connectionLost)
                    #expect(await client.outcome(to: place.origin(of: secure)).error == .connectionLost)
                    #expect(
                        await client.outcome(to: closed.origin()).error == .notConnected(.connectionRefused))
                    guard
                        case .notVerified = await client.outcome(to: secure.origin(scheme: .https)).error
                    else {
                        Issue.record("a foreign certificate was taken")
                        continue
                    }
                }
                await plain.close()
                await secure.close()
                // Other tests of this process may have opened some in the meantime, but not hundreds.
                #expect(openDescriptorCount() - before < 100)
            }
        }
    }
}
