/// The program's commands.
enum Simulate {
    static func main(_ arguments: [String]) -> Int32 {
        let count = arguments.first.flatMap { UInt64($0) } ?? 10
        var ledger = Ledger()
        let clock = ContinuousClock()
        let start = clock.now
        var failures = 0
        for seed in 0..<count {
            let result = Run.seed(seed, scale: 8)
            ledger += result.ledger
            if !result.violations.isEmpty {
                failures += 1
                print("seed \(seed): \(result.violations)")
            }
        }
        ledger.printTable()
        print(ledger.events, ledger.deliveries, ledger.requests, clock.now - start, failures)
        print(ledger.gaps)
        return 0
    }
}
