internal import JSON
internal import Net

/// Handles every event of the network: stores it, then dispatches or cancels, then acknowledges.
///
/// 200 is sent only after BigQuery has the row (or the dead-letter topic the message). Whatever may pass is
/// 503, and Pub/Sub delivers again; the row keeps its insertId and the Job its name, so nothing is done
/// twice.
@EventLoopActor
final class EventHandler: ServiceHandler {
    private let jobs: JobTemplate
    private let reportsUndispatchable: Bool
    private let bigQuery: BigQuery
    private let kubernetes: Kubernetes
    private let topic: PubSubTopic
    private let deadLetters: PubSubTopic?
    private let push: PushVerifier?
    private let log: Log
    private let metrics: Metrics

    init(
        jobs: JobTemplate, reportsUndispatchable: Bool, bigQuery: BigQuery, kubernetes: Kubernetes,
        topic: PubSubTopic, deadLetters: PubSubTopic?, push: PushVerifier?, log: Log,
        metrics: Metrics
    ) {
        self.jobs = jobs
        self.reportsUndispatchable = reportsUndispatchable
        self.bigQuery = bigQuery
        self.kubernetes = kubernetes
        self.topic = topic
        self.deadLetters = deadLetters
        self.push = push
        self.log = log
        self.metrics = metrics
    }

    var needsToken: Bool { true }

    /// Gets cluster and connections before the first event needs them. Failures are met again by the event.
    func warmUp(deadline: Deadline, letRequestsPass: () async -> Void) async {
        if let push { EventLoop.shared.start { await push.warmUp(deadline: deadline) } }
        await bigQuery.prepare(deadline: deadline)
        await letRequestsPass()  // A question among them asks for the cluster by itself.
        await kubernetes.prepare(deadline: deadline)
    }

    // MARK: Handling

