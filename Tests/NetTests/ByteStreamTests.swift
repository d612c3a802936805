import Testing

@testable import Net

/// Keeps what it is given.
private struct Kept: ByteReceiver {
    var bytes: [UInt8] = []
    mutating func receive(_ new: Span<UInt8>) {
        new.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }
    mutating func receiveEnd() {}
}

extension SocketTests {
    @Suite("A byte stream")
    struct ByteStreamTests {
        @Test("gives what has come by now, though the deadline passed before the loop took notice of it")
        func unnoticed() async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in await peer.readToEnd() }
                let stream = try await stream(to: server, unnoticed: "late")
                var kept = Kept()
                try await stream.read(into: &kept, deadline: Deadline(nanoseconds: 0))
                #expect(text(kept.bytes) == "late")
                await #expect(throws: StreamError.timedOut) {
                    var nothing = Kept()
                    try await stream.read(into: &nothing, deadline: Deadline(nanoseconds: 0))
                }
                stream.close()
                await server.close()
            }
        }

        @Test("gives a handshake what has come by now, likewise")
        func unnoticedInHandshake() async throws {
            try await onLoop {
                let server = try ScriptedServer { peer in await peer.readToEnd() }
                let stream = try await stream(to: server, unnoticed: "HTTP/1.1 400 Bad Request\r\n\r\n")
                let session = try TLSClientContext(trust: .system).session(host: "127.0.0.1", port: 443)
                do throws(StreamError) {
                    try await stream.startTLS(session, deadline: Deadline(nanoseconds: 0))
                    Issue.record("that is no handshake")
                } catch {
                    #expect(error == .tls("wrong version number"))
                }
                stream.close()
                await server.close()
            }
        }
    }
}

/// A stream on which something has come that the loop has not taken notice of: the kernel has it when `send`
/// is done, and the loop looks at nothing before the stream is asked.
@EventLoopActor
private func stream(to server: ScriptedServer, unnoticed: String) async throws -> ByteStream {
    let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.port))
    let stream = try await ByteStream.connect(to: address, deadline: .patient)
    await eventually("the server has the connection") { server.peers.count == 1 }
    await server.peers[0].send(unnoticed)
    return stream
}
