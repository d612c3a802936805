import TestSupport

@testable import Net

/// Runs `body` as a task of the loop, as everything in the program runs.
func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable @EventLoopActor () async throws -> Value
) async throws -> Value {
    try await LoopThread.run(body)
}

/// A generator that a seed replays (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension ByteReceiver {
    mutating func receive(_ text: String) { receive(Array(text.utf8)) }

    mutating func receive(_ bytes: [UInt8]) { receive(bytes.span) }

    mutating func receive(_ bytes: ArraySlice<UInt8>) { receive(Array(bytes)) }
}

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
