import JSON
import Net
import TestSupport

@testable import Functions

/// A request that is one of the known forms, and what it is about.
struct KnownRequest {
    let call: Call
    /// The Job that it names, if it names one.
    var jobName: String?
}

/// One attempt, as the world answers it.
extension World {
    /// Answers a request of `instance`, or fails it, as weather, state and chance have it.
    func serve(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline, from instance: Instance
    ) async throws(HTTPClientError) -> HTTPResponse {
        if instance.isDead {
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            throw .connectionLost
        }
        guard let known = recognise(request, origin) else {
            violate(
                "unknown request: \(request.method.name) \(String(decoding: request.target, as: UTF8.self))")
            throw .connectionLost
        }
        let call = known.call
        ledger.requests += 1
        let delivery = Delivery.current
        begin(call, deadline, instance, delivery)
        if tokens.isExpired(request.fields["authorization"], now: EventLoop.shared.nowNanoseconds) {
            violate("\(call.title): sent with a token that has expired")
        }
        defer { instance.inFlight[call.rawValue] -= 1 }
        let crash = drawCrash(call)
        if crash == false {
            ledger.crashes[call.rawValue][0] += 1
            kill(instance)
            throw .connectionLost
        }
        let answered = await attempt(known, request, origin, deadline, instance, delivery)
        // Trouble counts from when it begins until it is known: others may wait for the same answer.
        if !Faults.all[answered.row].isNatural || answered.said == "401" || answered.isMoved {
            meetTrouble(call, isAboutToken: answered.said == "401")
        }
        // What a dead instance is told, nobody hears.
        if instance.isDead { throw .connectionLost }
        if crash == true {
            let wasDone = Faults.all[answered.row].effect == .done
            ledger.crashes[call.rawValue][wasDone ? 1 : 0] += 1
            kill(instance)
            throw .connectionLost
        }
        ledger.outcomes[answered.row] += 1
        end(call, answered, instance, delivery)
        return try answered.result.get()
    }

    private func drawCrash(_ call: Call) -> Bool? {
        if let crashScript { return crashScript(call) }
        // Calls that are seldom made would seldom see a crash.
        let permille = call == .insert || call == .create ? setting.crashPermille : 4 * setting.crashPermille
        guard !isFair, permille > 0, random.happens(permille: permille) else { return nil }
        return random.happens(permille: 500)
    }

    func kill(_ instance: Instance) {
        guard !instance.isDead else { return }
        instance.crash()
        transcript.note(2, instance.id, text: "instance \(instance.id) crashes")
    }

    // MARK: The attempt itself

    struct Answered {
        let row: Int
        let result: Result<HTTPResponse, HTTPClientError>
        /// What the service itself said, where it was reached.
        var said: String?
        var isMoved = false
    }

    private func attempt(
        _ known: KnownRequest, _ request: HTTPRequest, _ origin: Origin, _ deadline: Deadline,
        _ instance: Instance, _ delivery: Delivery?
    ) async -> Answered {
        if known.call.isCluster, let moved = movedAway(known.call, origin) {
            meetTrouble(known.call)
            await pause(upTo: 30, deadline)
            return moved
        }
        let drawn =
            script.map { $0(known.call, delivery?.message) }
            ?? weather.fault(of: known.call, atMilliseconds: nowMilliseconds, &random)
        guard let drawn else {
            return await natural(known, request, 60, deadline, instance, delivery, row: nil)
        }
        let fault = Faults.all[drawn]
        meetTrouble(known.call)
        switch fault.ending {
        case .natural:
            let remaining = Int(deadline.remainingNanoseconds / 1_000_000)
            return await natural(known, request, max(1, remaining), deadline, instance, delivery, row: drawn)
        case .failure(let error):
            if let refused = await effect(fault, known, request, deadline, instance, delivery) {
                return refused
            }
            await pause(upTo: 40, deadline)
            return Answered(row: drawn, result: .failure(error))
        case .silence(let error):
            if let refused = await effect(fault, known, request, deadline, instance, delivery) {
                return refused
            }
            await EventLoop.shared.sleep(until: deadline)
            return Answered(row: drawn, result: .failure(error))
        case .answer(let status, let body, let retryAfter):
            if let refused = await effect(fault, known, request, deadline, instance, delivery) {
                return refused
            }
            await pause(upTo: 40, deadline)
            if deadline.hasPassed { return timedOut(known.call, fault.effect) }
            return Answered(row: drawn, result: .success(Self.response(status, body, retryAfter)))
        }
    }

