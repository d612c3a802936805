import Testing

@testable import Net

/// Hosts of the tests' own domain, all on this machine.
let testHosts = Dictionary(
    uniqueKeysWithValues: [
        "good.test", "a.b.wild.test", "wild.test", "foo.wild.test", "other.test",
    ].map { ($0, ["127.0.0.1"]) })

extension SocketTests {
    @Suite("A server's certificate")
    struct TLSVerificationTests {
        @Test("is refused for each flaw before the server gets a byte", arguments: CertificateCase.all)
        func refused(_ flaw: CertificateCase) async throws {
            try await onLoop {
                let presented = try flaw.present(true)
                let server = try ScriptedServer(tls: TLSPeerContext(presented), script: echoTarget)
                let client = HTTPClient(resolver: Resolver(known: testHosts))
                let origin = server.origin(of: presented)
                let error = await client.outcome(to: origin).error
                #expect(isTLSRefusal(error, because: flaw.reason), "\(String(describing: error))")
                #expect(server.peers.count == 1, "a refusal is not tried again")
                client.forget(origin)
                await server.close()
                #expect(server.peers.allSatisfy { $0.received.isEmpty })
            }
        }

        @Test("is accepted when it lacks the flaw by a hair", arguments: CertificateCase.all)
        func accepted(_ flaw: CertificateCase) async throws {
            try await onLoop {
                let presented = try flaw.present(false)
                let server = try ScriptedServer(tls: TLSPeerContext(presented), script: echoTarget)
                let client = HTTPClient(resolver: Resolver(known: testHosts))
                let origin = server.origin(of: presented)
                #expect(await client.outcome(to: origin).summary == "200 you asked for /")
                client.forget(origin)
                await server.close()
            }
        }

        /// A session is offered, the kept connection turns out to be dead, and the new one shows a flaw.
        @Test("is refused on the retry after a stale connection too", arguments: CertificateCase.all)
        func refusedOnRetry(_ flaw: CertificateCase) async throws {
            try await onLoop {
                let (good, bad) = (try flaw.present(false), try flaw.present(true))
                try #require(good.host == bad.host)
                let server = try ScriptedServer(tls: TLSPeerContext(good)) { peer in
                    guard peer.number == 0 else { return await echoTarget(peer) }
                    _ = await peer.readRequest()
                    await peer.send(answer("first"))
                    _ = await peer.readRequest()
                }
                let client = HTTPClient(resolver: Resolver(known: testHosts))
                var both = good
                both.anchors += bad.anchors
                let origin = server.origin(of: both)
                #expect(await client.outcome(to: origin).summary == "200 first")
                let context = TLSPeerContext(bad)
                server.tls = context
                let error = await client.outcome(to: origin).error
                #expect(isTLSRefusal(error, because: flaw.reason), "\(String(describing: error))")
                #expect(server.peers.count == 2)
                client.forget(origin)
                await server.close()
                #expect(server.peers[1].received.isEmpty)
                #expect(context.handshakes == 0)
            }
        }
    }
}

private func isTLSRefusal(_ error: HTTPClientError?, because expected: String) -> Bool {
    switch error {
    case .notVerified(let reason), .handshakeFailed(let reason): reason.contains(expected)
    default: false
    }
}

extension TLSPeerContext {
    convenience init(_ presented: Presented) {
        self.init(presented.identity, only: presented.version)
    }
}

extension ScriptedServer {
    func origin(of presented: Presented) -> Origin {
        origin(
            host: presented.host, scheme: .https,
            trust: .certificateAuthority(CertificateAuthority(pem: presented.anchors)))
    }
}
