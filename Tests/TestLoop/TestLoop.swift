public import Glibc
import Net

/// The event loop of the test process, which all its test targets share: on a thread of its own, started once.
///
/// There is one loop in a process, and two threads that ran it would corrupt its state.
public enum TestLoop {
    /// The loop's thread. Starts it when it is read first.
    public static let thread: pthread_t = {
        // Before the thread starts, so that it never sees a loop without an owner.
        _ = EventLoop.shared
        signal(SIGPIPE, ignore)
        var thread = pthread_t()
        let error = pthread_create(
            &thread, nil,
            { _ in
                EventLoop.shared.run()
                return nil
            }, nil)
        precondition(error == 0, "the loop's thread cannot be started")
        return thread
    }()

    /// SIG_IGN, which Swift cannot import.
    private static let ignore = unsafeBitCast(1, to: __sighandler_t.self)
}
