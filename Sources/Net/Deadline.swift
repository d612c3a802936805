/// A point in time after which work stops.
///
/// Counted in nanoseconds of the event loop's clock, which is monotonic: a wall clock that jumps does not
/// move it. Everything that can wait takes a deadline; nothing waits without one.
public struct Deadline: Sendable, Comparable, Hashable {
    /// Nanoseconds of `EventLoop.nowNanoseconds`.
    public let nanoseconds: UInt64

    /// The point `nanoseconds` of the loop's clock.
    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The point that lies `milliseconds` after now, by the loop's clock.
    public static func after(milliseconds: UInt64) -> Deadline {
        Deadline(nanoseconds: EventLoop.shared.nowNanoseconds &+ milliseconds &* 1_000_000)
    }

    /// Later than any wait: for the listener and for signals, which wait for ever by their nature.
    static let never = Deadline(nanoseconds: .max)

    /// Whether `left` is the earlier of the two.
    public static func < (left: Deadline, right: Deadline) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Nanoseconds left, zero when it has passed. Never negative.
    public var remainingNanoseconds: UInt64 {
        let now = EventLoop.shared.nowNanoseconds
        return nanoseconds > now ? nanoseconds - now : 0
    }

    /// Whether it has passed.
    public var hasPassed: Bool { remainingNanoseconds == 0 }
}
