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
        /// Try again at once.
        case attempt
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
    /// single stalled call leaves time for two more. Nil when no time is left.
    public mutating func beginAttempt(nowNanoseconds: UInt64) -> UInt64? {
        guard nowNanoseconds < deadlineNanoseconds else { return nil }
        attempts += 1
        let left = deadlineNanoseconds - nowNanoseconds
        return nowNanoseconds + max(1, min(left / 3, Self.attemptNanosecondsMax))
    }

    /// What to do after an attempt that ended with `reaction`.
    ///
    /// - Parameters:
    ///   - retryAfterNanoseconds: the wait that the answer asks for. It is obeyed when it fits the deadline;
    ///     when
    ///     it does not, there is no further attempt.
    ///   - random: any number; full jitter takes the wait from it.
    public mutating func decide(
        after reaction: Reaction, retryAfterNanoseconds: UInt64? = nil, nowNanoseconds: UInt64,
        budget: inout RetryBudget, random: UInt64
    ) -> Decision {
        switch reaction {
        case .freshToken where !hasRenewedToken:
            hasRenewedToken = true
            return uncounted(nowNanoseconds)
        case .askClusterAnew where !hasAskedClusterAnew:
            hasAskedClusterAnew = true
            return uncounted(nowNanoseconds)
        case .again, .askClusterAnew(mayPass: true):
            return counted(retryAfterNanoseconds, nowNanoseconds, &budget, random)
        default:
            return .giveUp
        }
    }

    /// An attempt that is not counted and takes nothing from the budget.
    private mutating func uncounted(_ nowNanoseconds: UInt64) -> Decision {
        guard nowNanoseconds < deadlineNanoseconds else { return .giveUp }
        attempts -= 1
        return .attempt
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

/// The value of a Retry-After field (RFC 9110 section 10.2.3).
public enum RetryAfter {
    /// How long to wait, in nanoseconds: seconds, or a date of any of the three forms (RFC 9110 section
    /// 5.6.7) seen from `nowSeconds` since 1970. Nil for anything else, which is as if the field were not
    /// there.
    public static func nanoseconds(_ value: some Collection<UInt8>, nowSeconds: Int64) -> UInt64? {
        if value.isEmpty { return nil }
        if value.allSatisfy({ $0 &- 0x30 < 10 }) {
            // Longer than any deadline, whatever the digits say: a saturated number is as good.
            let seconds = value.reduce(UInt64(0)) { min($0 * 10 + UInt64($1 - 0x30), 100_000_000) }
            return seconds * 1_000_000_000
        }
        guard let date = HTTPDate.seconds(Array(value)) else { return nil }
        return UInt64(min(max(0, date - nowSeconds), 100_000_000)) * 1_000_000_000
    }
}

/// Dates of HTTP (RFC 9110 section 5.6.7).
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of an IMF-fixdate, an RFC 850 date or an asctime date; nil when it is none of them.
    static func seconds(_ bytes: [UInt8]) -> Int64? {
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        let words = bytes.split(whereSeparator: { $0 == 0x20 || $0 == 0x2C || $0 == 0x2D })
            .map { String(decoding: $0, as: UTF8.self) }
        // Sun, 06 Nov 1994 08:49:37 GMT, or Sunday, 06-Nov-94 08:49:37 GMT.
        if words.count == 6, words[5] == "GMT" {
            return seconds(day: words[1], month: words[2], year: words[3], time: words[4])
        }
        // Sun Nov  6 08:49:37 1994.
        if words.count == 5 {
            return seconds(day: words[2], month: words[1], year: words[4], time: words[3])
        }
        return nil
    }

    private static func seconds(day: String, month: String, year: String, time: String) -> Int64? {
        let parts = time.utf8.split(separator: 0x3A).map {
            number(String(decoding: Array($0), as: UTF8.self))
        }
        guard let day = number(day), (1...31).contains(day), let index = months.firstIndex(of: month),
            var fullYear = number(year), parts.count == 3, let hour = parts[0], let minute = parts[1],
            let second = parts[2], hour < 24, minute < 60, second <= 60
        else { return nil }
        // A two-digit year is the nearest one that is not over 50 years ahead; 1970 is where ours begin.
        if year.utf8.count == 2 { fullYear += fullYear < 70 ? 2_000 : 1_900 }
        guard fullYear >= 1_970 else { return nil }
        return daysSinceEpoch(fullYear, Int64(index) + 1, day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: String) -> Int64? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        return Int64(text)
    }

    private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years that begin in March end with the leap day.
        let shifted = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
