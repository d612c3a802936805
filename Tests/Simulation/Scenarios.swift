import Net
import TestSupport

/// What chance is not left to: bursts, outages, and every fault at every call with and without a crash.
enum Scenarios {
    /// Runs all of them. Returns whether every promise was kept.
    static func run() -> Bool {
        let parts = [
            ("burst", burst()), ("what is kept", kept()), ("keys of pushes", PushKeys.run()),
            ("a log that is not read", StalledLog.run()),
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

    /// A question every six minutes: the cluster's endpoint is kept for ten, and while GKE is down the last
    /// one that it said serves on.
    private static func kept() -> [String] {
        var broken: [String] = []
        for (isDown, expected) in [(false, 3), (true, 1)] {
            let result = Run.onLoop { await questions(isDown: isDown) }
            broken += result.violations
            let answers = result.ledger.outcomes[Faults.naturalIndex(.cluster, "200")]
            let title = "five questions, GKE \(isDown ? "down after the first" : "up")"
            if answers != expected { broken.append("\(title): \(answers) answers of GKE's") }
            if result.ledger.jobs != 5 { broken.append("\(title): \(result.ledger.jobs) Jobs") }
            let failures = result.ledger.outcomes[down]
            if isDown != (failures > 0) { broken.append("\(title): \(failures) failures") }
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
    private static func questions(isDown: Bool) async -> RunResult {
        let world = world(Array(repeating: .question, count: 5), every: 360_000)
        world.script = { [unowned world] call, _ in
            isDown && call == .cluster && world.nowMilliseconds > 60_000 ? down : nil
        }
        return await Run.play(world)
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
