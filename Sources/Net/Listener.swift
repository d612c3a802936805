import CNet
import Glibc

/// A listening socket.
@EventLoopActor
final class Listener {
    private let descriptor: FileDescriptor
    private let registration: Registration
    let port: UInt16

    init(on address: SocketAddress) throws(Errno) {
        descriptor = try Socket.listen(on: address)
        port = try Socket.port(of: descriptor)
        registration = try EventLoop.shared.register(descriptor, pending: 0)
    }

    isolated deinit {
        EventLoop.shared.unregister(registration)
    }

    func accept() throws(Errno) -> CInt? {
        let raw = try Socket.accept(from: descriptor)
        if raw == nil { registration.waiter.clear(UInt32(CNET_READABLE)) }
        return raw
    }

    func waitForConnection() async {
        _ = await registration.waiter.wait(for: UInt32(CNET_READABLE | CNET_HANG_UP), until: .never)
    }

    /// Has the kernel take no more requests for connections, and waits until the handshakes that had begun
    /// are over: what is accepted afterwards is the last, and closing resets nobody. Where the kernel cannot,
    /// the moment between the last `accept` and the close remains.
    func dropConnectionRequests() async {
        guard cnet_drop_connection_requests(descriptor.raw) == 0 else { return }
        await EventLoop.shared.sleep(until: .after(milliseconds: Limits.lastHandshakesMilliseconds))
    }

    /// Ends a `waitForConnection`.
    func wake() {
        registration.waiter.signal(UInt32(CNET_HANG_UP))
    }
}
