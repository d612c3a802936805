import TestSupport

extension SeededGenerator {
    /// A number of a range.
    mutating func within(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// A UUID (RFC 9562, version 4) as an SDK would draw it.
    mutating func uuid() -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        var bits = next()
        for place in 0..<32 {
            if place == 16 { bits = next() }
            if [8, 12, 16, 20].contains(place) { text.append(UInt8(ascii: "-")) }
            let digit = place == 12 ? 4 : place == 16 ? 8 | Int(bits & 3) : Int(bits & 15)
            text.append(digits[digit])
            bits >>= 4
        }
        return String(decoding: text, as: UTF8.self)
    }
}
