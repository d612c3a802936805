import Net
import TestSupport

@testable import Functions

/// What chance is not left to: bursts, outages, and every fault at every call with and without a crash.
enum Scenarios {
    /// Runs all of them. Returns whether every promise was kept.
    static func run() -> Bool {
        let parts = [
            ("burst", burst()), ("what is kept", kept()), ("keys of pushes", PushKeys.run()),
            ("a log that is not read", StalledLog.run()), ("a repository that was seen", seenRepository()),
            ("outages", outages()), ("every fault at every call", everyFault()),
        ]
        print("")
        for (name, broken) in parts {
            print("scenario: \(name.padded(28))\(broken.isEmpty ? "kept" : "BROKEN")")
            for text in broken.prefix(10) { print("  broken: \(text)") }
        }
        return parts.allSatisfy { $0.1.isEmpty }
    }

    @EventLoopActor
    private static func world(
        _ parts: [Traffic.Part], every milliseconds: Int, seed: UInt64 = 1, keepsText: Bool = false
    ) -> World {
        var random = SeededGenerator(seed: seed)
        var setting = RunSetting()
        setting.instancesMax = 1
        setting.namesProject = false
        let traffic = Traffic(parts, intervalMilliseconds: milliseconds, form: .push, random: &random)
        return World(
            setting: setting, traffic: traffic, weather: .fair, random: random,
            transcript: Transcript(keepsText: keepsText))
    }

    // MARK: A burst

    /// A thousand questions at once find an instance that has neither token nor endpoint: it asks for each
    /// once.
    private static func burst() -> [String] {
        let result = Run.onLoop {
            await Run.play(world(Array(repeating: .question, count: 1_000), every: 0))
        }
        var broken = result.violations
        for call in [Call.token, .project, .cluster] {
            let count = result.ledger.outcomes[Faults.naturalIndex(call, "200")]
            if count != 1 { broken.append("\(call.title): \(count) requests for a thousand questions") }
        }
        if result.ledger.jobs != 1_000 || result.ledger.rows != 1_000 {
            broken.append("\(result.ledger.rows) rows, \(result.ledger.jobs) Jobs")
        }
        return broken
    }

    // MARK: What is kept

    /// Questions, one every so often, and what GKE is asked meanwhile.
    private struct Keeping {
        let title: String
        let questions: Int
        let everyMilliseconds: Int
        /// Whether GKE is down but for the first minute.
        let isDown: Bool
        /// How often GKE says where the cluster is, and how often it says nothing.
        let answers: Int
        let failures: ClosedRange<Int>
    }

    /// The cluster's endpoint is kept for ten minutes, and asked for anew from seven on. While GKE is down
    /// the last one that it said serves on, and it is asked no more than twice a minute.
    private static let keepings = [
        Keeping(
            title: "a question every six minutes", questions: 5, everyMilliseconds: 360_000, isDown: false,
            answers: 3, failures: 0...0),
        Keeping(
            title: "a question every seven and a half minutes", questions: 5, everyMilliseconds: 450_000,
            isDown: false, answers: 5, failures: 0...0),
        Keeping(
            title: "a question every six minutes, GKE down", questions: 5, everyMilliseconds: 360_000,
            isDown: true, answers: 1, failures: 1...12),
        Keeping(
            title: "a question every ten seconds, GKE down", questions: 60, everyMilliseconds: 10_000,
            isDown: true, answers: 1, failures: 1...15),
    ]

    private static func kept() -> [String] {
        var broken: [String] = []
        for keeping in keepings {
            let result = Run.onLoop { await questions(keeping) }
            broken += result.violations
            let answers = result.ledger.outcomes[Faults.naturalIndex(.cluster, "200")]
            let title = keeping.title
            if answers != keeping.answers { broken.append("\(title): \(answers) answers of GKE's") }
            let jobs = result.ledger.jobs
            if jobs != keeping.questions { broken.append("\(title): \(jobs) Jobs") }
            let failures = result.ledger.outcomes[down]
            if !keeping.failures.contains(failures) { broken.append("\(title): \(failures) failures") }
        }
        return broken
    }

    private static let down: Int = {
        guard let row = Faults.all.firstIndex(where: { $0.call == .cluster && $0.title == "503" }) else {
            preconditionFailure("GKE can be down")
        }
        return row
    }()

    @EventLoopActor
    private static func questions(_ keeping: Keeping) async -> RunResult {
        let world = world(
            Array(repeating: .question, count: keeping.questions), every: keeping.everyMilliseconds)
        world.script = { [unowned world] call, _ in
            keeping.isDown && call == .cluster && world.nowMilliseconds > 60_000 ? down : nil
        }
        return await Run.play(world)
    }

    /// A repository that was seen is taken for being there, and looked at again after five minutes.
    private static func seenRepository() -> [String] {
        let asked = Run.onLoop { await misses(atSeconds: [0, 299, 301, 600, 602]) }
        return asked == [1, 1, 2, 2, 3] ? [] : ["the repository was read so often: \(asked)"]
    }

