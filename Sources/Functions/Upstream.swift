public import Net

/// What came of a call, its retries included.
public struct UpstreamResult: Sendable {
    /// What came last.
    public enum Last: Sendable {
        /// An answer.
        case answer(HTTPResponse)
        /// A request without an answer.
        case failure(HTTPClientError)
        /// No token, so nothing was sent.
        case noToken(TokenError)
        /// The deadline had passed, so nothing was sent.
        case notSent
    }

    /// What came last.
    public let last: Last
    /// What it means. Never `again`, `freshToken` or `askClusterAnew`: those have been done, and where they
    /// have not helped it is `unavailable`.
    public let reaction: Reaction
    /// How many requests were sent.
    public let attempts: Int
    /// For the log line of a failure: who failed, what it said, and what to do.
    var explanation: Explanation?

    /// The last answer, if that is what came last.
    public var response: HTTPResponse? {
        if case .answer(let response) = last { return response }
        return nil
    }
    /// The last answer's status code.
    public var status: Int? { response?.status }

    /// Whether time was what was missing: the request's own, or that of the wait for a token.
    var isTimeout: Bool {
        switch last {
        case .failure(.timedOut), .failure(.connectTimedOut), .noToken(.timedOut), .notSent: true
        case .answer, .failure, .noToken: false
        }
    }

    /// Whether it may pass by itself, as opposed to something that an operator must look at.
    var mayPass: Bool {
        switch last {
        case .answer(let response): Policy.isTransient(response.status)
        case .failure(.notVerified): false
        case .failure, .noToken(.timedOut), .notSent: true
        case .noToken(.failed): false
        }
    }
}

/// The one way to call an upstream: token, request, meaning of the answer, and whether and when to try again.
///
/// One for the program: the retry budgets in it are what keeps an outage from being made worse.
@EventLoopActor
public final class UpstreamCaller {
    /// What comes of calls, and what else the program counts.
    let metrics = Metrics()
    private let exchange: any HTTPExchange
    private let log: Log
    private let random: @EventLoopActor () -> UInt64
    private let answers = KnownAnswer()
    private var budgets = [RetryBudget](repeating: RetryBudget(), count: Upstream.allCases.count)

    /// A caller whose requests go through `exchange`. Jitter comes from `random`, so that a simulation can be
    /// replayed.
    public init(
        exchange: any HTTPExchange, log: Log,
        random: @escaping @EventLoopActor () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        self.exchange = exchange
        self.log = log
        self.random = random
    }

    /// Calls `upstream` until its answer means something other than "again", or there is no time, attempt or
    /// budget left. Nothing is sent after the deadline.
    ///
    /// - Parameters:
    ///   - origin: where the first request goes.
    ///   - source: where the token of each attempt comes from; nil where none may be sent.
    ///   - attemptMillisecondsMax: the longest time for one attempt, where Retry would give more.
    ///   - renewOrigin: asks the cluster's endpoint anew, once a call, when the one that was used cannot be
    ///     reached; nil from it ends the call.
    ///   - meanwhile: called each time a request is on its way.
    ///   - request: makes the request of each attempt from the value of the Authorization field.
    public func call(
        _ upstream: Upstream, at origin: Origin, deadline: Deadline, token source: AccessToken? = nil,
        attemptMillisecondsMax: UInt64 = .max, context: LogContext = .none,
        renewOrigin: @EventLoopActor (Origin) async -> Origin? = { $0 }, meanwhile: () -> Void = {},
        _ request: (_ authorization: [UInt8]?) -> HTTPRequest
    ) async -> UpstreamResult {
        var retry = Retry(deadlineNanoseconds: deadline.nanoseconds)
        var origin = origin
        var attempts = 0
        var last = UpstreamResult.Last.notSent
        while true {
            var start = EventLoop.shared.nowNanoseconds
            var token: Token?
            if let source {
                token = source.current(nowNanoseconds: start)
                if token == nil {
                    do throws(TokenError) {
                        token = try await source.value(deadline: deadline) { connect(to: origin, deadline) }
                    } catch {
                        return ended(upstream, origin, source, .noToken(error), .unavailable, attempts)
                    }
                    start = EventLoop.shared.nowNanoseconds
                }
            }
            guard
                let end = retry.beginAttempt(nowNanoseconds: start, millisecondsMax: attemptMillisecondsMax)
            else {
                return ended(upstream, origin, source, last, .unavailable, attempts)
            }
            attempts += 1
            let outcome: Outcome
            let label: AttemptOutcome
            do throws(HTTPClientError) {
                let response = try await exchange.send(
                    request(token?.authorization), to: origin, deadline: Deadline(nanoseconds: end),
                    meanwhile: meanwhile)
                outcome = answers.outcome(response.status, body: response.body, by: upstream)
                label = AttemptOutcome(status: response.status)
                last = .answer(response)
            } catch {
                outcome = Outcome(error)
                label = AttemptOutcome(error)
                last = .failure(error)
            }
            metrics.attempted(upstream, label, nanoseconds: EventLoop.shared.nowNanoseconds - start)
            let reaction = Policy.reaction(to: outcome, of: upstream)
            if reaction.isSuccess {
                changeBudget(of: upstream) { $0.succeeded() }
                metrics.called(upstream, reaction, attempts: attempts)
                return UpstreamResult(last: last, reaction: reaction, attempts: attempts)
            }
            if reaction.isFinal { return ended(upstream, origin, source, last, reaction, attempts) }
            logAttempt(upstream, last, attempts, start, context)
            switch decision(upstream, reaction, last, &retry) {
            case .attemptAt(let nanoseconds):
                await EventLoop.shared.sleep(until: Deadline(nanoseconds: nanoseconds))
            case .renewToken:
                if let source, let token { source.invalidate(token) }
            case .renewOrigin:
                guard let renewed = await renewOrigin(origin) else {
                    return ended(upstream, origin, source, last, .unavailable, attempts)
                }
                origin = renewed
            case .giveUp:
                return ended(upstream, origin, source, last, .unavailable, attempts)
            }
        }
    }

