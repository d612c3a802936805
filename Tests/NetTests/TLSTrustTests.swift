import Glibc
import LocalCloud
import Testing

@testable import Net

/// PEM text as a client's anchors.
private func trust(_ pem: [UInt8]) -> TrustAnchors { .certificateAuthority(.init(pem: pem)) }

private func wish(_ names: String...) -> Wish { Wish(commonName: "", subjectAlternativeNames: names) }

/// Answers one request with `Connection: close`, so that the next one needs a handshake.
@EventLoopActor
private func answerOnce(_ peer: Peer) async {
    guard await peer.readRequest() != nil else { return }
    await peer.send(answer("once", fields: "Connection: close\r\n"))
    await peer.readToEnd()
}

extension SocketTests {
    @Suite("Trust")
    struct TLSTrustTests {
        @Test("A cluster's authority is trusted for the origin that names it, and for no other")
        func clusterAuthority() async throws {
            try await onLoop {
                let (cluster, other) = (try Issuer(commonName: "cluster"), try Issuer(commonName: "other"))
                let identity = try cluster.issue(wish("IP:127.0.0.1", "DNS:good.test"))
                let server = try ScriptedServer(tls: TLSPeerContext(identity), script: answerOnce)
                let client = HTTPClient(resolver: Resolver(known: testHosts))
                let right = trust(cluster.certificatePEM)
                let wrong: [TrustAnchors] = [.system, trust(other.certificatePEM)]
                // Twice: the second time a session and a name resolution are there to be misused.
                for _ in 0..<2 {
                    for host in ["127.0.0.1", "good.test"] {
                        let origin = server.origin(host: host, scheme: .https, trust: right)
                        #expect(await client.outcome(to: origin).summary == "200 once")
                        for trust in wrong {
                            let origin = server.origin(host: host, scheme: .https, trust: trust)
                            let error = await client.outcome(to: origin).error
                            guard case .notVerified = error else {
                                Issue.record("\(host) under \(trust): \(String(describing: error))")
                                continue
                            }
                        }
                    }
                }
                await server.close()
                #expect(server.peers.filter { !$0.received.isEmpty }.count == 4)
            }
        }

        @Test("Public anchors do not serve where a cluster's authority is asked for, nor the other way round")
        func publicAnchors() async throws {
            try await onLoop {
                let (publicCA, cluster) = (
                    try Issuer(commonName: "public"), try Issuer(commonName: "cluster")
                )
                let file = try TemporaryFile(publicCA.certificatePEM)
                setenv("SSL_CERT_FILE", file.path, 1)
                defer { unsetenv("SSL_CERT_FILE") }
                let names = wish("IP:127.0.0.1", "DNS:good.test")
                for (issuer, isPublic) in [(publicCA, true), (cluster, false)] {
                    let server = try ScriptedServer(
                        tls: TLSPeerContext(try issuer.issue(names)), script: answerOnce)
                    let client = HTTPClient(resolver: Resolver(known: testHosts))
                    for host in ["127.0.0.1", "good.test"] {
                        let asPublic = await client.outcome(
                            to: server.origin(host: host, scheme: .https, trust: .system))
                        let asCluster = await client.outcome(
                            to: server.origin(
                                host: host, scheme: .https, trust: trust(cluster.certificatePEM)))
                        #expect((asPublic.error == nil) == isPublic, "\(asPublic.summary)")
                        #expect((asCluster.error == nil) == !isPublic, "\(asCluster.summary)")
                    }
                    await server.close()
                }
            }
        }

        @Test("Every block of the authority's text counts, as while it is rotated")
        func rotation() async throws {
            try await onLoop {
                let (old, new) = (try Issuer(commonName: "cluster"), try Issuer(commonName: "cluster"))
                let noise = Array("subject=cluster, 2026\n".utf8)
                let both = noise + old.certificatePEM + noise + new.certificatePEM + noise
                for issuer in [old, new] {
                    let identity = try issuer.issue(wish("IP:127.0.0.1"))
                    let server = try ScriptedServer(tls: TLSPeerContext(identity), script: answerOnce)
                    let outcome = await HTTPClient().outcome(
                        to: server.origin(scheme: .https, trust: trust(both)))
                    #expect(outcome.summary == "200 once")
                    await server.close()
                }
            }
        }

