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
