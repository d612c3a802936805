import TestSupport

@testable import Net

/// Runs `body` as a task of the loop, as everything in the program runs.
func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable @EventLoopActor () async throws -> Value
) async throws -> Value {
    try await LoopThread.run(body)
}

extension ByteReceiver {
    mutating func receive(_ text: String) { receive(Array(text.utf8)) }

    mutating func receive(_ bytes: [UInt8]) { receive(bytes.span) }

    mutating func receive(_ bytes: ArraySlice<UInt8>) { receive(Array(bytes)) }
}

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
