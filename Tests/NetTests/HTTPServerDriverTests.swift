import LocalCloud
import Testing

@testable import Net

private typealias Running = RunningServer<HoldingHandler>

extension SocketTests {
    @Suite("A server's ceilings")
    struct HTTPServerCeilingTests {
        @Test("One connection too many is answered 503 and closed; a place that is free is given")
        func connections() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.connectionsMax = 2
                let running = try Running(HoldingHandler(), limits: limits)
                let (one, two) = (try await running.connect(), try await running.connect())
                for peer in [one, two] {
                    await peer.send(get)
                    #expect(await peer.readStatus() == "200")
                }
                let three = try await running.connect()
                let refusal = await three.readRequest()
                #expect(refusal?.hasPrefix("HTTP/1.1 503") == true)
                #expect(refusal?.contains("Retry-After: 1\r\n") == true)
                await three.readToEnd()
                three.close()
                one.close()
                await eventually("one connection ends") { running.server.connectionCount <= 1 }
                let four = try await running.connect()
                await four.send(get)
                #expect(await four.readStatus() == "200")
                await running.stop()
                two.close()
                four.close()
            }
        }

        @Test("Hundreds of connections over the ceiling are closed, and the good ones served on")
        func flood() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.connectionsMax = 2
                let running = try Running(HoldingHandler(), limits: limits)
                let good = try await running.connect()
                await good.send(get)
                #expect(await good.readStatus() == "200")
                var flood: [Peer] = []
                for _ in 0..<300 { flood.append(try await running.connect()) }
                for _ in 0..<20 {
                    await good.send(get)
                    #expect(await good.readStatus() == "200")
                }
                for peer in flood.dropFirst() { await peer.readToEnd() }
                flood.forEach { $0.close() }
                good.close()
                await running.stop()
            }
        }

        @Test("A server for few buffers 1 MiB of requests, one for many more", arguments: [true, false])
        func bufferedBytes(isForFew: Bool) async throws {
            try await onLoop {
                let running = try Running(HoldingHandler(), isForFew: isForFew)
                let request = Array(post(String(repeating: "x", count: 700_000)).utf8)
                let (one, two) = (try await running.connect(), try await running.connect())
                await one.send(Array(request.dropLast()))
                await eventually("one request is held but for its last byte") {
                    running.server.requestBytesHeld >= 700_000
                }
                await two.send(request)
                #expect(await two.readStatus() == (isForFew ? "503" : "200"))
                await one.send("x")
                #expect(await one.readStatus() == "200")
                one.close()
                two.close()
                await running.stop()
            }
        }

        @Test("One request too many at once is answered 503, and the connection kept")
        func requests() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.requestsInFlightMax = 1
                let running = try Running(HoldingHandler(holds: true), limits: limits)
                let (one, two) = (try await running.connect(), try await running.connect())
                await one.send(get)
                #expect(await running.handler.entered.wait(until: .patient))
                await two.send(get)
                let refusal = await two.readRequest()
                #expect(refusal?.hasPrefix("HTTP/1.1 503") == true)
                #expect(refusal?.contains("Retry-After: 1\r\n") == true)
                #expect(running.server.refused[.requestsInFlight] == 1)
                running.handler.release.open()
                #expect(await one.readStatus() == "200")
                await two.send(get)
                #expect(await two.readStatus() == "200")
                one.close()
                two.close()
                await running.stop()
            }
        }
    }

    @Suite("A server's deadlines")
    struct HTTPServerDeadlineTests {
        /// What a slow client has sent when it stops, and what it is told.
        enum Slowness: String, CaseIterable, Sendable {
            case nothing, halfAHead, headOfABody, halfABody, halfAChunk, nothingAfterAnAnswer

            var sent: String {
                let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                return switch self {
                case .nothing: ""
                case .halfAHead: "GET / HTTP/1.1\r\nHos"
                case .headOfABody: String(post("hello").dropLast(5))
                case .halfABody: String(post("hello").dropLast(2))
                case .halfAChunk: chunked + "5\r\nhel"
                case .nothingAfterAnAnswer: get
                }
            }

            var answers: [String?] {
                switch self {
                case .nothing: [nil]
                case .nothingAfterAnAnswer: ["200", nil]
                default: ["408", nil]
                }
            }
        }

        @Test("are armed for a client that stops sending", arguments: Slowness.allCases)
        func slow(_ slowness: Slowness) async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.headTimeoutMilliseconds = 30
                limits.bodyTimeoutMilliseconds = 30
                limits.idleTimeoutMilliseconds = 30
                let running = try Running(HoldingHandler(), limits: limits)
                let peer = try await running.connect()
                await peer.send(slowness.sent)
                for answer in slowness.answers { #expect(await peer.readStatus() == answer) }
                #expect(running.server.refused[.tooSlow] == (slowness.answers == ["408", nil] ? 1 : 0))
                peer.close()
                await running.stop()
            }
        }

        @Test("are counted for the handler from a request's complete head, however late its body comes")
        func handling() async throws {
            try await onLoop {
                let running = try Running(HoldingHandler())
                let peer = try await running.connect()
                let before = EventLoop.shared.nowNanoseconds
                await peer.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
                #expect(await peer.readStatus() == "100")
                let between = EventLoop.shared.nowNanoseconds
                await EventLoop.shared.letOthersRun()
                await peer.send("hello")
                #expect(await peer.readStatus() == "200")
                let given = try #require(running.handler.deadline).nanoseconds
                let most = HTTPServer.Configuration(host: "", port: 0).requestTimeoutMilliseconds * 1_000_000
                #expect(before + most <= given && given <= between + most)
                peer.close()
                await running.stop()
            }
        }

        @Test("end a body that only drips, however long a whole one may take")
        func drip() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.bodyGraceMilliseconds = 30
                let running = try Running(HoldingHandler(), limits: limits)
                let peer = try await running.connect()
                await peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
                let dripping = Gate()
                EventLoop.shared.start {
                    for _ in 0..<900 where !peer.stream.isClosed {
                        await peer.send("x")
                        await EventLoop.shared.sleep(until: .after(milliseconds: 3))
                    }
                    dripping.open()
                }
                #expect(await peer.readStatus() == "408")
                peer.close()
                #expect(await dripping.wait(until: .patient))
                await running.stop()
                #expect(running.handler.handled == 0)
            }
        }

        @Test("end an answer that nobody takes")
        func untakenAnswer() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.answerTimeoutMilliseconds = 30
                let handler = HoldingHandler()
                handler.answerBytes = 24_000_000
                let running = try Running(handler, limits: limits)
                let peer = try await running.connect()
                await peer.send(get)
                #expect(await handler.entered.wait(until: .patient))
                await eventually("the connection ends") { running.server.connectionCount == 0 }
                await peer.readToEnd()
                #expect(peer.received.count < 24_000_000)
                await running.stop()
            }
        }

        @Test("end a TLS handshake that does not come")
        func handshake() async throws {
            try await onLoop {
                var limits = ServerLimits()
                limits.handshakeTimeoutMilliseconds = 30
                let presented = try CertificateCase.plain()
                let running = try Running(
                    HoldingHandler(), tls: TLSServerContext(presented), limits: limits)
                for bytes in ["", "\u{16}\u{3}\u{1}", get] {
                    let peer = try await running.connect()
                    await peer.send(bytes)
                    await peer.readToEnd()
                }
                await running.stop()
            }
        }
    }

    @Suite("Who waits until a server is quiet")
    struct HTTPServerQuietTests {
        @Test("goes on at once where nothing is in flight, else after the last request, or in time")
        func quiet() async throws {
            try await onLoop {
                let running = try Running(HoldingHandler(holds: true))
                await running.server.waitUntilQuiet(until: .patient)
                let peers = [try await running.connect(), try await running.connect()]
                for peer in peers { await peer.send(get) }
                await eventually("both are handled") { running.handler.waiting == peers.count }
                await running.server.waitUntilQuiet(until: .after(milliseconds: 1))
                let isQuiet = Gate()
                EventLoop.shared.start {
                    await running.server.waitUntilQuiet(until: .patient)
                    #expect(running.handler.handled == peers.count)
                    isQuiet.open()
                }
                running.handler.release.open()
                #expect(await isQuiet.wait(until: .patient))
                for peer in peers {
                    #expect(await peer.readStatus() == "200")
                    peer.close()
                }
                await running.stop()
            }
        }
    }

    @Suite("A server over TLS")
    struct HTTPServerTLSTests {
        @Test("takes and gives bodies of every framing", arguments: [0, 1, 2])
        func framings(_ kind: Int) async throws {
            // Made before: what takes long on the loop makes its clock late, and deadlines with it.
            let bodies = [0, 1, 16_384, 16_385, 1_000_000, 8_388_608].map { count -> [UInt8] in
                var body = [UInt8](repeating: 0x61, count: count)
                for at in stride(from: 0, to: count, by: 4_099) { body[at] = UInt8(at & 0xff) }
                return body
            }
            try await onLoop {
                let framing = [HTTPResponse.Framing.contentLength, .chunked, .close][kind]
                let presented = try CertificateCase.plain()
                let handler = HoldingHandler()
                handler.framing = framing
                let running = try Running(handler, tls: TLSServerContext(presented))
                let trust = TrustAnchors.certificateAuthority(CertificateAuthority(pem: presented.anchors))
                let origin = Origin(
                    scheme: .https, host: "127.0.0.1", port: running.server.port, trust: trust)
                let client = HTTPClient()
                for body in bodies {
                    let response = try await client.outcome(of: .post(body), to: origin).get()
                    #expect(response.status == 200)
                    let isSame = response.body == body
                    #expect(isSame)
                }
                #expect(client.connectionsOpened == (kind == 2 ? 6 : 1))
                client.forget(origin)
                await running.stop()
            }
        }
    }
}

extension TLSServerContext {
    fileprivate convenience init?(_ presented: Presented) {
        self.init(
            certificateChainPEM: presented.identity.chainPEM, privateKeyPEM: presented.identity.keyPEM)
    }
}