    /// Opens a connection, if none is there, while a token is waited for: after the start, above all.
    private func connect(to origin: Origin, _ deadline: Deadline) {
        EventLoop.shared.start { [exchange] in
            await exchange.prepareConnection(to: origin, deadline: deadline)
        }
    }

    /// A call without success.
    private func ended(
        _ upstream: Upstream, _ origin: Origin, _ source: AccessToken?, _ last: UpstreamResult.Last,
        _ reaction: Reaction, _ attempts: Int
    ) -> UpstreamResult {
        metrics.called(upstream, reaction, attempts: attempts)
        var result = UpstreamResult(last: last, reaction: reaction, attempts: attempts)
        result.explanation = Explanation(of: result, upstream, at: origin, token: source)
        return result
    }

    /// What Retry says, with the answer's Retry-After, chance and the upstream's budget.
    private func decision(
        _ upstream: Upstream, _ reaction: Reaction, _ last: UpstreamResult.Last, _ retry: inout Retry
    ) -> Retry.Decision {
        var retryAfter: UInt64?
        if case .answer(let response) = last, let value = response.fields["retry-after"] {
            retryAfter = RetryAfter.nanoseconds(value, nowSeconds: WallClock.now.seconds)
        }
        let chance = random()
        return changeBudget(of: upstream) { budget in
            retry.decide(
                after: reaction, retryAfterNanoseconds: retryAfter,
                nowNanoseconds: EventLoop.shared.nowNanoseconds, budget: &budget, random: chance)
        }
    }

    /// The budgets are taken out while one changes: then the compiler knows that nobody looks at them.
    private func changeBudget<Result>(
        of upstream: Upstream, _ body: (inout RetryBudget) -> Result
    ) -> Result {
        var all = budgets
        budgets = []
        defer { budgets = all }
        return body(&all[upstream.index])
    }

    private func logAttempt(
        _ upstream: Upstream, _ last: UpstreamResult.Last, _ attempt: Int, _ start: UInt64,
        _ context: LogContext
    ) {
        log.write(.debug, "an attempt at an upstream failed", context) { line in
            line.field("upstream", upstream.rawValue)
            switch last {
            case .answer(let response): line.field("status", response.status)
            case .failure(let error): line.field("reason", error.description)
            case .noToken, .notSent: break
            }
            line.field("attempt", attempt)
            line.field("ms", milliseconds: EventLoop.shared.nowNanoseconds - start)
        }
    }
}

extension Upstream {
    /// Its place among the budgets: an enumeration with texts would be hashed by its text on every call.
    var index: Int {
        switch self {
        case .metadata: 0
        case .tokenEndpoint: 1
        case .bigQuery: 2
        case .clusterManager: 3
        case .kubernetesCreate: 4
        case .kubernetesGet: 5
        case .kubernetesDelete: 6
        case .artifactRegistry: 7
        case .pubSub: 8
        }
    }
}

extension Reaction {
    /// Whether nothing is left to try.
    var isFinal: Bool {
        switch self {
        case .again, .freshToken, .askClusterAnew: false
        default: true
        }
    }

    /// Whether the upstream did what it is for.
    var isSuccess: Bool {
        switch self {
        case .done, .alreadyExists, .notFound: true
        default: false
        }
    }
}

extension Outcome {
    /// The outcome of a request without an answer.
    init(_ error: HTTPClientError) {
        switch error {
        case .notResolved, .notConnected, .connectTimedOut, .handshakeFailed: self = .notConnected
        case .notVerified: self = .notVerified
        case .connectionLost, .malformedAnswer, .answerTooLarge, .timedOut, .overloaded: self = .noAnswer
        }
    }
}
