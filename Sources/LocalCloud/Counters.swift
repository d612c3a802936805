import Net

/// What is counted, whether recording is on or off. The names are those of the control port.
enum Counter: String, CaseIterable {
    case faultsApplied = "faults.applied"
    case rowsAttempts = "rows.attempts"
    case rowsAccepted = "rows.accepted"
    case rowsDistinct = "rows.distinct"
    case rowsRejected = "rows.rejected"
    case jobsCreated = "jobs.created"
    case jobsDuplicates = "jobs.duplicates"
    case jobsDeleted = "jobs.deleted"
    case jobsLive = "jobs.live"
    case jobsInvalid = "jobs.invalid"
    case podsLive = "pods.live"
    case podsOrphaned = "pods.orphaned"
    case messagesPublished = "messages.published"
    case deliveriesAttempts = "deliveries.attempts"
    case deliveriesAcknowledged = "deliveries.acknowledged"
    case deliveriesRefused = "deliveries.refused"
    case deliveriesExhausted = "deliveries.exhausted"
    case deliveriesPending = "deliveries.pending"
    case tokensIssued = "tokens.issued"

    var index: Int { Self.places[self] ?? 0 }

    private static let places: [Counter: Int] = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) })
}

/// All counters, and those who wait for one of them to reach a value.
@EventLoopActor
final class Counters {
    private var values = [Int](repeating: 0, count: Counter.allCases.count)
    private var requests = [Int](repeating: 0, count: ServiceName.allCases.count)
    private var connections = [Int](repeating: 0, count: ServiceName.allCases.count)
    private var statuses = [Int](repeating: 0, count: 600)
    private var waiting: [Waiting] = []
    /// How many connections a service's listener has accepted in all; asked for when it is wanted.
    var accepted: (ServiceName) -> Int = { _ in 0 }
    private var acceptedBefore = [Int](repeating: 0, count: ServiceName.allCases.count)

    /// One who waits until all of some conditions hold.
    @EventLoopActor
    final class Waiting {
        let conditions: [CounterCondition]
        let gate = Gate()

        init(_ conditions: [CounterCondition]) { self.conditions = conditions }
    }

    func add(_ amount: Int = 1, to counter: Counter) {
        values[counter.index] += amount
        changed()
    }

    func addRequest(_ service: ServiceName, status: Int) {
        requests[service.index] += 1
        if statuses.indices.contains(status) { statuses[status] += 1 }
        changed()
    }

    func addConnection(_ service: ServiceName) {
        connections[service.index] += 1
        changed()
    }

    /// The value of the counter called `name`; nil when no counter has that name.
    func value(named name: String) -> Int? {
        if let counter = Counter(rawValue: name) { return values[counter.index] }
        switch name {
        case "requests": return requests.reduce(0, +)
        case "connections": return connections.reduce(0, +)
        default: break
        }
        guard let dot = name.firstIndex(of: ".") else { return nil }
        let rest = String(name[name.index(after: dot)...])
        switch name[..<dot] {
        case "requests": return ServiceName(rawValue: rest).map { requests[$0.index] }
        case "connections": return ServiceName(rawValue: rest).map { connections[$0.index] }
        case "accepted": return ServiceName(rawValue: rest).map { accepted($0) - acceptedBefore[$0.index] }
        case "statuses":
            guard let status = Int(rest), statuses.indices.contains(status) else { return nil }
            return statuses[status]
        default: return nil
        }
    }

    /// Every counter's name and value; statuses that have not occurred are left out.
    var all: [(name: String, value: Int)] {
        var list = [("requests", requests.reduce(0, +)), ("connections", connections.reduce(0, +))]
        for service in ServiceName.allCases where service != .control {
            list.append(("requests.\(service.rawValue)", requests[service.index]))
            list.append(("connections.\(service.rawValue)", connections[service.index]))
            list.append(("accepted.\(service.rawValue)", accepted(service) - acceptedBefore[service.index]))
        }
        for status in statuses.indices where statuses[status] > 0 {
            list.append(("statuses.\(status)", statuses[status]))
        }
        return list + Counter.allCases.map { ($0.rawValue, values[$0.index]) }
    }

    /// Begins again at zero.
    func reset() {
        for index in connections.indices { connections[index] = 0 }
        for service in ServiceName.allCases { acceptedBefore[service.index] = accepted(service) }
        for index in values.indices { values[index] = 0 }
        for index in requests.indices { requests[index] = 0 }
        for index in statuses.indices { statuses[index] = 0 }
        changed()
    }

    /// Waits until all `conditions` hold. Returns false when `deadline` passes before.
    func wait(for conditions: [CounterCondition], until deadline: Deadline) async -> Bool {
        if hold(conditions) { return true }
        if conditions.contains(where: { $0.counter.hasPrefix("accepted.") }) {
            return await look(at: conditions, until: deadline)
        }
        let waiter = Waiting(conditions)
        waiting.append(waiter)
        let opened = await waiter.gate.wait(until: deadline)
        if !opened { waiting.removeAll { $0 === waiter } }
        return opened
    }

    /// What listeners accept tells nobody, so it is looked at again and again.
    private func look(at conditions: [CounterCondition], until deadline: Deadline) async -> Bool {
        while !deadline.hasPassed {
            await EventLoop.shared.sleep(until: min(deadline, .after(milliseconds: 10)))
            if hold(conditions) { return true }
        }
        return false
    }

    private func hold(_ conditions: [CounterCondition]) -> Bool {
        conditions.allSatisfy { $0.holds(for: value(named: $0.counter) ?? 0) }
    }

    private func changed() {
        if waiting.isEmpty { return }
        let satisfied = waiting.filter { hold($0.conditions) }
        if satisfied.isEmpty { return }
        waiting.removeAll { waiter in satisfied.contains { $0 === waiter } }
        for waiter in satisfied { waiter.gate.open() }
    }
}

/// What a counter's value must be.
struct CounterCondition: Sendable {
    let counter: String
    let atLeast: Int?
    let atMost: Int?
    let equals: Int?

    func holds(for value: Int) -> Bool {
        if let atLeast, value < atLeast { return false }
        if let atMost, value > atMost { return false }
        if let equals, value != equals { return false }
        return true
    }
}
