import Net
import TestSupport

/// How well each service is at each moment of a run: spells of health, trouble and outage, until all is well
/// for good.
struct Weather {
    private struct Spell {
        let untilMilliseconds: Int
        /// Of a thousand attempts so many meet a fault.
        let permille: Int
        /// In an outage all attempts meet the same kinds of fault: the index of the first of three.
        let only: Int?
    }

    /// From then on nothing goes wrong any more.
    let endMilliseconds: Int
    private var spells: [[Spell]]

    /// Always fair.
    static let fair = Weather()

    private init() {
        endMilliseconds = 0
        spells = Array(repeating: [], count: Call.services)
    }

    init(untilMilliseconds: Int, random: inout SeededGenerator) {
        endMilliseconds = untilMilliseconds
        spells = []
        for _ in 0..<Call.services { spells.append(Self.spells(untilMilliseconds, &random)) }
        guard random.happens(permille: 250) else { return }
        // Everything is down at once, for a while in the middle.
        let from = random.below(untilMilliseconds)
        let until = min(untilMilliseconds, from + random.within(10_000...300_000))
        for service in 0..<Call.services {
            let before = spells[service].prefix { $0.untilMilliseconds < from }
            let after = spells[service].drop { $0.untilMilliseconds <= until }
            let down = Spell(untilMilliseconds: until, permille: 1_000, only: random.below(1_000))
            spells[service] = before + [down] + after
        }
    }

    private static func spells(_ end: Int, _ random: inout SeededGenerator) -> [Spell] {
        var spells: [Spell] = []
        var at = 0
        while at < end {
            at = min(end, at + random.within(3_000...240_000))
            switch random.below(100) {
            case 0..<40: spells.append(Spell(untilMilliseconds: at, permille: 0, only: nil))
            case 40..<82:
                spells.append(Spell(untilMilliseconds: at, permille: random.within(50...600), only: nil))
            default:
                spells.append(Spell(untilMilliseconds: at, permille: 1_000, only: random.below(1_000)))
            }
        }
        return spells
    }

    /// The fault that an attempt meets now, as an index into the table; nil where the service answers by
    /// itself.
    func fault(of call: Call, atMilliseconds: Int, _ random: inout SeededGenerator) -> Int? {
        if atMilliseconds >= endMilliseconds { return nil }
        guard let spell = spells[call.service].first(where: { $0.untilMilliseconds > atMilliseconds }),
            spell.permille > 0, random.happens(permille: spell.permille)
        else { return nil }
        let faults = Faults.drawable[call.rawValue]
        guard let only = spell.only else { return random.pick(faults) }
        return faults[(only + random.below(3)) % faults.count]
    }
}
