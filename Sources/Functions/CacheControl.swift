internal import Net

/// The Cache-Control field (RFC 9111 section 5.2).
enum CacheControl {
    /// The number of its `max-age` directive, nil where it has none that is a number.
    static func maxAgeSeconds(_ value: ArraySlice<UInt8>?) -> UInt64? {
        for directive in value?.split(separator: UInt8(ascii: ",")) ?? [] {
            let trimmed = directive.drop { $0 == 0x20 || $0 == 0x09 }
            guard trimmed.prefix(8).equalsIgnoringCase("max-age=") else { continue }
            let digits = trimmed.dropFirst(8).prefix(while: ASCII.isDigit)
            guard (1...9).contains(digits.count) else { return nil }
            return UInt64(String(decoding: digits, as: UTF8.self))
        }
        return nil
    }
}
