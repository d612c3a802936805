/// When the requests of an open loop are to be sent: evenly, whatever becomes of the ones before.
///
/// Latency is counted from these times. A client that waits for a stalled server before it sends on, and
/// counts from its own sending, leaves out the very requests that were hurt.
package struct Schedule: Sendable {
    private let start: UInt64
    private let perSecond: Double
    /// How many requests are due in all.
    package let count: Int
    /// How many were taken so far.
    package private(set) var taken = 0

    package init(start: UInt64, perSecond: Double, seconds: Double) {
        precondition(perSecond > 0 && seconds >= 0, "a schedule needs a rate and a length")
        self.start = start
        self.perSecond = perSecond
        count = Int((perSecond * seconds).rounded(.down))
    }

    /// When the request of this number, from 0, is due. Computed from the start, so that no rounding adds up.
    package func time(of number: Int) -> UInt64 {
        start + UInt64(Double(number) * 1e9 / perSecond)
    }

    /// When the next one is due; nil when all were taken.
    package var next: UInt64? { taken < count ? time(of: taken) : nil }

    /// Takes the next one if it is due at `now`, and returns when it should have been sent.
    package mutating func take(at now: UInt64) -> UInt64? {
        guard let due = next, due <= now else { return nil }
        taken += 1
        return due
    }
}
