/// What a run has met, to be added up over seeds.
struct Ledger: Sendable {
    /// How often each row of the table was met.
    var outcomes = [Int](repeating: 0, count: Faults.all.count)
    /// Calls that were begun for an event, and the requests that were sent for them.
    var calls = [Int](repeating: 0, count: Call.allCases.count)
    var attempts = [Int](repeating: 0, count: Call.allCases.count)
    /// Crashes at a call, before and after the service did what it was asked.
    var crashes = [[Int]](repeating: [0, 0], count: Call.allCases.count)
    /// Crashes between the handler's answer and its acknowledgement.
    var crashesAfterAnswer = 0
    /// Crashes at any moment, from outside.
    var crashesAtRandom = 0
    var answersLost = 0
    var retirements = 0
    var instances = 0
    var events = 0
    var deliveries = 0
    var requests = 0
    var rows = 0
    var jobs = 0
    var exceptions = 0
    var deadLetters = 0
    var virtualSeconds = 0

    static func += (left: inout Ledger, right: Ledger) {
        for index in left.outcomes.indices { left.outcomes[index] += right.outcomes[index] }
        for index in left.crashes.indices {
            left.crashes[index][0] += right.crashes[index][0]
            left.crashes[index][1] += right.crashes[index][1]
        }
        for index in left.calls.indices {
            left.calls[index] += right.calls[index]
            left.attempts[index] += right.attempts[index]
        }
        left.crashesAfterAnswer += right.crashesAfterAnswer
        left.crashesAtRandom += right.crashesAtRandom
        left.answersLost += right.answersLost
        left.retirements += right.retirements
        left.instances += right.instances
        left.events += right.events
        left.deliveries += right.deliveries
        left.requests += right.requests
        left.rows += right.rows
        left.jobs += right.jobs
        left.exceptions += right.exceptions
        left.deadLetters += right.deadLetters
        left.virtualSeconds += right.virtualSeconds
    }

    var crashesInAll: Int { crashes.reduce(crashesAfterAnswer + crashesAtRandom) { $0 + $1[0] + $1[1] } }

    /// What a long run must have met and has not.
    var gaps: [String] {
        var gaps = Faults.all.indices.filter { outcomes[$0] == 0 && !Faults.all[$0].isRare }
            .map { "\(Faults.all[$0].call.title): \(Faults.all[$0].title), \(Faults.all[$0].effect.title)" }
        for call in Call.allCases {
            if crashes[call.rawValue][0] == 0 { gaps.append("\(call.title): crash before it is carried out") }
            if crashes[call.rawValue][1] == 0 { gaps.append("\(call.title): crash after it is carried out") }
        }
        if crashesAfterAnswer == 0 { gaps.append("crash between answer and acknowledgement") }
        if answersLost == 0 { gaps.append("acknowledgement lost") }
        return gaps
    }

    /// The table: upstream, outcome, whether the effect is there, how often.
    func printTable() {
        for call in Call.allCases {
            print("\n\(call.title)")
            for (index, fault) in Faults.all.enumerated() where fault.call == call {
                let count = outcomes[index]
                if count == 0, fault.isRare { continue }
                print("  \(fault.title.padded(34))\(fault.effect.title.padded(12))\(count)")
            }
            let crash = crashes[call.rawValue]
            print("  \("crash of the instance".padded(34))\(Effect.none.title.padded(12))\(crash[0])")
            print("  \("crash of the instance".padded(34))\(Effect.done.title.padded(12))\(crash[1])")
        }
        print("\nthe instance itself")
        print("  \("crash after its answer".padded(46))\(crashesAfterAnswer)")
        print("  \("crash at any moment".padded(46))\(crashesAtRandom)")
        print("  \("acknowledgement lost on the way".padded(46))\(answersLost)")
        print("  \("retired, as by SIGTERM".padded(46))\(retirements)\n")
    }
}

extension String {
    func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - utf8.count))
    }
}
