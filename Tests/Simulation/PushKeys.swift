import Net
import TestSupport

@testable import Functions

/// A day of the keys that prove push tokens: the issuer brings a new one, takes an old one back, is down.
enum PushKeys {
    /// What comes in at a time, and what must come of it.
    private struct Step {
        let second: UInt64
        /// What the issuer says by then; nil while it is down.
        let issued: [String]?
        let keyID: String
        let verdict: Expected
        /// How often the issuer has answered, or failed to, since the start.
        let asked: Int
        /// How many such pushes come at once.
        let times: Int
        let name: String

        init(
            _ name: String, _ second: UInt64, issued: [String]?, keyID: String, _ verdict: Expected,
            asked: Int,
            times: Int = 1
        ) {
            self.times = times
            self.name = name
            self.second = second
            self.issued = issued
            self.keyID = keyID
            self.verdict = verdict
            self.asked = asked
        }
    }

    private enum Expected {
        case accepted
        case unknownKey
        case undecided

        func matches(_ verdict: PushVerifier.Verdict) -> Bool {
            switch (self, verdict) {
            case (.accepted, .accepted), (.unknownKey, .refused(.unknownKey)), (.undecided, .undecided): true
            default: false
            }
        }
    }

    private static let steps = [
        Step("the first push asks", 0, issued: ["k1"], keyID: "k1", .accepted, asked: 1),
        Step("kept for max-age", 590, issued: ["k1"], keyID: "k1", .accepted, asked: 1),
        Step("a new key", 595, issued: ["k1", "k2"], keyID: "k2", .accepted, asked: 2),
        Step("too soon", 600, issued: ["k1", "k2"], keyID: "k3", .unknownKey, asked: 2),
        Step("too soon", 654, issued: ["k1", "k2"], keyID: "k3", .unknownKey, asked: 2),
        Step("a minute", 655, issued: ["k1", "k2"], keyID: "k3", .unknownKey, asked: 3),
        Step("not yet known", 1_255, issued: ["k2"], keyID: "k1", .accepted, asked: 3),
        Step("taken back", 1_256, issued: ["k2"], keyID: "k1", .unknownKey, asked: 4),
        Step("kept while down", 1_300, issued: nil, keyID: "k2", .accepted, asked: 4),
        Step("old, and none new", 1_860, issued: nil, keyID: "k2", .undecided, asked: 7),
        Step("up again", 1_920, issued: ["k2"], keyID: "k2", .accepted, asked: 8),
        Step("a new key, three times", 2_000, issued: ["k4"], keyID: "k4", .accepted, asked: 9, times: 3),
        Step("nobody knows", 2_100, issued: nil, keyID: "k5", .undecided, asked: 12, times: 3),
        Step("still nobody", 2_110, issued: nil, keyID: "k5", .undecided, asked: 12, times: 3),
    ]

    /// How long keys are kept, where the issuer says this of it, and how long in seconds.
    private static let ages: [(cacheControl: String, seconds: UInt64)] = [
        ("public", 300), ("max-age=0", 60), ("max-age=31536000", 86_400),
    ]

    /// What was not as it must be.
    static func run() -> [String] {
        let standard = Run.onLoop { await play(steps) }
        return ages.reduce(into: standard) { broken, age in
            let end = age.seconds
            let steps = [
                Step("the first push asks", 0, issued: ["k1"], keyID: "k1", .accepted, asked: 1),
                Step("kept until then", end - 1, issued: ["k1"], keyID: "k1", .accepted, asked: 1),
                Step("and no longer", end + 1, issued: ["k1"], keyID: "k1", .accepted, asked: 2),
            ]
            broken += Run.onLoop { await play(steps, cacheControl: age.cacheControl) }
        }
    }

    @EventLoopActor
    private static func play(
        _ steps: [Step], cacheControl: String = "public, max-age=600, must-revalidate"
    ) async -> [String] {
        let issuer = Issuer(cacheControl: cacheControl)
        let push = EventHandlerConfiguration.Push(
            audience: PushTokens.audience, serviceAccount: PushTokens.serviceAccount)
        let log = Log(level: .error, sink: NobodyReads())
        let verifier = PushVerifier(push, caller: UpstreamCaller(exchange: issuer, log: log))
        let start = EventLoop.shared.nowNanoseconds
        var broken: [String] = []
        for step in steps {
            let passed = (EventLoop.shared.nowNanoseconds - start) / 1_000_000
            await EventLoop.shared.sleep(until: .after(milliseconds: step.second * 1_000 - passed))
            issuer.issued = step.issued
            let verdicts = await verdicts(of: verifier, keyID: step.keyID, times: step.times)
            if !verdicts.allSatisfy(step.verdict.matches) || issuer.asked != step.asked {
                let what = "\(verdicts), asked \(issuer.asked) times, keys \(cacheControl)"
                broken.append("second \(step.second), \(step.name): \(what)")
            }
        }
        return broken
    }

    /// What the verifier says of that many pushes at once.
    @EventLoopActor
    private static func verdicts(
        of verifier: PushVerifier, keyID: String, times: Int
    ) async -> [PushVerifier.Verdict] {
        var verdicts: [PushVerifier.Verdict] = []
        let done = Gate()
        for _ in 0..<times {
            EventLoop.shared.start {
                var fields = HTTPFields()
                let token = PushTokens.token(head: #"{"alg":"RS256","kid":"\#(keyID)"}"#)
                fields.append("Authorization", Array("Bearer ".utf8) + token)
                verdicts.append(await verifier.verify(fields, deadline: .after(milliseconds: 30_000)))
                if verdicts.count == times { done.open() }
            }
        }
        _ = await done.wait(until: .after(milliseconds: 60_000))
        return verdicts
    }

    @EventLoopActor
    private final class Issuer: HTTPExchange {
        var issued: [String]?
        private(set) var asked = 0
        private let cacheControl: String

        init(cacheControl: String) { self.cacheControl = cacheControl }

        func send(
            _ request: HTTPRequest, to origin: Origin, deadline: Deadline
        ) async throws(HTTPClientError) -> HTTPResponse {
            asked += 1
            await EventLoop.shared.sleep(until: .after(milliseconds: 5))
            guard let issued else { throw .notConnected(.connectionRefused) }
            return PushTokens.keySet(issued, cacheControl: cacheControl)
        }

        func prepareConnection(to origin: Origin, deadline: Deadline) async {}
    }

}

/// A sink of lines that nobody reads.
final class NobodyReads: LogSink {
    func write(_ line: [UInt8]) {}
    func takeDroppedLines() -> Int { 0 }
    func drain() {}
}