    /// The service does what it is asked, after a while, and answers.
    private func natural(
        _ known: KnownRequest, _ request: HTTPRequest, _ milliseconds: Int, _ deadline: Deadline,
        _ instance: Instance, _ delivery: Delivery?, row: Int?
    ) async -> Answered {
        await pause(upTo: milliseconds / 2, deadline)
        if deadline.hasPassed { return timedOut(known.call, .none) }
        if instance.isDead, random.happens(permille: 500) { return timedOut(known.call, .none) }
        let (said, response) = act(known, request, delivery)
        await pause(upTo: milliseconds / 2, deadline)
        if deadline.hasPassed { return timedOut(known.call, .done) }
        let own = Faults.naturalIndex(known.call, said)
        return Answered(row: said == "401" ? own : row ?? own, result: .success(response), said: said)
    }

    /// Lets the service do what it is asked, where the fault says that it does. What it will not do it says.
    private func effect(
        _ fault: Fault, _ known: KnownRequest, _ request: HTTPRequest, _ deadline: Deadline,
        _ instance: Instance, _ delivery: Delivery?
    ) async -> Answered? {
        switch fault.effect {
        case .none: return nil
        case .done:
            await pause(upTo: 30, deadline)
            if deadline.hasPassed { return timedOut(known.call, .none) }
            if instance.isDead, random.happens(permille: 500) { return timedOut(known.call, .none) }
            let (said, response) = act(known, request, delivery)
            // What the service refuses, it does not at the same time say it has done.
            let isSuccess = if case .answer(200...202, _, _) = fault.ending { true } else { false }
            guard said == "401" || (isSuccess && !said.utf8.starts(with: "20".utf8)) else { return nil }
            return Answered(
                row: Faults.naturalIndex(known.call, said), result: .success(response), said: said)
        case .late:
            let at = Deadline(
                nanoseconds: deadline.nanoseconds + UInt64(random.within(1...8_000)) * 1_000_000)
            let survives = random.happens(permille: 700)
            EventLoop.shared.start { [self] in
                await EventLoop.shared.sleep(until: at)
                if instance.isDead, !survives { return }
                _ = act(known, request, delivery)
            }
            return nil
        }
    }

    private func pause(upTo milliseconds: Int, _ deadline: Deadline) async {
        let microseconds = random.below(max(1, milliseconds * 1_000))
        let end = Deadline(nanoseconds: EventLoop.shared.nowNanoseconds + UInt64(microseconds) * 1_000)
        await EventLoop.shared.sleep(until: min(end, deadline))
    }

    private func timedOut(_ call: Call, _ effect: Effect) -> Answered {
        Answered(row: Faults.timedOut(call, effect), result: .failure(.timedOut))
    }

    /// The failure of a connection to where the cluster is no more.
    private func movedAway(_ call: Call, _ origin: Origin) -> Answered? {
        let current = places.current
        if origin.host != current.host {
            guard let place = places.all.last(where: { $0.host == origin.host }) else {
                violate("a request goes to \(origin.host), which never was the cluster")
                return Answered(
                    row: Faults.naturalIndex(call, "moved: refused"),
                    result: .failure(.notConnected(.connectionRefused)),
                    isMoved: true)
            }
            if !place.isTakenOver {
                return Answered(
                    row: Faults.naturalIndex(call, "moved: refused"),
                    result: .failure(.notConnected(.connectionRefused)),
                    isMoved: true)
            }
        } else if case .certificateAuthority(let authority) = origin.trust,
            authority.pem.elementsEqual(current.authority.utf8)
        {
            return nil
        }
        return Answered(
            row: Faults.naturalIndex(call, "moved: not verified"),
            result: .failure(.notVerified("unable to get local issuer certificate")), isMoved: true)
    }

    private static func response(_ status: Int, _ body: String, _ retryAfter: Fault.RetryAfter)
        -> HTTPResponse
    {
        var response = HTTPResponse(status: status, body: Array(body.utf8))
        switch retryAfter {
        case .absent: break
        case .seconds(let seconds): response.fields.append("Retry-After", Array(String(seconds).utf8))
        case .date(let ahead):
            let date = WallClock(seconds: WallClock.now.seconds + Int64(ahead)).httpDate
            response.fields.append("Retry-After", Array(date.utf8))
        case .text(let text): response.fields.append("Retry-After", Array(text.description.utf8))
        }
        return response
    }
}
