import Net
import Synchronization
import TestSupport

/// What came of one run.
struct RunResult: Sendable {
    let ledger: Ledger
    let violations: [String]
    let hash: UInt64
    let lines: [String]
}

/// One run on a virtual clock of its own.
enum Run {
    /// A run of a seed: traffic, weather and misfortune are drawn from it.
    static func seed(_ seed: UInt64, scale: Int, canary: Canary? = nil, keepsText: Bool = false) -> RunResult
    {
        onLoop {
            var random = SeededGenerator(seed: seed)
            let setting = RunSetting(random: &random, scale: scale)
            let traffic = Traffic(
                events: setting.events, spanMilliseconds: setting.faultsMilliseconds, form: setting.form,
                random: &random)
            let weather = Weather(untilMilliseconds: setting.faultsMilliseconds, random: &random)
            let world = World(
                setting: setting, traffic: traffic, weather: weather, random: random,
                transcript: Transcript(keepsText: keepsText))
            return await play(world, canary)
        }
    }

    /// Plays a world to its rest and looks at what is left.
    @EventLoopActor
    static func play(_ world: World, _ canary: Canary? = nil) async -> RunResult {
        let fleet = Fleet(world: world, canary: canary)
        let horizon = Deadline.after(milliseconds: UInt64(world.weather.endMilliseconds) + 7_200_000)
        let subscription = Subscription(world: world, fleet: fleet, horizon: horizon)
        EventLoop.shared.start { await fleet.suffer() }
        await subscription.run()
        // Late deliveries and late effects come to their end.
        let fair = UInt64(max(0, world.weather.endMilliseconds - world.nowMilliseconds))
        await EventLoop.shared.sleep(until: .after(milliseconds: fair + 300_000))
        world.checkAtRest()
        world.ledger.events += world.messages.count
        world.ledger.virtualSeconds += world.nowMilliseconds / 1_000
        return RunResult(
            ledger: world.ledger, violations: world.violations, hash: world.transcript.hash,
            lines: world.transcript.lines)
    }

    /// Runs `body` as the only root task of the event loop, whose clock begins anew.
    static func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable @EventLoopActor () async -> Value
    ) -> Value {
        let box = Box<Value>()
        EventLoop.shared.start {
            let result = await body()
            box.value.withLock { $0 = result }
            EventLoop.shared.stop()
        }
        EventLoop.shared.run(clock: .virtual)
        guard let result = box.value.withLock({ $0 }) else { preconditionFailure("the run has a result") }
        return result
    }

    private final class Box<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}

extension World {
    /// What must be true when everything has come to rest.
    func checkAtRest() {
        for message in messages where !message.isSettled {
            violate("message \(message.index) (\(message.kind)) is lost: never acknowledged")
        }
        for message in messages where message.isAcknowledged || !message.isStorable {
            checkStored(message, "message \(message.index)")
        }
        for (question, askers) in questions.sorted(by: { $0.key < $1.key }) { checkJob(question, askers) }
        for (name, count) in creations.sorted(by: { $0.key < $1.key }) {
            let there = jobs[name] == nil ? 0 : 1
            if count - (deletions[name] ?? 0) != there { violate("the Jobs called \(name) do not add up") }
            if deletions[name] == nil, count > 1 { violate("\(name) was made \(count) times") }
        }
        for message in messages where message.fate == .undispatchable && message.isAcknowledged {
            if creations["question-\(message.questionUUID)"] != nil {
                violate("message \(message.index) has a Job, but can have none")
            }
        }
    }

    private func checkJob(_ question: String, _ askers: [Message]) {
        let name = "question-\(question)"
        guard askers[0].fate == .dispatched, askers.contains(where: { $0.isAcknowledged }) else { return }
        guard let job = jobs[name] else {
            if deletions[name] == nil { violate("question \(question) is acknowledged, but has no Job") }
            return
        }
        if !askers.contains(where: { $0.uuid == job.eventUUID }) {
            violate("the Job of question \(question) is another event's")
        }
    }
}
