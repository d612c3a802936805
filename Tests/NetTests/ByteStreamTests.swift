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
                let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.port))
                let stream = try await ByteStream.connect(to: address, deadline: .patient)
                await eventually("the server has the connection") { server.peers.count == 1 }
                // The kernel has them when `send` is done, and the loop looks at nothing before `read`.
                await server.peers[0].send("late")
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
    }
}
