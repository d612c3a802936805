internal import Net

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
        // A two-digit year by a fixed pivot, which serves for dates near now; 1970 is where ours begin.
        if year.utf8.count == 2 { fullYear += fullYear < 70 ? 2_000 : 1_900 }
        guard fullYear >= 1_970 else { return nil }
        return WallClock(
            year: fullYear, month: Int64(index) + 1, day: day, hour: hour, minute: minute, second: second
        ).seconds
    }

    private static func number(_ text: String) -> Int64? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        return Int64(text)
    }
}
