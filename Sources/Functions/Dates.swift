internal import Net

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

extension WallClock {
    /// A date and time of RFC 3339; the fraction is left out. Nil when it is none.
    init?(rfc3339 text: [UInt8]) {
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= text.count, text[range].allSatisfy({ $0 &- 0x30 < 10 }) else {
                return nil
            }
            return text[range].reduce(0) { $0 * 10 + Int64($1 &- 0x30) }
        }
        guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[10] | 0x20 == UInt8(ascii: "t"),
            text[13] == 0x3A, text[16] == 0x3A,
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var zone = text[19...]
        if zone.first == UInt8(ascii: ".") { zone = zone.dropFirst().drop { $0 &- 0x30 < 10 } }
        var offsetSeconds: Int64 = 0
        if zone.count == 6, zone.first == UInt8(ascii: "+") || zone.first == UInt8(ascii: "-"),
            let hours = number(zone.startIndex + 1..<zone.startIndex + 3),
            let minutes = number(zone.startIndex + 4..<zone.startIndex + 6)
        {
            offsetSeconds = (hours * 60 + minutes) * 60 * (zone.first == UInt8(ascii: "-") ? -1 : 1)
        } else if zone.count != 1 || zone.first.map({ $0 | 0x20 }) != UInt8(ascii: "z") {
            return nil
        }
        let local = WallClock(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        self.init(seconds: local.seconds - offsetSeconds)
    }
}
