/// The pseudo-random numbers of SplitMix64: a failing seed replays.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// The numbers that belong to `seed`.
    public init(seed: UInt64) { state = seed }

    /// See `RandomNumberGenerator`.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// A number from 0 to `limit` - 1.
    public mutating func below(_ limit: Int) -> Int {
        precondition(limit > 0, "there is no number below zero here")
        return Int(next() % UInt64(limit))
    }

    /// True in `permille` of a thousand cases.
    public mutating func happens(permille: Int) -> Bool { below(1_000) < permille }

    /// True in `percent` of a hundred cases.
    public mutating func happens(percent: Int) -> Bool { below(100) < percent }

    /// One of these.
    public mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
