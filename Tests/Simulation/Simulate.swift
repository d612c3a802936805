/// The program's commands.
enum Simulate {
    private static let usage = """
        usage: simulate [--seeds N | --seconds S | --seed N] [--from N] [--scale N]
               simulate --canaries | --canary NAME | --scenarios

          --seeds N      run the seeds 0 to N - 1 (default 1000), then the scenarios
          --seconds S    run seeds for S seconds
          --seed N       run one seed and print its transcript
          --from N       begin with seed N
          --scale N      about N messages a seed (default 8)
          --canaries     every bug on purpose must be caught
          --canary NAME  only this one
          --scenarios    only what is written down: bursts, outages, every fault at every call
        """

    private struct Options {
        var seeds: UInt64 = 1_000
        var seconds: Int?
        var seed: UInt64?
        var from: UInt64 = 0
        var scale = 8
        var canary: String?
        var runsCanaries = false
        var runsScenariosOnly = false

        init?(_ arguments: [String]) {
            var rest = arguments[...]
            while let option = rest.popFirst() {
                switch option {
                case "--canaries": runsCanaries = true
                case "--scenarios": runsScenariosOnly = true
                case "--canary":
                    guard let name = rest.popFirst() else { return nil }
                    canary = name
                case "--seeds", "--seconds", "--seed", "--from", "--scale":
                    guard let text = rest.popFirst(), let number = UInt64(text), number < 1 << 60 else {
                        return nil
                    }
                    set(option, number)
                default: return nil
                }
            }
        }

        private mutating func set(_ option: String, _ number: UInt64) {
            switch option {
            case "--seeds": seeds = number
            case "--seconds": seconds = Int(number)
            case "--seed": seed = number
            case "--from": from = number
            default: scale = max(1, Int(number))
            }
        }
    }

    /// Returns the exit status: 0 when every promise was kept, 1 when one was broken, 64 for wrong usage.
    static func main(_ arguments: [String]) -> Int32 {
        guard let options = Options(arguments) else {
            print(usage)
            return 64
        }
        if let seed = options.seed { return replay(seed, options) }
        if options.runsCanaries || options.canary != nil { return canaries(options) }
        if options.runsScenariosOnly { return Scenarios.run() ? 0 : 1 }
        return many(options)
    }

    // MARK: One seed

    private static func replay(_ seed: UInt64, _ options: Options) -> Int32 {
        let canary = options.canary.flatMap { name in Canary.all.first { $0.name == name } }
        let result = Run.seed(seed, scale: options.scale, canary: canary, keepsText: true)
        for line in result.lines { print(line) }
        print("seed \(seed), scale \(options.scale), transcript \(hexadecimal(result.hash))")
        for violation in result.violations { print("broken: \(violation)") }
        return result.violations.isEmpty ? 0 : 1
    }

    // MARK: Many seeds

    /// From so many seeds on a run must have met every outcome of the table.
    private static let seedsForTable: UInt64 = 1_000
    /// So many seeds are run twice, to see that they replay.
    private static let seedsTwice: UInt64 = 20

    private static func many(_ options: Options) -> Int32 {
        var ledger = Ledger()
        var failed: [UInt64] = []
        var differing: [UInt64] = []
        let clock = ContinuousClock()
        let start = clock.now
        var seed = options.from
        while options.seconds.map({ clock.now - start < .seconds($0) })
            ?? (seed - options.from < options.seeds)
        {
            let result = Run.seed(seed, scale: options.scale)
            ledger += result.ledger
            if !result.violations.isEmpty {
                if failed.count < 5 { show(seed, options) }
                failed.append(seed)
            }
            if seed - options.from < seedsTwice, Run.seed(seed, scale: options.scale).hash != result.hash {
                differing.append(seed)
            }
            seed += 1
        }
        let seeds = seed - options.from
        ledger.printTable()
        var isGood = true
        if seeds >= seedsForTable, !ledger.gaps.isEmpty {
            isGood = false
            for gap in ledger.gaps { print("never met: \(gap)") }
        }
        if !differing.isEmpty {
            isGood = false
            print("not replayed: seeds \(differing)")
        }
        if !Scenarios.run() { isGood = false }
        summarise(ledger, seeds, failed, clock.now - start)
        return isGood && failed.isEmpty ? 0 : 1
    }

    private static func show(_ seed: UInt64, _ options: Options) {
        let result = Run.seed(seed, scale: options.scale, keepsText: true)
        print("\nseed \(seed) breaks a promise; its transcript ends:")
        for line in result.lines.suffix(40) { print("  \(line)") }
        for violation in result.violations { print("  broken: \(violation)") }
        print("  again: simulate --seed \(seed) --scale \(options.scale)")
    }

    private static func summarise(
        _ ledger: Ledger, _ seeds: UInt64, _ failed: [UInt64], _ duration: Duration
    ) {
        print(
            """
            seeds        \(seeds)
            events       \(ledger.events)
            deliveries   \(ledger.deliveries)
            requests     \(ledger.requests)
            outcomes     \(ledger.outcomes.count { $0 > 0 }) of \(ledger.outcomes.count)
            instances    \(ledger.instances), of which \(ledger.crashesInAll) crashed
            rows         \(ledger.rows)
            Jobs         \(ledger.jobs)
            exceptions   \(ledger.exceptions)
            dead letters \(ledger.deadLetters)
            virtual time \(ledger.virtualSeconds / 3_600) h, in \(duration.components.seconds) s
            failed seeds \(failed.count)\(failed.isEmpty ? "" : ": \(failed.prefix(20))")
            """)
    }

    // MARK: Bugs on purpose

    /// Within so many seeds every canary must be caught.
    private static let canarySeeds: UInt64 = 200

    private static func canaries(_ options: Options) -> Int32 {
        let chosen = Canary.all.filter { options.canary == nil || $0.name == options.canary }
        guard !chosen.isEmpty else {
            print("canaries: \(Canary.all.map(\.name).joined(separator: " "))")
            return 64
        }
        var isGood = true
        for canary in chosen {
            let caught = (0..<canarySeeds).lazy
                .map { ($0, Run.seed($0, scale: options.scale, canary: canary).violations) }
                .first { !$0.1.isEmpty }
            if let (seed, violations) = caught {
                print("\(canary.name.padded(30))caught by seed \(seed): \(violations[0])")
            } else {
                isGood = false
                print("\(canary.name.padded(30))NOT CAUGHT in \(canarySeeds) seeds: \(canary.about)")
            }
        }
        return isGood ? 0 : 1
    }

    static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
