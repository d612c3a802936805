import TestSupport
import Testing

@testable import Functions

private let second: UInt64 = 1_000_000_000

@Test("three attempts and no more, each wait within full jitter's bounds", arguments: 0..<50 as Range<UInt64>)
func attempts(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var budget = RetryBudget()
    var retry = Retry(deadlineNanoseconds: 55 * second)
    var now: UInt64 = 0
    for longest in [100_000_000, 200_000_000] as [UInt64] {
        #expect(retry.beginAttempt(nowNanoseconds: now) != nil)
        let decision = retry.decide(
            after: .again, nowNanoseconds: now, budget: &budget, random: generator.next())
        guard case .attemptAt(let time) = decision else {
            Issue.record("no further attempt: \(decision)")
            return
        }
        #expect(time >= now && time - now <= longest)
        now = time
    }
    #expect(retry.beginAttempt(nowNanoseconds: now) != nil)
    #expect(retry.decide(after: .again, nowNanoseconds: now, budget: &budget, random: 0) == .giveUp)
    #expect(budget.tokens == 8)
}

@Test("the longest wait is reached, and doubles")
func longestWait() {
    var budget = RetryBudget()
    var retry = Retry(deadlineNanoseconds: 55 * second)
    for longest in [100_000_000, 200_000_000] as [UInt64] {
        _ = retry.beginAttempt(nowNanoseconds: 0)
        let decision = retry.decide(after: .again, nowNanoseconds: 0, budget: &budget, random: longest)
        #expect(decision == .attemptAt(nanoseconds: longest))
    }
}

@Test("an attempt gets a third of the time that is left, ten seconds at most, and none without time")
func attemptTime() {
    var retry = Retry(deadlineNanoseconds: 55 * second)
    #expect(retry.beginAttempt(nowNanoseconds: 0) == 10 * second)
    #expect(retry.beginAttempt(nowNanoseconds: 0, millisecondsMax: 9_000) == 9 * second)
    #expect(retry.beginAttempt(nowNanoseconds: 0, millisecondsMax: 11_000) == 10 * second)
    #expect(retry.beginAttempt(nowNanoseconds: 40 * second) == 45 * second)
    #expect(retry.beginAttempt(nowNanoseconds: 55 * second - 1) == 55 * second)
    #expect(retry.beginAttempt(nowNanoseconds: 55 * second) == nil)
    #expect(retry.beginAttempt(nowNanoseconds: .max) == nil)
}

@Test("a fresh token and an endpoint asked anew give one attempt each that is not counted")
func uncounted() {
    var budget = RetryBudget()
    var retry = Retry(deadlineNanoseconds: 55 * second)
    func decide(_ reaction: Reaction) -> Retry.Decision {
        _ = retry.beginAttempt(nowNanoseconds: 0)
        return retry.decide(after: reaction, nowNanoseconds: 0, budget: &budget, random: 0)
    }
    #expect(decide(.freshToken) == .renewToken)
    #expect(decide(.askClusterAnew(mayPass: true)) == .renewOrigin)
    #expect(budget == RetryBudget())
    #expect(decide(.askClusterAnew(mayPass: true)) == .attemptAt(nanoseconds: 0))
    #expect(decide(.again) == .attemptAt(nanoseconds: 0))
    #expect(decide(.again) == .giveUp)
    var other = Retry(deadlineNanoseconds: 55 * second)
    _ = other.beginAttempt(nowNanoseconds: 0)
    #expect(
        other.decide(after: .askClusterAnew(mayPass: false), nowNanoseconds: 0, budget: &budget, random: 0)
            == .renewOrigin)
    _ = other.beginAttempt(nowNanoseconds: 0)
    #expect(
        other.decide(after: .askClusterAnew(mayPass: false), nowNanoseconds: 0, budget: &budget, random: 0)
            == .giveUp)
    var token = Retry(deadlineNanoseconds: second)
    for expected in [Retry.Decision.renewToken, .giveUp] {
        _ = token.beginAttempt(nowNanoseconds: 0)
        #expect(token.decide(after: .freshToken, nowNanoseconds: 0, budget: &budget, random: 0) == expected)
    }
}

@Test("what cannot pass is not tried again")
func permanent() {
    let reactions: [Reaction] = [
        .done, .alreadyExists, .quotaExceeded, .cannotBeStored, .undispatchable, .notFound, .unavailable,
    ]
    for reaction in reactions {
        var budget = RetryBudget()
        var retry = Retry(deadlineNanoseconds: second)
        _ = retry.beginAttempt(nowNanoseconds: 0)
        #expect(retry.decide(after: reaction, nowNanoseconds: 0, budget: &budget, random: 0) == .giveUp)
        #expect(budget == RetryBudget())
    }
}

