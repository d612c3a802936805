import Net
import TestSupport

/// The instances behind the subscription's endpoint.
@EventLoopActor
final class Fleet {
    private let world: World
    private let canary: Canary?
    private var instances: [Instance] = []
    private var started = 0

    init(world: World, canary: Canary?) {
        self.world = world
        self.canary = canary
    }

    private var serving: [Instance] { instances.filter { !$0.isDead && !$0.isRetiring } }

    /// An instance for the next delivery: one that serves, or a new one.
    func route() -> Instance {
        let serving = serving
        let grows = serving.count < world.setting.instancesMax && world.random.happens(permille: 150)
        if serving.isEmpty || grows { return start() }
        return world.random.pick(serving)
    }

    private func start() -> Instance {
        started += 1
        let instance = Instance(id: started, world: world, canary: canary)
        instances.append(instance)
        // The platform starts an instance because of a request: the work after listen() runs beside it.
        if world.random.happens(permille: 500) { instance.warmUp() }
        return instance
    }

    /// Crashes, retires, revokes, moves: what befalls a fleet until the weather is fair.
    func suffer() async {
        while !world.isFair {
            let pause = world.random.within(2_000...120_000)
            await EventLoop.shared.sleep(until: .after(milliseconds: UInt64(pause)))
            if world.isFair { return }
            let now = EventLoop.shared.nowNanoseconds
            switch world.random.below(4) {
            case 0 where world.setting.crashPermille > 0: crashOne()
            case 1: retireOne()
            case 2:
                world.tokens.revoke(now: now, staleMilliseconds: world.random.pick([0, 0, 3_000, 30_000]))
            default:
                world.places.move(
                    now: now, staleMilliseconds: world.random.pick([0, 0, 3_000, 30_000]),
                    isTakenOver: world.random.happens(permille: 500),
                    keepsHost: world.random.happens(permille: 200))
            }
        }
    }

    private func crashOne() {
        guard !serving.isEmpty else { return }
        world.ledger.crashesAtRandom += 1
        world.kill(world.random.pick(serving))
    }

    /// As the platform does it: no further deliveries, and the end after ten seconds.
    private func retireOne() {
        guard !serving.isEmpty else { return }
        let instance = world.random.pick(serving)
        instance.isRetiring = true
        world.ledger.retirements += 1
        world.transcript.note(6, instance.id, text: "instance \(instance.id) retires")
        EventLoop.shared.start { [world] in
            await EventLoop.shared.sleep(until: .after(milliseconds: 10_000))
            if instance.deliveriesInFlight > 0 { world.kill(instance) }
            instance.isRetiring = true
        }
    }
}

/// A push subscription that delivers at least once, several times at once if need be, until it is told 200.
@EventLoopActor
final class Subscription {
    private let world: World
    private let fleet: Fleet
    private let horizonNanoseconds: UInt64
    private var settled: [Gate]
    /// A subscription's policy takes what was refused so often.
    private static let refusalsMax = 5

    init(world: World, fleet: Fleet, horizon: Deadline) {
        self.world = world
        self.fleet = fleet
        horizonNanoseconds = horizon.nanoseconds
        settled = world.messages.map { _ in Gate() }
    }

    /// Publishes everything, and returns when all of it is settled or the horizon is reached.
    func run() async {
        for message in world.messages {
            EventLoop.shared.start { [self] in await carry(message) }
        }
        for gate in settled { _ = await gate.wait(until: Deadline(nanoseconds: horizonNanoseconds)) }
    }

