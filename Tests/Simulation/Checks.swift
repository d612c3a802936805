import Net

@testable import Functions

/// The promises, watched while a run goes on.
extension World {
    private static let attemptNanosecondsMax: UInt64 = 10_000_000_000

    // MARK: Requests

    /// A request is about to be sent.
    func begin(_ call: Call, _ deadline: Deadline, _ instance: Instance, _ delivery: Delivery?) {
        instance.inFlight[call.rawValue] += 1
        let now = EventLoop.shared.nowNanoseconds
        if deadline.nanoseconds <= now { violate("\(call.title): sent after the attempt's deadline") }
        guard call.isOwn else {
            if instance.inFlight[call.rawValue] > 1 { violate("\(call.title): asked twice at once") }
            return
        }
        guard let delivery else { return violate("\(call.title): sent for no event") }
        transcript.note(
            4, call.rawValue, instance.id, delivery.message.index,
            text: "  \(call.title) for \(delivery.name)")
        if delivery.isFinished { violate("\(call.title): sent after the answer to \(delivery.name)") }
        if now >= delivery.deadline.nanoseconds {
            return violate("\(call.title): sent after the deadline of \(delivery.name)")
        }
        let left = delivery.deadline.nanoseconds - now
        if deadline.nanoseconds - now > max(1, min(left / 3, Self.attemptNanosecondsMax)) {
            violate("\(call.title): one attempt gets more than a third of the time left")
        }
        count(call, instance, delivery, now)
        checkOrder(call, delivery)
    }

    private func count(_ call: Call, _ instance: Instance, _ delivery: Delivery, _ now: UInt64) {
        var attempts = delivery.calls[call.rawValue]
        defer { delivery.calls[call.rawValue] = attempts }
        if now < attempts.notBeforeNanoseconds { violate("\(call.title): sent before Retry-After allows") }
        attempts.notBeforeNanoseconds = 0
        attempts.sent += 1
        ledger.attempts[call.rawValue] += 1
        if attempts.sent == 1 { ledger.calls[call.rawValue] += 1 }
        if attempts.isNextFree {
            attempts.isNextFree = false
            return
        }
        attempts.counted += 1
        if attempts.counted > 3 { violate("\(call.title): attempt \(attempts.counted) of \(delivery.name)") }
        guard attempts.counted > 1 else { return }
        // Both topics are one upstream with one budget.
        let budget = call == .bury ? Call.tell.rawValue : call.rawValue
        instance.retries[budget] += 1
        if instance.retries[budget] * 10 > 100 + instance.successes[budget] {
            violate("\(call.title): \(instance.retries[budget]) retries are over the budget")
        }
    }

    private func checkOrder(_ call: Call, _ delivery: Delivery) {
        switch call {
        case .create, .read, .delete, .tell:
            if !delivery.isToldStored {
                violate("\(call.title): sent before the row of \(delivery.name) is stored")
            }
        case .token, .project, .cluster, .insert, .bury: break
        }
    }

    /// A request has ended, and its instance knows how.
    func end(_ call: Call, _ answered: Answered, _ instance: Instance, _ delivery: Delivery?) {
        let fault = Faults.all[answered.row]
        transcript.note(
            5, call.rawValue, answered.row,
            text: "  \(call.title): \(fault.title), \(fault.effect.title)")
        guard call.isOwn, let delivery else { return }
        var attempts = delivery.calls[call.rawValue]
        defer { delivery.calls[call.rawValue] = attempts }
        let budget = call == .bury ? Call.tell.rawValue : call.rawValue
        switch answered.result {
        case .success(let response):
            if response.status == 401, !attempts.has401 {
                attempts.has401 = true
                attempts.isNextFree = true
            }
            if [200, 201, 202, 404, 409].contains(response.status) { instance.successes[budget] += 1 }
            if call == .insert, let said = answered.said, said.utf8.starts(with: "200 stored".utf8) {
                delivery.isToldStored = true
            }
            if call == .read, answered.said == "200 another event's" {
                delivery.shownOwner = delivery.readOwner
            }
            noteRetryAfter(fault, &attempts)
        case .failure(let error):
            guard call.isCluster, !attempts.hasNoConnection else { return }
            switch error {
            case .notResolved, .notConnected, .connectTimedOut, .handshakeFailed, .notVerified:
                attempts.hasNoConnection = true
                attempts.isNextFree = true
            case .connectionLost, .malformedAnswer, .answerTooLarge, .timedOut, .overloaded: break
            }
        }
    }

