import CHTTP
import TestSupport
import Testing

@Suite("The corpus") struct CorpusTests {
    @Test("every example comes out as it is written", arguments: Corpus.examples)
    func asWritten(_ example: Example) {
        #expect(eventLog(example.outcome(), of: example) == example.expected)
    }

    @Test("an example cut at any byte comes out the same", arguments: Corpus.examples)
    func cutAtEveryByte(_ example: Example) {
        let whole = example.outcome()
        for cut in 0...example.input.count where example.outcome(cuts: [cut]) != whole {
            Issue.record("cut at \(cut)")
        }
    }

    @Test("an example that comes byte by byte comes out the same", arguments: Corpus.examples)
    func byteByByte(_ example: Example) {
        #expect(example.outcome(cuts: Array(0...example.input.count)) == example.outcome())
    }

    @Test("an example in 1,000 random cuts comes out the same", arguments: Corpus.examples)
    func randomCuts(_ example: Example) {
        var generator = SeededGenerator(seed: UInt64(example.input.count))
        let whole = example.outcome()
        for round in 0..<1000 {
            let count = Int.random(in: 1...6, using: &generator)
            let cuts = (0..<count).map { _ in Int.random(in: 0...example.input.count, using: &generator) }
            if example.outcome(cuts: cuts.sorted()) != whole {
                Issue.record("round \(round): \(cuts.sorted())")
            }
        }
    }

    @Test("there are well over 150 behaviours, each named once and with its section")
    func size() {
        #expect(Corpus.cases.count > 150)
        #expect(Set(Corpus.cases.map(\.title)).count == Corpus.cases.count)
        for entry in Corpus.cases { #expect(entry.section.hasPrefix("RFC "), "\(entry.title)") }
    }

    @Test("beside every refusal stands a message that is accepted")
    func neighbours() {
        for entry in Corpus.cases {
            #expect(entry.examples.contains { !$0.isRefusal }, "\(entry.title)")
        }
    }

    @Test("every rule is broken by an example")
    func everyRule() {
        let broken = Corpus.examples.filter(\.isRefusal).map { example in
            String(example.expected[0].split(separator: " ")[1])
        }
        #expect(ruleNames.count == Int(CHTTP_RULE_COUNT.rawValue))
        #expect(Set(broken) == Set(ruleNames.dropFirst()))
    }

    @Test("a wrong expectation is noticed")
    func canary() throws {
        let example = try #require(Corpus.requests.first { !$0.isRefusal })
        #expect(eventLog(.refused(rule: 1, at: 0), of: example) != example.expected)
        #expect(Outcome.refused(rule: 1, at: 0) != example.outcome())
    }
}
