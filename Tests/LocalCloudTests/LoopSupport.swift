import Net
import TestSupport

/// Runs `body` as a task of the loop, as everything in the program runs.
func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable @EventLoopActor () async throws -> Value
) async throws -> Value {
    try await LoopThread.run(body)
}
