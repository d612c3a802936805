/// Chance that replays: the same seed gives the same numbers (SplitMix64, one addition and two
/// multiplications).
struct RandomSource {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 ^ 0xD1B5_4A32_D192_ED03
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` - 1.
    mutating func below(_ limit: Int) -> Int {
        precondition(limit > 0, "there is no number below zero here")
        return Int(next() % UInt64(limit))
    }

    /// A number of a range.
    mutating func within(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// True in `permille` of a thousand cases.
    mutating func happens(permille: Int) -> Bool { below(1_000) < permille }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

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
