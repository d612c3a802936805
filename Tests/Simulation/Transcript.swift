import Net

/// What happened in one run: a hash of all of it, and as text where somebody will read it.
@EventLoopActor
final class Transcript {
    /// Equal for equal runs (FNV-1a, 64 bits).
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var lines: [String] = []
    let keepsText: Bool
    private let startNanoseconds = EventLoop.shared.nowNanoseconds

    init(keepsText: Bool) {
        self.keepsText = keepsText
    }

    /// Nanoseconds since the run began.
    var elapsedNanoseconds: UInt64 { EventLoop.shared.nowNanoseconds - startNanoseconds }

    /// Notes something; the numbers are what the hash is made of.
    func note(_ numbers: Int..., text: @autoclosure () -> String) {
        mix(elapsedNanoseconds)
        for number in numbers { mix(UInt64(bitPattern: Int64(number))) }
        guard keepsText else { return }
        let microseconds = elapsedNanoseconds / 1_000
        let fraction = String(1_000_000 + microseconds % 1_000_000).dropFirst()
        lines.append("\(microseconds / 1_000_000).\(fraction)  \(text())")
    }

    private func mix(_ number: UInt64) {
        var rest = number
        for _ in 0..<8 {
            hash = (hash ^ (rest & 0xFF)) &* 0x0000_0100_0000_01B3
            rest >>= 8
        }
    }
}
