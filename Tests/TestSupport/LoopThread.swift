import Glibc
import Net

/// The event loop, running on a thread of its own for as long as the tests do.
///
/// One for all test targets: they are one process, and a loop that two threads run is no loop.
public enum LoopThread {
    private static let started: Void = {
        signal(SIGPIPE, unsafeBitCast(1, to: __sighandler_t.self))  // SIG_IGN, which Swift cannot import.
        var thread = pthread_t()
        let error = pthread_create(
            &thread, nil,
            { _ in
                EventLoop.shared.run()
                return nil
            }, nil)
        precondition(error == 0, "the loop's thread cannot be started")
    }()

    /// Runs `body` as a task of the loop, as everything in the program runs, and waits for it.
    public static func run<Value: Sendable>(
        _ body: @escaping @Sendable @EventLoopActor () async throws -> Value
    ) async throws -> Value {
        started
        return try await withCheckedThrowingContinuation { continuation in
            EventLoop.shared.start {
                do {
                    continuation.resume(returning: try await body())
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}
