import Net
import TestSupport

/// The HTTP client's stand-in: hands every request of one instance to the world, without a socket.
@EventLoopActor
final class SimulatedExchange: HTTPExchange {
    private let world: World
    /// The instance it belongs to, which owns it.
    weak var instance: Instance?

    init(world: World) {
        self.world = world
    }

    func send(_ request: HTTPRequest, to origin: Origin, deadline: Deadline) async throws(HTTPClientError)
        -> HTTPResponse
    {
        guard let instance else { throw .connectionLost }
        return try await world.serve(request, to: origin, deadline: deadline, from: instance)
    }

    func prepareConnection(to origin: Origin, deadline: Deadline) async {
        guard !world.isFair else { return }
        // Whoever waits for it by mistake is late.
        switch world.random.below(10) {
        case 0: await EventLoop.shared.sleep(until: deadline)
        case 1...4: await EventLoop.shared.sleep(until: .after(milliseconds: UInt64(world.random.below(50))))
        default: break
        }
    }
}