        @Test("Authorities are read when the first message has gone; without any it stays the only one")
        func noAuthorities() async throws {
            try await onLoop {
                setenv("SSL_CERT_FILE", "/nowhere/ca.pem", 1)
                defer { unsetenv("SSL_CERT_FILE") }
                let server = try ScriptedServer { peer in await peer.readToEnd() }
                let client = HTTPClient()
                for _ in 0..<2 {
                    let error = await client.outcome(to: server.origin(scheme: .https)).error
                    guard case .notVerified(let reason) = error else {
                        Issue.record("\(String(describing: error))")
                        continue
                    }
                    #expect(reason.hasPrefix("SSL_CERT_FILE: "))
                }
                await server.close()
                #expect(server.peers.count == 2)
                for peer in server.peers {
                    let hello = peer.received
                    try #require(hello.count > 5)
                    #expect(hello.starts(with: [0x16, 3, 1]))  // A handshake's record, RFC 8446 section 5.1.
                    #expect(hello.count == 5 + Int(hello[3]) << 8 + Int(hello[4]))
                }
            }
        }

        @Test("An authority that is no PEM certificate is trusted with nothing")
        func garbageAuthority() async throws {
            try await onLoop {
                let root = try Issuer(commonName: "root")
                let identity = try root.issue(wish("IP:127.0.0.1"))
                let server = try ScriptedServer(tls: TLSPeerContext(identity), script: answerOnce)
                let good = root.certificatePEM
                let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
                let garbage: [[UInt8]] = [
                    [], Array("no certificate".utf8), [0, 1, 2, 0xff], Array(block.utf8), identity.keyPEM,
                    good + Array(block.utf8), Array(good.dropLast(40)), Array(good.prefix(100)),
                ]
                for pem in garbage {
                    let error = await HTTPClient().outcome(
                        to: server.origin(scheme: .https, trust: trust(pem))
                    ).error
                    guard case .notVerified = error else {
                        Issue.record("\(text(pem)): \(String(describing: error))")
                        continue
                    }
                }
                await server.close()
                #expect(server.peers.allSatisfy { $0.received.isEmpty })
            }
        }

        @Test("The server is told the name that is asked for, and never an address")
        func serverNameIndication() async throws {
            try await onLoop {
                let root = try Issuer(commonName: "root")
                let context = TLSPeerContext(
                    try root.issue(wish("IP:127.0.0.1", "DNS:good.test", "DNS:localhost")))
                let server = try ScriptedServer(tls: context, script: answerOnce)
                let client = HTTPClient(resolver: Resolver(known: testHosts))
                for host in ["127.0.0.1", "good.test", "localhost", "127.0.0.1"] {
                    let origin = server.origin(
                        host: host, scheme: .https, trust: trust(root.certificatePEM))
                    #expect(await client.outcome(to: origin).summary == "200 once")
                }
                await server.close()
                #expect(context.serverNames == [nil, "good.test", "localhost", nil])
            }
        }

        @Test("An IPv6 address is verified as an address, without a server name")
        func addressOfVersion6() async throws {
            try await onLoop {
                let root = try Issuer(commonName: "root")
                for (name, isRight) in [("IP:::1", true), ("IP:::2", false), ("DNS:::1", false)] {
                    let context = TLSPeerContext(try root.issue(wish(name)))
                    guard
                        let server = try? ScriptedServer(tls: context, address: "::1", script: answerOnce)
                    else { return print("skipped: this machine has no IPv6 loopback") }
                    let outcome = await HTTPClient().outcome(
                        to: server.origin(host: "::1", scheme: .https, trust: trust(root.certificatePEM)))
                    #expect((outcome.error == nil) == isRight, "\(outcome.summary)")
                    await server.close()
                    #expect(context.serverNames == [nil])
                }
            }
        }

