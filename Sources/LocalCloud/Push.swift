import JSON
import Net

/// How messages of a topic are pushed to an endpoint.
struct Subscription {
    /// How the names inside the wrapped body are spelt.
    enum Spelling: String { case emulator, service }

    var name: String
    var topic: String
    var origin: Origin
    /// Path and query of the endpoint.
    var target: [UInt8]
    var minimumBackoffMilliseconds: UInt64 = 100
    var maximumBackoffMilliseconds: UInt64 = 1_000
    var deliveriesMax = 20
    var ackDeadlineMilliseconds: UInt64 = 10_000
    var concurrencyMax = 64
    var hasOrderingKey = true
    var hasDeliveryAttempt = true
    var spelling = Spelling.emulator
    var authorization: String?
}

/// One attempt to deliver a message.
struct Delivery {
    let subscription: String
    let messageIdentifier: String
    let attempt: Int
    let status: Int?
    let error: String?
    let isAcknowledged: Bool
    let milliseconds: Double
}

/// Pushes messages, again and again until they are acknowledged or have been delivered often enough.
@EventLoopActor
final class Push {
    /// A message on its way to one subscription.
    private struct Order {
        let message: PublishedMessage
        var attempt = 1
    }

    /// What waits, and what is on its way, for one subscription.
    private final class Backlog {
        var subscription: Subscription
        var waiting: [Order] = []
        var head = 0
        var running = 0
        /// Ordering keys with a message on its way, and those that wait for it.
        var keys: [String: [Order]] = [:]
        var isEnded = false

        init(_ subscription: Subscription) { self.subscription = subscription }

        func next() -> Order? {
            guard head < waiting.count else { return nil }
            defer {
                head += 1
                if head > 512, head * 2 > waiting.count {
                    waiting.removeFirst(head)
                    head = 0
                }
            }
            return waiting[head]
        }

        var left: Int { waiting.count - head + keys.values.reduce(0) { $0 + $1.count } }
    }

    private static let acknowledgements: Set<Int> = [102, 200, 201, 204]

    private let cloud: Cloud
    private let client = HTTPClient()
    private var backlogs: [Backlog] = []
    private(set) var deliveries = NumberedQueue<Delivery>()

    init(cloud: Cloud) { self.cloud = cloud }

    /// The subscriptions that are there.
    var subscriptions: [Subscription] { backlogs.map { $0.subscription } }

    func reset(keepsSubscriptions: Bool) {
        deliveries.removeAll()
        let kept = keepsSubscriptions ? subscriptions : []
        for backlog in backlogs { backlog.isEnded = true }
        backlogs = kept.map { Backlog($0) }
    }

    /// Adds a subscription, in place of one of the same name.
    func add(_ subscription: Subscription) {
        _ = remove(subscription.name)
        backlogs.append(Backlog(subscription))
    }

    /// Ends a subscription; what waits for it is dropped. Returns whether it was there.
    func remove(_ name: String) -> Bool {
        guard let index = backlogs.firstIndex(where: { $0.subscription.name == name }) else { return false }
        let backlog = backlogs.remove(at: index)
        backlog.isEnded = true
        cloud.counters.add(-backlog.left - backlog.running, to: .deliveriesPending)
        return true
    }

    /// Begins to deliver a message to every subscription of its topic.
    func deliver(_ message: PublishedMessage) {
        for backlog in backlogs where backlog.subscription.topic == message.topic {
            cloud.counters.add(to: .deliveriesPending)
            let order = Order(message: message)
            if !message.orderingKey.isEmpty {
                if backlog.keys[message.orderingKey] != nil {
                    backlog.keys[message.orderingKey]?.append(order)
                    continue
                }
                backlog.keys[message.orderingKey] = []
            }
            backlog.waiting.append(order)
            startNext(backlog)
        }
    }

    private func startNext(_ backlog: Backlog) {
        while backlog.running < backlog.subscription.concurrencyMax, let order = backlog.next() {
            backlog.running += 1
            EventLoop.shared.start { await self.run(order, backlog) }
        }
    }