@Test(
    "Retry-After is obeyed when it fits the deadline; when it does not, there is no attempt and no token is taken"
)
func retryAfter() {
    var budget = RetryBudget()
    for (asked, expected) in [
        (3 * second, Retry.Decision.attemptAt(nanoseconds: 4 * second)),
        (9 * second - 1, .attemptAt(nanoseconds: 10 * second - 1)),
        (9 * second, .giveUp), (UInt64.max, .giveUp), (0, .attemptAt(nanoseconds: second)),
    ] {
        var retry = Retry(deadlineNanoseconds: 10 * second)
        _ = retry.beginAttempt(nowNanoseconds: second)
        let before = budget
        let decision = retry.decide(
            after: .again, retryAfterNanoseconds: asked, nowNanoseconds: second, budget: &budget,
            random: 12_345)
        #expect(decision == expected)
        #expect((budget == before) == (expected == .giveUp))
    }
}

@Test("ten retries of an upstream that always fails, then none; ten successes pay for one more")
func budget() {
    var budget = RetryBudget()
    func decide() -> Retry.Decision {
        var retry = Retry(deadlineNanoseconds: 10 * second)
        _ = retry.beginAttempt(nowNanoseconds: 0)
        return retry.decide(after: .again, nowNanoseconds: 0, budget: &budget, random: 0)
    }
    for _ in 0..<10 { #expect(decide() == .attemptAt(nanoseconds: 0)) }
    #expect(decide() == .giveUp)
    for _ in 0..<9 { budget.succeeded() }
    #expect(decide() == .giveUp)
    budget.succeeded()
    #expect(decide() == .attemptAt(nanoseconds: 0))
    for _ in 0..<1_000 { budget.succeeded() }
    #expect(budget == RetryBudget(), "it never holds more than ten")
}

@Test(
    "nothing is tried after the deadline, whatever happens and whenever", arguments: 0..<20 as Range<UInt64>)
func deadline(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let reactions: [Reaction] = [
        .again, .freshToken, .askClusterAnew(mayPass: true), .askClusterAnew(mayPass: false),
    ]
    for _ in 0..<500 {
        let deadline = UInt64.random(in: 1...60, using: &generator) * second
        var budget = RetryBudget()
        var retry = Retry(deadlineNanoseconds: deadline)
        var now: UInt64 = 0
        var attempts = 0
        while let end = retry.beginAttempt(nowNanoseconds: now) {
            attempts += 1
            #expect(end > now && end <= deadline && end - now <= 10 * second)
            now = UInt64.random(in: now...end, using: &generator)
            let asked: UInt64? =
                Bool.random(using: &generator) ? UInt64.random(in: 0...20, using: &generator) * second : nil
            let decision = retry.decide(
                after: reactions.randomElement(using: &generator) ?? .again, retryAfterNanoseconds: asked,
                nowNanoseconds: now, budget: &budget, random: generator.next())
            if decision == .giveUp { break }
            if case .attemptAt(let time) = decision {
                #expect(time >= now && time < deadline)
                now = time
            }
        }
        #expect(attempts <= 5, "3 count, 2 do not")
    }
}

@Test("Retry-After is seconds or a date of any of the three forms")
func retryAfterValues() {
    // 784111777 is the date that RFC 9110 writes in all three forms.
    let expectations: [(String, UInt64?)] = [
        ("0", 0), ("120", 120 * second), ("0005", 5 * second),
        ("99999999999999999999999", 100_000_000 * second), ("", nil), ("-1", nil),
        ("+1", nil), ("1.5", nil), (" 1", nil), ("soon", nil), ("Sun, 06 Nov 1994 08:49:37 GMT", 7 * second),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 7 * second), ("Sun Nov  6 08:49:37 1994", 7 * second),
        ("Sun, 06 Nov 1994 08:49:29 GMT", 0), ("Sun, 06 Nov 1994 25:49:37 GMT", nil),
        ("Sun, 06 Nov 1994 08:49 GMT", nil),
        ("Sun, 32 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Nob 1994 08:49:37 GMT", nil),
        ("Sun, 06 Nov 1994 08:49:37 CET", nil),
        ("Sun, 06 Nov 1969 08:49:37 GMT", nil),
    ]
    for (value, expected) in expectations {
        #expect(RetryAfter.nanoseconds(Array(value.utf8), nowSeconds: 784_111_770) == expected, "\(value)")
    }
    #expect(HTTPDate.seconds(Array("Thu, 01 Jan 1970 00:00:00 GMT".utf8)) == 0)
    #expect(HTTPDate.seconds(Array("Thu, 29 Feb 2024 23:59:60 GMT".utf8)) == 1_709_251_200)
    #expect(HTTPDate.seconds(Array("Fri, 31 Dec 2999 00:00:00 GMT".utf8)) == 32_503_593_600)
}
