/// How many retries an upstream may still be sent: what bounds the load that retries add to an outage.
///
/// Ten tokens, full at start; a retry takes one, a success gives a tenth back. Under steady success every
/// tenth request may be retried; under steady failure none, once the ten are gone.
public struct RetryBudget: Sendable, Equatable {
    private static let tenthsMax = 100
    private var tenths = RetryBudget.tenthsMax

    /// A full budget.
    public init() {}

    /// Whole tokens left.
    public var tokens: Int { tenths / 10 }

    /// A call succeeded.
    public mutating func succeeded() {
        tenths = min(Self.tenthsMax, tenths + 1)
    }

    /// Takes a token; false when there is none.
    mutating func take() -> Bool {
        guard tenths >= 10 else { return false }
        tenths -= 10
        return true
    }
}

/// Whether and when one call is tried again, within its event's deadline. Pure: time, chance and budget come
/// in.
///
/// All times are nanoseconds of one clock.
public struct Retry: Sendable {
    /// Attempts of one call that are counted.
    public static let attemptsMax = 3
    /// The longest wait before the second attempt; it doubles with each.
    public static let baseNanoseconds: UInt64 = 100_000_000
    /// The longest wait before any attempt.
    public static let capNanoseconds: UInt64 = 5_000_000_000
    /// The longest time one attempt gets, however far the deadline is.
    public static let attemptNanosecondsMax: UInt64 = 10_000_000_000

    /// What to do after an attempt that brought no result.
    public enum Decision: Equatable, Sendable {
        /// Try again at once, with a fresh token.
        case renewToken
        /// Try again once the cluster's endpoint was asked anew.
        case renewOrigin
        /// Try again at this time.
        case attemptAt(nanoseconds: UInt64)
        /// No further attempt.
        case giveUp
    }

    private let deadlineNanoseconds: UInt64
    private var attempts = 0
    private var hasRenewedToken = false
    private var hasAskedClusterAnew = false

    /// A call that ends at `deadlineNanoseconds`, whatever happens.
    public init(deadlineNanoseconds: UInt64) {
        self.deadlineNanoseconds = deadlineNanoseconds
    }

    /// Begins an attempt. Returns when it is given up: after a third of the time that is left, so that a
    /// single stalled call leaves time for two more, or after `millisecondsMax` if that is less. Nil when no
    /// time is left.
    public mutating func beginAttempt(nowNanoseconds: UInt64, millisecondsMax: UInt64 = .max) -> UInt64? {
        guard nowNanoseconds < deadlineNanoseconds else { return nil }
        attempts += 1
        let left = deadlineNanoseconds - nowNanoseconds
        let most = millisecondsMax.multipliedReportingOverflow(by: 1_000_000)
        let longest =
            most.overflow ? Self.attemptNanosecondsMax : min(most.partialValue, Self.attemptNanosecondsMax)
        return nowNanoseconds + max(1, min(left / 3, longest))
    }

    /// What to do after an attempt that ended with `reaction`.
    ///
    /// - Parameters:
    ///   - retryAfterNanoseconds: the wait that the answer asks for. It is obeyed when it fits the deadline;
    ///     when it does not, there is no further attempt.
    ///   - random: any number; full jitter takes the wait from it.
    public mutating func decide(
        after reaction: Reaction, retryAfterNanoseconds: UInt64? = nil, nowNanoseconds: UInt64,
        budget: inout RetryBudget, random: UInt64
    ) -> Decision {
        switch reaction {
        case .freshToken where !hasRenewedToken:
            hasRenewedToken = true
            return uncounted(.renewToken, nowNanoseconds)
        case .askClusterAnew where !hasAskedClusterAnew:
            hasAskedClusterAnew = true
            return uncounted(.renewOrigin, nowNanoseconds)
        case .again, .askClusterAnew(mayPass: true):
            return counted(retryAfterNanoseconds, nowNanoseconds, &budget, random)
        default:
            return .giveUp
        }
    }

    /// An attempt that is not counted and takes nothing from the budget.
    private mutating func uncounted(_ decision: Decision, _ nowNanoseconds: UInt64) -> Decision {
        guard nowNanoseconds < deadlineNanoseconds else { return .giveUp }
        attempts -= 1
        return decision
    }

    private mutating func counted(
        _ retryAfterNanoseconds: UInt64?, _ nowNanoseconds: UInt64, _ budget: inout RetryBudget,
        _ random: UInt64
    ) -> Decision {
        guard attempts < Self.attemptsMax, nowNanoseconds < deadlineNanoseconds else { return .giveUp }
        let left = deadlineNanoseconds - nowNanoseconds
        let wait: UInt64
        if let asked = retryAfterNanoseconds {
            wait = asked
        } else {
            let longest = min(Self.capNanoseconds, Self.baseNanoseconds << UInt64(attempts - 1))
            wait = random % (longest + 1)
        }
        guard wait < left, budget.take() else { return .giveUp }
        return .attemptAt(nanoseconds: nowNanoseconds + wait)
    }
}
