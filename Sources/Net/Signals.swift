import CNet
import Glibc

/// A signal that asks the program to end.
public enum Signal: Sendable, Equatable {
    /// SIGTERM, from the platform.
    case terminate
    /// SIGINT, from a terminal.
    case interrupt
}

/// The signals that end the program, as something a task can wait for.
///
/// They are blocked and read from a descriptor (signalfd), so no code ever runs in a signal handler. SIGPIPE
/// is ignored: a peer that has gone is an error of the write.
@EventLoopActor
public final class SignalSource {
    private let descriptor: FileDescriptor
    private let registration: Registration

    /// Takes over SIGTERM and SIGINT. To be called once, before any other thread starts.
    public init() throws(Errno) {
        let signals = Process.endingSignals
        let raw = try systemCall { unsafe cnet_signal_descriptor(signals, CInt(signals.count)) }
        descriptor = FileDescriptor(owning: raw)
        registration = try EventLoop.shared.register(descriptor, pending: 0)
    }

    isolated deinit {
        EventLoop.shared.unregister(registration)
    }

    /// The next signal.
    public func next() async -> Signal {
        while true {
            switch cnet_read_signal(descriptor.raw) {
            case SIGTERM: return .terminate
            case SIGINT: return .interrupt
            default:
                registration.waiter.clear(UInt32(CNET_READABLE))
                _ = await registration.waiter.wait(for: UInt32(CNET_READABLE), until: .never)
            }
        }
    }
}