        @Test(
            "A session is resumed towards the same origin, and not under other anchors or after a change",
            arguments: [TLSPeerContext.Version.tls12, .tls13])
        func resumption(_ version: TLSPeerContext.Version) async throws {
            try await onLoop {
                let root = try Issuer(commonName: "root")
                let context = TLSPeerContext(
                    try root.issue(wish("DNS:good.test", "DNS:other.test")), only: version)
                let server = try ScriptedServer(tls: context, script: answerOnce)
                let neighbour = try ScriptedServer(tls: context, script: answerOnce)
                let client = HTTPClient(resolver: Resolver(known: testHosts))
                let anchors = trust(root.certificatePEM)
                @EventLoopActor func ask(
                    _ host: String, _ trust: TrustAnchors, at asked: ScriptedServer? = nil
                ) async -> Int {
                    let before = context.resumptions
                    let origin = (asked ?? server).origin(host: host, scheme: .https, trust: trust)
                    #expect(await client.outcome(to: origin).summary == "200 once")
                    return context.resumptions - before
                }
                #expect(await ask("good.test", anchors) == 0)
                #expect(await ask("good.test", anchors) == 1)
                #expect(await ask("good.test", anchors) == 1)
                #expect(await ask("other.test", anchors) == 0, "another host")
                #expect(await ask("good.test", anchors, at: neighbour) == 0, "another port")
                let again = trust(root.certificatePEM + root.certificatePEM)
                #expect(await ask("good.test", again) == 0, "other anchors")
                #expect(await ask("good.test", anchors) == 1)
                client.forget(server.origin(host: "good.test", scheme: .https, trust: anchors))
                #expect(await ask("good.test", anchors) == 0, "after the origin was forgotten")
                await server.close()
                await neighbour.close()
                #expect(context.handshakes == server.peers.count + neighbour.peers.count)
            }
        }

        @Test("The handshake's last message goes out with the first write, and not before it")
        func heldMessage() async throws {
            try await onLoop {
                let root = try Issuer(commonName: "root")
                let peers = TLSPeerContext(try root.issue(wish("IP:127.0.0.1")))
                let server = try ScriptedServer(tls: peers, script: answerOnce)
                let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.port))
                let context = try TLSClientContext(trust: trust(root.certificatePEM))
                let stream = try await ByteStream.connect(to: address, deadline: .patient)
                try await stream.startTLS(
                    try context.session(host: "127.0.0.1", port: server.port), deadline: .patient,
                    holdsLast: true)
                #expect(!stream.hasFlushed && peers.handshakes == 0)
                try await stream.write(Array(get.utf8), deadline: .patient)
                #expect(stream.hasFlushed)
                let peer = Peer(stream: stream, number: 0)
                #expect(await peer.readRequest()?.hasPrefix("HTTP/1.1 200 ") == true)
                peer.close()
                await server.close()
                #expect(peers.handshakes == 1)
            }
        }

        @Test("AES with 128 bits is agreed on where the server leaves the choice to the client")
        func cipher() async throws {
            try await onLoop {
                let root = try Issuer(commonName: "root")
                for version in [TLSPeerContext.Version.tls12, .tls13] {
                    let peers = TLSPeerContext(try root.issue(wish("IP:127.0.0.1")), only: version)
                    let server = try ScriptedServer(tls: peers, script: answerOnce)
                    let origin = server.origin(scheme: .https, trust: trust(root.certificatePEM))
                    #expect(await HTTPClient().outcome(to: origin).summary == "200 once")
                    await server.close()
                    #expect(peers.ciphers.count == 1)
                    #expect(peers.ciphers.allSatisfy { $0.replacing("_", with: "").contains("AES128") })
                }
            }
        }

        @Test("A server that asks for a client's certificate gets none, and serves")
        func answersStayWhole() async throws {
            try await onLoop {
                let root = try Issuer(commonName: "root")
                let context = TLSPeerContext(try root.issue(wish("IP:127.0.0.1")))
                context.asksForCertificate()
                let server = try ScriptedServer(tls: context, script: answerOnce)
                let outcome = await HTTPClient().outcome(
                    to: server.origin(scheme: .https, trust: trust(root.certificatePEM)))
                #expect(outcome.summary == "200 once")
                await server.close()
            }
        }
    }
}

/// A file that lives as long as the value.
private final class TemporaryFile {
    let path: String

    init(_ bytes: [UInt8]) throws {
        var template = Array("/tmp/net-tests-XXXXXX\0".utf8).map { CChar(bitPattern: $0) }
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        path = text(template.dropLast().map { UInt8(bitPattern: $0) })
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        _ = close(descriptor)
    }

    deinit { unlink(path) }
}
