import TestLoop

@testable import Net

/// Runs `body` as a task of the loop, as everything in the program runs.
func onLoop<Result: Sendable>(
    _ body: @escaping @Sendable @EventLoopActor () async throws -> Result
) async throws -> Result {
    _ = TestLoop.thread
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