    /// How often a repository had been read by when an image was asked for that is not in it.
    @EventLoopActor
    private static func misses(atSeconds seconds: [UInt64]) async -> [Int] {
        guard let repository = RepositoryID("projects/p/locations/l/repositories/r".utf8),
            let name = ServiceName("my-org/my-service".utf8), let tag = ImageTag("1")
        else { preconditionFailure("the names are names") }
        let repositories = EmptyRepository(target: Array("/v1/\(repository.text)".utf8))
        let log = Log(level: .error, sink: NobodyReads())
        let caller = UpstreamCaller(exchange: repositories, log: log)
        let token = AccessToken(log: log) { _ in .failure(.failed("none is needed")) }
        let parts = ServiceParts(
            exchange: repositories, caller: caller, token: token,
            project: ProjectLookup(known: "p", credentials: nil, caller: caller, log: log), log: log)
        guard let endpoint = Endpoint(override: "http://127.0.0.1:1/", droppingSuffix: "/v1") else {
            preconditionFailure("an emulator has an endpoint")
        }
        let registry = ArtifactRegistry(
            repository: repository, api: GoogleAPI(endpoint, parts, quotaProjectID: nil))
        let start = EventLoop.shared.nowNanoseconds
        var reads: [Int] = []
        for second in seconds {
            await EventLoop.shared.sleep(until: Deadline(nanoseconds: start + second * 1_000_000_000))
            let isThere = try? await registry.hasTag(
                tag, of: name, deadline: .after(milliseconds: 10_000), context: .none)
            reads.append(isThere == false ? repositories.reads : -1)
        }
        return reads
    }

    /// A repository without images.
    @EventLoopActor
    private final class EmptyRepository: HTTPExchange {
        private let target: [UInt8]
        private(set) var reads = 0

        init(target: [UInt8]) { self.target = target }

        func send(
            _ request: HTTPRequest, to origin: Origin, deadline: Deadline
        ) async throws(HTTPClientError) -> HTTPResponse {
            guard request.target.elementsEqual(target) else { return HTTPResponse(status: 404) }
            reads += 1
            return HTTPResponse(status: 200, body: Array("{}".utf8))
        }

        func prepareConnection(to origin: Origin, deadline: Deadline) async {}
    }

    // MARK: Outages

    /// A service that stays down gets at most a tenth more requests than there are calls.
    private static func outages() -> [String] {
        let kinds: [(Call, Traffic.Part)] = [
            (.insert, .result), (.create, .question), (.delete, .cancellation), (.tell, .undispatchable),
            (.bury, .malformed),
        ]
        var broken: [String] = []
        for (call, part) in kinds {
            for title in ["connection refused", "connection reset", "attempt timed out", "503"] {
                guard let row = Faults.all.firstIndex(where: { $0.call == call && $0.title == title }) else {
                    preconditionFailure("every call can fail like this")
                }
                let result = Run.onLoop { await outage(call, part, row) }
                broken += result.violations
                let calls = result.ledger.calls[call.rawValue]
                let attempts = result.ledger.attempts[call.rawValue]
                // Asking the cluster's endpoint anew is not a retry, and is limited to one a call by itself.
                let anew = call.isCluster && title == "connection refused" ? calls : 0
                if calls < 1_000 { broken.append("\(call.title), \(title): only \(calls) calls") }
                if (attempts - anew) * 10 > calls * 11 {
                    broken.append("\(call.title), \(title): \(attempts) requests for \(calls) calls")
                }
            }
        }
        return broken
    }

    @EventLoopActor
    private static func outage(_ call: Call, _ part: Traffic.Part, _ row: Int) async -> RunResult {
        let world = world(Array(repeating: part, count: 1_000), every: 50)
        world.script = { at, _ in at == call ? row : nil }
        let fleet = Fleet(world: world, canary: nil)
        let subscription = Subscription(world: world, fleet: fleet, horizon: .after(milliseconds: 600_000))
        for message in world.messages {
            EventLoop.shared.start {
                await EventLoop.shared.sleep(until: .after(milliseconds: UInt64(message.atMilliseconds)))
                await subscription.push(message, 1)
            }
        }
        await EventLoop.shared.sleep(until: .after(milliseconds: 300_000))
        return RunResult(
            ledger: world.ledger, violations: world.violations, hash: world.transcript.hash,
            lines: world.transcript.lines)
    }

    // MARK: Every fault at every call

    /// Each fault of the table, once and for a whole minute, without a crash and with one before and after
    /// the call is carried out; then redelivery until all is at rest.
    private static func everyFault() -> [String] {
        var broken: [String] = []
        for (row, fault) in Faults.all.enumerated() where !fault.isNatural {
            for lastsOnce in [true, false] {
                for crash in [nil, false, true] as [Bool?] {
                    let result = Run.onLoop { await one(row, lastsOnce, crash) }
                    let place = "\(fault.call.title), \(fault.title), \(fault.effect.title)"
                    let crashText = crash.map { $0 ? ", crash after it" : ", crash before it" } ?? ""
                    let often = lastsOnce ? "" : ", for a minute"
                    broken += result.violations.map { "\(place)\(often)\(crashText): \($0)" }
                    if result.ledger.outcomes[row] == 0 && crash == nil {
                        broken.append("\(place): never met")
                    }
                }
            }
        }
        return broken
    }

    @EventLoopActor
    private static func one(_ row: Int, _ lastsOnce: Bool, _ crash: Bool?) async -> RunResult {
        let call = Faults.all[row].call
        let parts: [Traffic.Part] =
            switch call {
            case .token, .project, .insert, .cluster, .create: [.question, .result]
            case .read: [.question, .copy, .second]
            case .delete: [.question, .cancellation]
            case .tell: [.undispatchable]
            case .bury: [.malformed]
            }
        let world = world(parts, every: 5_000, seed: UInt64(row))
        var met = 0
        var crashed = false
        world.script = { [unowned world] at, _ in
            guard at == call, lastsOnce ? met == 0 : world.nowMilliseconds < 60_000 else { return nil }
            met += 1
            return row
        }
        world.crashScript = { at in
            guard at == call, let crash, !crashed else { return nil }
            crashed = true
            return crash
        }
        return await Run.play(world)
    }
}