    private func noteRetryAfter(_ fault: Fault, _ attempts: inout Delivery.Attempts) {
        guard case .answer(_, _, let retryAfter) = fault.ending else { return }
        let now = EventLoop.shared.nowNanoseconds
        switch retryAfter {
        case .absent, .text: break
        case .seconds(let seconds): attempts.notBeforeNanoseconds = now + UInt64(seconds) * 1_000_000_000
        case .date(let ahead):
            // The date was made within this second, and has no fractions of one.
            let second = now - now % 1_000_000_000
            attempts.notBeforeNanoseconds = second + UInt64(ahead - 1) * 1_000_000_000
        }
    }

    // MARK: Answers

    /// The handler has answered a delivery of a living instance.
    func check(_ response: HTTPResponse, to delivery: Delivery) {
        let message = delivery.message
        if EventLoop.shared.nowNanoseconds > delivery.deadline.nanoseconds {
            violate("\(delivery.name) is answered after its deadline")
        }
        if !allowed(message).contains(response.status) {
            return violate("\(delivery.name) is answered \(response.status)")
        }
        if response.status == 503 { checkFailure(delivery) }
        guard response.status == 200 else { return }
        if !response.body.equals("OK") { violate("\(delivery.name) is answered 200 without OK") }
        if message.answeredNanoseconds == nil {
            message.answeredNanoseconds = EventLoop.shared.nowNanoseconds
        }
        checkStored(message, delivery.name)
        switch message.fate {
        case .dispatched: checkDispatched(message, delivery)
        case .cancelled(let question):
            if let question { checkCancelled(question, delivery) }
        case .undispatchable: checkTold(message, delivery)
        case .unstorable:
            if letters[message.id] == nil { violate("\(delivery.name) is acknowledged, but is nowhere") }
        case .stored, .unpublishable, .noEvent: break
        }
    }

    /// How long after the last trouble an instance may still be recovering.
    private static let recoveryMilliseconds = 60_000

    private func checkFailure(_ delivery: Delivery) {
        if troubles == delivery.troublesAtStart {
            violate("\(delivery.name) is answered 503 although nothing went wrong")
        }
        let startMilliseconds = nowMilliseconds - Int(delivery.elapsedNanoseconds / 1_000_000)
        if script == nil, startMilliseconds > weather.endMilliseconds + Self.recoveryMilliseconds {
            violate("\(delivery.name) is answered 503 long after the last trouble")
        }
    }

    private func allowed(_ message: Message) -> [Int] {
        switch message.fate {
        case .stored, .dispatched, .cancelled, .undispatchable: [200, 503]
        case .unstorable:
            if setting.hasDeadLetters {
                [200, 503]
            } else {
                // What BigQuery has to refuse, it must be asked first.
                rowRefusals[message.uuid] == nil ? [400] : [400, 503]
            }
        case .unpublishable: [400]
        case .noEvent: [400, 415]
        }
    }

    func checkStored(_ message: Message, _ name: String) {
        let ids = insertIDs[message.uuid] ?? []
        if message.isStorable {
            if ids.isEmpty { violate("\(name) is acknowledged, but not stored") }
            if ids.count > 1 { violate("\(name) is stored under \(ids.count) insertIds") }
        } else if !ids.isEmpty {
            violate("\(name) is stored, but cannot be")
        }
    }

    private func checkDispatched(_ message: Message, _ delivery: Delivery) {
        let job = "question-\(message.questionUUID)"
        if creations[job] == nil { violate("\(delivery.name) is acknowledged, but has no Job") }
        // A duplicate that was shown another event's Job says so.
        guard let owner = delivery.shownOwner else { return }
        let isSaid = delivery.instance.sink.takenByOther.contains { line in
            line.holds(message.uuid) && line.holds(owner)
        }
        let isOwnByNow = jobs[job]?.eventUUID == message.uuid
        if !isSaid, !isOwnByNow {
            violate("\(delivery.name) has another event's Job, and no warning says so")
        }
    }

    private func checkCancelled(_ question: String, _ delivery: Delivery) {
        guard let job = jobs["question-\(question)"] else { return }
        if job.createdNanoseconds < delivery.startNanoseconds {
            violate("\(delivery.name) is acknowledged, but the Job of \(question) is still there")
        }
    }

    private func checkTold(_ message: Message, _ delivery: Delivery) {
        if creations["question-\(message.questionUUID)"] != nil {
            violate("\(delivery.name) has a Job, but can have none")
        }
        guard setting.reportsUndispatchable, delivery.calls[Call.tell.rawValue].sent == 0 else { return }
        // Without a token or time nothing can be told; everything else must at least have been tried.
        let isExcused = sharedTroubles != delivery.sharedTroublesAtStart || delivery.deadline.hasPassed
        if !isExcused { violate("\(delivery.name) is acknowledged, and the asker was not told") }
    }
}

extension String {
    /// Whether `text` stands in this text.
    fileprivate func holds(_ text: String) -> Bool { Array(utf8).containsIgnoringCase(text) }
}
