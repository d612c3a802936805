import Glibc

/// The time of day, for what is written down: log lines, tokens, Date fields. Nothing waits by it.
public struct WallClock: Sendable, Equatable {
    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    public let seconds: Int64
    /// The rest, 0 to 999,999,999.
    public let nanoseconds: UInt32

    /// A moment.
    public init(seconds: Int64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// A moment of the civil calendar in UTC: `month` 1 to 12, `day` 1 to 31, the rest as on a clock.
    public init(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) {
        // Years that begin in March end with the leap day.
        let marchYear = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        let days = 365 * marchYear + leapDays + dayOfYear - 719_468
        self.init(seconds: days * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    /// Now. In a simulation it runs with the loop's virtual clock, from a fixed day.
    public static var now: WallClock {
        if EventLoop.shared.isVirtual {
            let passed = EventLoop.shared.nowNanoseconds
            return WallClock(
                seconds: 1_700_000_000 + Int64(passed / 1_000_000_000),
                nanoseconds: UInt32(passed % 1_000_000_000))
        }
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
    }

    /// Year, month (1 to 12), day (1 to 31), hour, minute and second in UTC, and the weekday (0 is Sunday).
    public var utc: (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, weekday: Int) {
        let days = Int(seconds.floorDivided(by: 86_400))
        let ofDay = Int(seconds - Int64(days) * 86_400)
        // The civil calendar in eras of 400 years, counted from a March, so that a leap day ends its year.
        let shifted = days + 719_468
        let era = Int(Int64(shifted).floorDivided(by: 146_097))
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month,
            day: dayOfYear - (153 * monthFromMarch + 2) / 5 + 1,
            hour: ofDay / 3_600, minute: ofDay / 60 % 60, second: ofDay % 60,
            weekday: (((days + 4) % 7) + 7) % 7
        )
    }

    /// The form of an HTTP Date field (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    public var httpDate: String {
        let time = utc
        let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return
            "\(weekdays[time.weekday]), \(time.day.padded(2)) \(months[time.month - 1]) \(time.year.padded(4)) "
            + "\(time.hour.padded(2)):\(time.minute.padded(2)):\(time.second.padded(2)) GMT"
    }

    /// RFC 3339 in UTC with `fractionDigits` (0 to 9) of a second and `suffix` as the zone, `Z` or `+00:00`.
    public func rfc3339(fractionDigits: Int = 6, suffix: String = "Z") -> String {
        precondition((0...9).contains(fractionDigits), "a second has nine digits of a fraction")
        let time = utc
        var text = "\(time.year.padded(4))-\(time.month.padded(2))-\(time.day.padded(2))T"
        text += "\(time.hour.padded(2)):\(time.minute.padded(2)):\(time.second.padded(2))"
        if fractionDigits > 0 {
            text += ".\(String(Int(nanoseconds).padded(9).prefix(fractionDigits)))"
        }
        return text + suffix
    }
}

extension Int {
    /// The decimal digits, with zeros in front up to `width`.
    func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}

extension Int64 {
    func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