    private func carry(_ message: Message) async {
        let start = EventLoop.shared.nowNanoseconds + UInt64(message.atMilliseconds) * 1_000_000
        await EventLoop.shared.sleep(until: Deadline(nanoseconds: start))
        if let first = message.after {
            _ = await settled[first.index].wait(until: Deadline(nanoseconds: horizonNanoseconds))
        }
        var refusals = 0
        var number = 0
        while EventLoop.shared.nowNanoseconds < horizonNanoseconds {
            number += 1
            let heard = await deliver(message, number)
            if heard.contains(200) {
                message.isAcknowledged = true
                break
            }
            if heard.contains(where: { (400..<500).contains($0) }) {
                refusals += 1
                if refusals >= Self.refusalsMax, !message.isStorable {
                    message.isLeftToPolicy = true
                    break
                }
            }
            let backoff = min(600_000, 1_000 << min(number, 10))
            let pause = UInt64(backoff / 2 + world.random.below(backoff))
            await EventLoop.shared.sleep(until: .after(milliseconds: pause))
        }
        settled[message.index].open()
        guard message.isAcknowledged, world.random.happens(permille: 80) else { return }
        // At least once: also after it was acknowledged.
        let pause = UInt64(world.random.below(60_000))
        await EventLoop.shared.sleep(until: .after(milliseconds: pause))
        _ = await deliver(message, number + 1)
    }

    /// Delivers a message, now and then several times at once. Returns what Pub/Sub was told.
    private func deliver(_ message: Message, _ number: Int) async -> [Int] {
        let isDoubled = world.random.happens(permille: world.setting.duplicatesPermille)
        let copies = isDoubled ? world.random.within(2...8) : 1
        let answers = Answers(expected: copies)
        let spread = world.random.pick([1, 50, 5_000])
        for _ in 0..<copies {
            let offset = copies == 1 ? 0 : UInt64(world.random.below(spread))
            EventLoop.shared.start { [self] in
                if offset > 0 { await EventLoop.shared.sleep(until: .after(milliseconds: offset)) }
                answers.add(await push(message, number))
            }
        }
        _ = await answers.gate.wait(until: .after(milliseconds: 200_000))
        return answers.heard
    }

    /// One push request and its answer; nil where none comes.
    @discardableResult
    func push(_ message: Message, _ number: Int) async -> Int? {
        let instance = fleet.route()
        let delivery = Delivery(
            message: message, instance: instance, number: number,
            deadline: .after(milliseconds: UInt64(world.setting.limitMilliseconds)), troubles: world.troubles,
            sharedTroubles: world.sharedTroubles)
        world.ledger.deliveries += 1
        world.transcript.note(7, message.index, instance.id, number, text: "\(delivery.name) begins")
        instance.deliveriesInFlight += 1
        let request = Self.request(message, world.setting.form)
        let response = await Delivery.$current.withValue(delivery) {
            await instance.handler.handle(request, deadline: delivery.deadline)
        }
        instance.deliveriesInFlight -= 1
        delivery.isFinished = true
        if instance.isDead { return nil }
        world.transcript.note(
            8, message.index, instance.id, response.status, text: "\(delivery.name): \(response.status)")
        world.check(response, to: delivery)
        if world.crashScript == nil, !world.isFair {
            if world.random.happens(permille: world.setting.crashPermille) {
                world.ledger.crashesAfterAnswer += 1
                world.kill(instance)
                return nil
            }
            if world.random.happens(permille: 20) {
                world.ledger.answersLost += 1
                return nil
            }
        }
        return response.status
    }

    private static func request(_ message: Message, _ form: PushForm) -> HTTPRequest {
        var fields = HTTPFields()
        fields.append("Content-Type", Array(message.contentType.utf8))
        if form == .binary {
            fields.append("ce-id", Array(message.id.utf8))
            fields.append("ce-source", Array("//pubsub.googleapis.com/projects/p-1/topics/twined".utf8))
            fields.append("ce-specversion", Array("1.0".utf8))
            fields.append("ce-type", Array("google.cloud.pubsub.topic.v1.messagePublished".utf8))
        }
        return HTTPRequest(method: .post, target: Array("/".utf8), fields: fields, body: message.body)
    }
}

/// The answers to several copies of one push.
@EventLoopActor
private final class Answers {
    let gate = Gate()
    private(set) var heard: [Int] = []
    private var missing: Int

    init(expected: Int) {
        missing = expected
    }

    func add(_ status: Int?) {
        if let status { heard.append(status) }
        missing -= 1
        if missing == 0 { gate.open() }
    }
}
