import Glibc

@testable import Net

/// The event loop, running on a thread of its own for as long as the tests do.
enum Loop {
    static let thread: pthread_t = {
        // Before the thread starts, so that it never sees a loop without an owner.
        _ = EventLoop.shared
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
}

/// Runs `body` as a task of the loop, as everything in the program runs.
func onLoop<Result: Sendable>(
    _ body: @escaping @Sendable @EventLoopActor () async throws -> Result
) async throws -> Result {
    _ = Loop.thread
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