    private func run(_ order: Order, _ backlog: Backlog) async {
        var order = order
        var backoff = backlog.subscription.minimumBackoffMilliseconds
        while !backlog.isEnded {
            let isAcknowledged = await attempt(order, backlog.subscription)
            if backlog.isEnded || isAcknowledged { break }
            if order.attempt >= backlog.subscription.deliveriesMax {
                cloud.counters.add(to: .deliveriesExhausted)
                break
            }
            order.attempt += 1
            await EventLoop.shared.sleep(until: .after(milliseconds: backoff))
            backoff = min(backoff * 2, backlog.subscription.maximumBackoffMilliseconds)
        }
        backlog.running -= 1
        if backlog.isEnded { return }
        cloud.counters.add(-1, to: .deliveriesPending)
        let key = order.message.orderingKey
        if !key.isEmpty, var following = backlog.keys[key] {
            if following.isEmpty {
                backlog.keys[key] = nil
            } else {
                backlog.waiting.append(following.removeFirst())
                backlog.keys[key] = following
            }
        }
        startNext(backlog)
    }

    private func attempt(_ order: Order, _ subscription: Subscription) async -> Bool {
        let start = EventLoop.shared.nowNanoseconds
        var status: Int?
        var problem: String?
        do throws(HTTPClientError) {
            let response = try await client.send(
                request(order, subscription), to: subscription.origin,
                deadline: .after(milliseconds: subscription.ackDeadlineMilliseconds))
            status = response.status
        } catch {
            problem = error.description
        }
        let isAcknowledged = status.map { Self.acknowledgements.contains($0) } ?? false
        cloud.counters.add(to: .deliveriesAttempts)
        cloud.counters.add(to: isAcknowledged ? .deliveriesAcknowledged : .deliveriesRefused)
        if cloud.settings.isRecording {
            let nanoseconds = EventLoop.shared.nowNanoseconds - start
            deliveries.append(
                Delivery(
                    subscription: subscription.name, messageIdentifier: order.message.identifier,
                    attempt: order.attempt, status: status, error: problem, isAcknowledged: isAcknowledged,
                    milliseconds: Double(nanoseconds) / 1_000_000))
            while deliveries.count > cloud.settings.recordedRequestsMax { _ = deliveries.removeFirst() }
        }
        return isAcknowledged
    }

    private func request(_ order: Order, _ subscription: Subscription) -> HTTPRequest {
        var fields = HTTPFields()
        fields.append("Content-Type", "application/json")
        fields.append(
            "User-Agent", "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)")
        fields.append("Accept", "application/json")
        if let authorization = subscription.authorization { fields.append("Authorization", authorization) }
        return HTTPRequest(
            method: .post, target: subscription.target, fields: fields,
            body: Self.wrapped(order.message, attempt: order.attempt, subscription))
    }

    /// The body of a wrapped push, in the emulator's or the service's spelling.
    static func wrapped(_ message: PublishedMessage, attempt: Int, _ subscription: Subscription) -> [UInt8] {
        var json = JSONWriter(capacity: message.data.count + 1_024)
        json.beginObject()
        json.key("subscription")
        if subscription.spelling == .emulator {
            json.string { output in
                for byte in subscription.name.utf8 {
                    if byte == UInt8(ascii: "/") { output.append(UInt8(ascii: "\\")) }
                    output.append(byte)
                }
            }
        } else {
            json.string(subscription.name)
        }
        json.key("message")
        json.beginObject()
        json.member("publishTime", message.publishTime)
        json.key("data")
        json.string { output in output.append(contentsOf: message.data) }
        json.member("publish_time", message.publishTime)
        json.member("messageId", message.identifier)
        json.key("attributes")
        json.beginObject()
        for attribute in message.attributes { json.member(named: attribute.name, attribute.value) }
        json.endObject()
        json.member("message_id", message.identifier)
        if subscription.hasOrderingKey, !message.orderingKey.isEmpty {
            json.member("orderingKey", message.orderingKey)
        }
        json.endObject()
        if subscription.hasDeliveryAttempt { json.member("deliveryAttempt", attempt) }
        json.endObject()
        return json.finish()
    }
}
