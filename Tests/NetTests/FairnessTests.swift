import LocalCloud
import Testing

@testable import Net

/// Answers at once, and notes in which order requests came, and how many connections were there by then.
@EventLoopActor
private final class NotingHandler: Handler {
    private(set) var targets: [String] = []
    private(set) var accepted: [Int] = []
    weak var server: HTTPServer?

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        targets.append(text(request.target))
        accepted.append(server?.connectionsAccepted ?? 0)
        return HTTPResponse(status: 200, body: [])
    }
}

private func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n" }

extension SocketTests {
    @Suite("A server whose clients send without end")
    struct FairnessTests {
        @Test("answers another client before all that one has pipelined")
        func pipelined() async throws {
            try await onLoop {
                let running = try RunningServer(NotingHandler())
                let (greedy, other) = (try await running.connect(), try await running.connect())
                for peer in [greedy, other] {
                    await peer.send(get("/"))
                    _ = await peer.readRequest()
                }
                // All of it lies in the server's socket before the server looks.
                await greedy.send(String(repeating: get("/greedy"), count: 1_000))
                await other.send(get("/other"))
                _ = await other.readRequest()
                let place = try #require(running.handler.targets.firstIndex(of: "/other"))
                #expect(place <= 2 * Limits.stepsPerTurnMax)
                for _ in 0..<1_000 { _ = await greedy.readRequest() }
                #expect(running.handler.targets.count == 1_003)
                greedy.close()
                other.close()
                await running.stop()
            }
        }

        @Test("answers a client before it has accepted all that want to connect")
        func connecting() async throws {
            try await onLoop {
                let running = try RunningServer(NotingHandler())
                running.handler.server = running.server
                let good = try await running.connect()
                await good.send(get("/"))
                _ = await good.readRequest()
                // What is started here runs before the server hears of any of it.
                var flood: [Peer] = []
                for _ in 0..<300 {
                    EventLoop.shared.start {
                        if let peer = try? await running.connect() { flood.append(peer) }
                    }
                }
                EventLoop.shared.start { await good.send(get("/")) }
                _ = await good.readRequest()
                #expect(try #require(running.handler.accepted.last) <= 3 * Limits.acceptsPerTurnMax)
                await eventually("all are accepted") { running.server.connectionsAccepted >= 301 }
                flood.forEach { $0.close() }
                good.close()
                await running.stop()
            }
        }
    }
}