    /// Answers a push: 200 stored and done, 400 never to be stored, 415 wrong type, 503 to be delivered
    /// again.
    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        guard request.method == .post else { return Self.answer(to: request.method, request.path) }
        var course = Course(context: log.context(of: request.fields), deadline: deadline)
        if let push, let refusal = await check(request.fields, with: push, course) { return refusal }
        let event: Event
        switch read(request, &course) {
        case .event(let read): event = read
        case .malformed(let message, let reason): return await refuse(message, request.body, reason, &course)
        case .none(let refusal): return refusal
        }
        // While the row is on its way the Job is made and the cluster's connection opened; nothing is sent on
        // it.
        let cancelled = event.kind == .cancellation ? event.questionUUID : nil
        if event.kind == .question || cancelled != nil { prepareCluster(deadline) }
        var made: Result<Job, Undispatchable>?
        let insertion = await bigQuery.insert(event, deadline: deadline, context: course.context) {
            if event.kind == .question, made == nil { made = makeJob(of: event) }
        }
        course.stored()
        switch insertion {
        case .stored: break
        case .impossible(let reason): return await refuse(event.message, request.body, reason, &course)
        case .failed(let failure): return notStored(event, failure, course)
        }
        switch event.kind {
        case .question: return await dispatch(event, made ?? makeJob(of: event), &course)
        case .cancellation: return await cancel(cancelled, event, &course)
        case .exception, .other: return acknowledge(event, .stored, "stored", course)
        }
    }

    /// What another method than POST is answered: that all is well, at `/health`, or 405.
    private static func answer(to method: HTTPMethod, _ path: ArraySlice<UInt8>) -> HTTPResponse {
        let isHealth = path.equals("/health")
        if isHealth, method == .get || method == .head { return .text(200, "ok\n") }
        var response = HTTPResponse.text(405, "Events are POSTed.\n")
        response.fields.append("Allow", isHealth ? "GET, HEAD, POST" : "POST")
        return response
    }

    /// Creates the Job of a question that is stored, or tells the asker why there is none.
    private func dispatch(
        _ event: Event, _ made: Result<Job, Undispatchable>, _ course: inout Course
    ) async -> HTTPResponse {
        let job: Job
        switch made {
        case .success(let made): job = made
        case .failure(let reason):
            return await reportUndispatchable(event, reason.description, nil, &course)
        }
        let creation = await kubernetes.create(job, deadline: course.deadline, context: course.context)
        course.dispatched()
        switch creation {
        case .created: return acknowledge(event, .dispatched, "dispatched", course)
        case .takenByOther(let owner): return duplicate(event, job, owner, course)
        case .refused(let status, let words):
            let reason = Undispatchable.refused(status).description
            return await reportUndispatchable(event, reason, words, &course)
        case .failed(let failure): return notDone(.notDispatched, "dispatched", event, failure, course)
        }
    }

    /// Deletes the Job of a question whose cancellation is stored. Without an id there is none; least of all
    /// is an empty name sent, which means all of them.
    private func cancel(
        _ question: QuestionUUID?, _ event: Event, _ course: inout Course
    ) async -> HTTPResponse {
        guard let question else {
            return acknowledge(event, .stored, "stored; its question_uuid names no Job", course)
        }
        let failure = await kubernetes.delete(question, deadline: course.deadline, context: course.context)
        course.dispatched()
        if let failure { return notDone(.notCancelled, "cancelled", event, failure, course) }
        return acknowledge(event, .cancelled, "cancelled", course)
    }

    // MARK: Reading

    /// What a request holds.
    private enum Reading {
        case event(Event)
        /// A message that can never be stored, and why.
        indirect case malformed(PubSubMessage, String)
        /// No message: the answer.
        indirect case none(HTTPResponse)
    }

    private func read(_ request: borrowing HTTPRequest, _ course: inout Course) -> Reading {
        course.parsing()
        let message: PubSubMessage
        do throws(NotAnEvent) {
            message = try CloudEvent.message(request.fields, body: request.body)
        } catch {
            log.write(.warning, "request refused: it is no event", course.context) { line in
                line.field("status", error.status)
                line.field("reason", error.text)
            }
            course.count(.notAnEvent, in: metrics)
            return .none(.text(error.status, error.text + "\n"))
        }
        do throws(MalformedEvent) {
            let event = try Event(message)
            course.parsed(event)
            return .event(event)
        } catch {
            course.parsed(nil)
            return .malformed(message, error.description)
        }
    }

    /// The answer to a push that does not prove where it comes from; nil where it does.
    private func check(
        _ fields: HTTPFields, with push: PushVerifier, _ course: Course
    ) async -> HTTPResponse? {
        switch await push.verify(fields, deadline: course.deadline) {
        case .accepted:
            return nil
        case .refused(let fault):
            log.write(.warning, "push refused: it does not prove that it is Pub/Sub's", course.context) {
                line in
                line.field("status", 401)
                line.field("reason", fault.rawValue)
            }
            course.count(.unauthenticated, in: metrics)
            var response = HTTPResponse.text(401, "A push must carry a token of Google's for this service.\n")
            response.fields.append("WWW-Authenticate", "Bearer")
            return response
        case .undecided(let reason):
            log.write(.error, "push not checked, it will be redelivered", course.context) { line in
                line.field("upstream", Upstream.tokenEndpoint.rawValue)
                line.field("reason", reason)
            }
            course.count(.notAuthenticated, in: metrics)
            return .text(503, "The push cannot be checked now; try again.\n")
        }
    }

    // MARK: Dispatching

    private func makeJob(of event: Event) -> Result<Job, Undispatchable> {
        do throws(Undispatchable) {
            return .success(try Job(of: event, template: jobs))
        } catch {
            return .failure(error)
        }
    }

    private func prepareCluster(_ deadline: Deadline) {
        if kubernetes.isPrepared { return }
        EventLoop.shared.start { [kubernetes] in await kubernetes.prepare(deadline: deadline) }
    }

    private func duplicate(
        _ event: Event, _ job: Job, _ owner: [UInt8], _ course: Course
    ) -> HTTPResponse {
        log.write(
            .warning, "the question has a Job of another event already; nothing was dispatched",
            course.context
        ) {
            line in
            course.append(event, to: &line)
            line.field("job", job.name)
            line.field("owner", owner)
        }
        return acknowledge(event, .duplicateQuestion, "a duplicate question", course)
    }

    /// Tells the asker, as the child would have, that there will be no answer. That the telling fails changes
    /// nothing.
    private func reportUndispatchable(
        _ event: Event, _ reason: String, _ detail: String?, _ course: inout Course
    ) async -> HTTPResponse {
        course.dispatched()
        log.write(.error, "question not dispatched: it never can be", course.context) { line in
            course.append(event, to: &line)
            line.field("reason", reason)
            // The asker knows what it sent; the log is not to.
            if let words = detail.flatMap({ UpstreamWords.loggable(Array($0.utf8)) }) {
                line.field("detail", words)
            }
        }
        if reportsUndispatchable {
            let message = ExceptionEvent.message(
                answering: event, reason: detail.map { "\(reason) \($0)" } ?? reason)
            let deadline = min(course.deadline, .after(milliseconds: EventLimits.exceptionEventMilliseconds))
            if let failure = await topic.publish(message, deadline: deadline, context: course.context) {
                log.write(.error, "the asker could not be notified", course.context) { line in
                    course.append(event, to: &line)
                    failure.append(to: &line, upstream: "pubsub")
                }
            }
        }
        return acknowledge(event, .undispatchable, "stored; not dispatchable", course)
    }

    // MARK: What cannot be stored

    /// A message that can never be stored: to the dead-letter topic, or refused so that the subscription's
    /// own policy decides.
    private func refuse(
        _ message: PubSubMessage, _ body: [UInt8], _ reason: String, _ course: inout Course
    ) async -> HTTPResponse {
        guard let deadLetters else { return refused(message, reason, "refused", course) }
        guard let letter = DeadLetter.message(of: message, requestBody: body, reason: reason) else {
            return refused(message, reason, "refused: Pub/Sub cannot take it either", course)
        }
        let failure = await deadLetters.publish(letter, deadline: course.deadline, context: course.context)
        course.dispatched()
        if let failure {
            log.write(.error, "dead letter not published, the event will be redelivered", course.context) {
                line in
                course.append(message, to: &line)
                line.field("fault", reason)
                failure.append(to: &line, upstream: "pubsub")
                course.appendTimes(to: &line)
            }
            course.count(.notDeadLettered, in: metrics)
            return .text(503, "The dead-letter topic cannot be reached; try again.\n")
        }
        log.write(.error, "event cannot be stored; it is in the dead-letter topic", course.context) { line in
            course.append(message, to: &line)
            line.field("reason", reason)
            course.appendTimes(to: &line)
        }
        course.count(.deadLettered, in: metrics)
        return Self.acknowledged
    }

    private func refused(
        _ message: PubSubMessage, _ reason: String, _ outcome: String, _ course: Course
    ) -> HTTPResponse {
        log.write(.error, "event cannot be stored, it is left to the subscription's policy", course.context) {
            line in
            course.append(message, to: &line)
            line.field("reason", reason)
            line.field("outcome", outcome)
            course.appendTimes(to: &line)
        }
        course.count(.refused, in: metrics)
        return .text(400, "The event cannot be stored: \(reason).\n")
    }

    // MARK: Answers

    private static let acknowledged: HTTPResponse = {
        var response = HTTPResponse(status: 200, body: Array("OK".utf8))
        response.fields.append("Content-Type", "text/html; charset=utf-8")
        return response
    }()

    /// Nobody waits for the event to be counted and logged: the answer goes first.
    private func acknowledge(
        _ event: Event, _ counted: EventOutcome, _ outcome: StaticString, _ course: Course
    ) -> HTTPResponse {
        EventLoop.shared.atEndOfTurn { [log, metrics] in
            let times = course.count(counted, in: metrics)
            log.write(.info, "event handled", course.context) { line in
                course.append(event, to: &line)
                line.field("outcome", literal: outcome)
                Course.append(times, to: &line)
            }
        }
        return Self.acknowledged
    }

    private func notStored(_ event: Event, _ failure: CallFailure, _ course: Course) -> HTTPResponse {
        log.write(.error, "event not stored, it will be redelivered", course.context) { line in
            course.append(event, to: &line)
            failure.append(to: &line, upstream: "bigquery")
            course.appendTimes(to: &line)
        }
        course.count(.notStored, in: metrics)
        return .text(503, "The event could not be stored; try again.\n")
    }

    private func notDone(
        _ counted: EventOutcome, _ verb: String, _ event: Event, _ failure: CallFailure, _ course: Course
    ) -> HTTPResponse {
        log.write(
            .error, "event stored, but its question not handled; it will be redelivered", course.context
        ) {
            line in
            course.append(event, to: &line)
            line.field("outcome", "not \(verb)")
            failure.append(to: &line, upstream: "kubernetes")
            course.appendTimes(to: &line)
        }
        course.count(counted, in: metrics)
        return .text(503, "The question could not be \(verb); try again.\n")
    }
}

extension HTTPFields: FieldLookup {
    func forEachField(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
        for index in 0..<count { body(self[index].name, self[index].value) }
    }
}
