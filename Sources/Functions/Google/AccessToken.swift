public import Net

/// A token that was valid when it was handed out.
public struct Token: Sendable {
    /// The value of an Authorization field: `Bearer` and the token.
    public let authorization: [UInt8]
    /// Tells this token from those before and after it.
    let generation: UInt64
}

/// Why there is no token. Never holds a byte of a secret.
public enum TokenError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The deadline passed before one came.
    case timedOut
    /// It could not be had; the text says why.
    case failed(String)

    /// One line.
    public var description: String {
        switch self {
        case .timedOut: "no access token came in time"
        case .failed(let reason): reason
        }
    }
}

/// The program's access token: fetched once for all who wait, refreshed before it expires without anyone
/// waiting.
///
/// No timer refreshes it: on the platform an idle program gets no processor time. The first request that
/// finds the token near its end starts the refresh and goes on with the old one.
@EventLoopActor
public final class AccessToken {
    /// A token that is held, and until when it serves.
    private struct Held {
        let token: Token
        let refreshFromNanoseconds: UInt64
        let expiresNanoseconds: UInt64
        /// The monotonic clock stands still while the machine sleeps; the time of day does not.
        let expiresAtSecond: Int64

        func isExpired(nowNanoseconds: UInt64) -> Bool {
            nowNanoseconds >= expiresNanoseconds || WallClock.now.seconds >= expiresAtSecond
        }
    }

    /// The times of a token's life; tests have their own.
    struct Timing: Sendable {
        /// How long before its expiry a token is refreshed.
        var refreshAheadMilliseconds = ServiceLimits.tokenRefreshAheadMilliseconds
        /// How long after one fetch no refresh is begun.
        var pauseMilliseconds = ServiceLimits.tokenRefreshPauseMilliseconds
        /// One fetch, on behalf of all who wait.
        var fetchMilliseconds = ServiceLimits.tokenFetchMilliseconds
        /// How long before its expiry a token is not handed out any more: it has to travel.
        var marginMilliseconds = ServiceLimits.tokenMarginMilliseconds
    }

    private let fetch: @EventLoopActor (Deadline) async -> Result<FetchedToken, TokenError>
    private let log: Log
    private let timing: Timing
    private let remedy: String?
    private var held: Held?
    /// The token that was held before.
    private var former: Token?
    private let fetching = SingleFlight()
    /// Why the last fetch brought no token; nil when it did.
    private var failure: TokenError?
    private var refreshPausedUntilNanoseconds: UInt64 = 0
    private var generation: UInt64 = 0

    /// The token of `credentials`. Without any, every request for one fails with `absence`.
    convenience init(
        credentials: Credentials?, absence: String = "there are no credentials", environment: Environment,
        caller: UpstreamCaller, log: Log, timing: Timing = Timing()
    ) {
        let fetcher = credentials.map {
            TokenFetcher(credentials: $0, environment: environment, caller: caller)
        }
        self.init(log: log, timing: timing, remedy: Credentials.remedy(credentials)) { deadline in
            guard let fetcher else { return .failure(.failed(absence)) }
            return await fetcher.fetch(deadline: deadline)
        }
    }

    /// A token that comes from `fetch`.
    init(
        log: Log, timing: Timing = Timing(), remedy: String? = nil,
        fetch: @escaping @EventLoopActor (Deadline) async -> Result<FetchedToken, TokenError>
    ) {
        self.log = log
        self.timing = timing
        self.remedy = remedy
        self.fetch = fetch
    }

    /// The token that is held; nil where one must be waited for.
    func current(nowNanoseconds: UInt64) -> Token? {
        guard let held, !held.isExpired(nowNanoseconds: nowNanoseconds) else { return nil }
        refreshIfDue(held, nowNanoseconds: nowNanoseconds)
        return held.token
    }

    /// The token, at once where one is held; else `meanwhile` is called when it has been asked for.
    public func value(deadline: Deadline, meanwhile: () -> Void = {}) async throws(TokenError) -> Token {
        if let token = current(nowNanoseconds: EventLoop.shared.nowNanoseconds) { return token }
        let fetched = fetching.begin { [self] in await fetchAndHold() }
        meanwhile()
        guard await fetched.wait(until: deadline) else { throw .timedOut }
        if let failure { throw failure }
        // Even one that is not handed out any more: it is as new as can be.
        guard let held else { throw .timedOut }
        return held.token
    }

    /// Forgets `token`, which an upstream has refused, unless another has taken its place already.
    public func invalidate(_ token: Token) {
        if held?.token.generation == token.generation { replace(with: nil) }
    }

    /// Whether the token that is held, or the one before it, which calls may be on their way with, stands
    /// somewhere in `text`.
    func isNamed(in text: [UInt8]) -> Bool {
        [held?.token, former].contains { token in
            guard let token else { return false }
            return text.end(of: token.authorization.dropFirst("Bearer ".utf8.count)) != nil
        }
    }

    private func replace(with next: Held?) {
        if let held { former = held.token }
        held = next
    }

    private func refreshIfDue(_ held: Held, nowNanoseconds: UInt64) {
        guard nowNanoseconds >= held.refreshFromNanoseconds,
            nowNanoseconds >= refreshPausedUntilNanoseconds
        else { return }
        fetching.begin { [self] in await fetchAndHold() }
    }

    private func fetchAndHold() async {
        let startNanoseconds = EventLoop.shared.nowNanoseconds
        let startSecond = WallClock.now.seconds
        switch await fetch(.after(milliseconds: timing.fetchMilliseconds)) {
        case .success(let token):
            failure = nil
            hold(token, startNanoseconds, startSecond)
        case .failure(let error):
            failure = error
            refreshPausedUntilNanoseconds =
                EventLoop.shared.nowNanoseconds + timing.pauseMilliseconds * 1_000_000
            log.write(.warning, "no access token could be obtained") { line in
                line.field("reason", error.description)
                if let remedy { line.field("remedy", remedy) }
            }
        }
    }

    /// Keeps a token. Its life is counted from before it was asked for, and ends a little early.
    private func hold(_ fetched: FetchedToken, _ startNanoseconds: UInt64, _ startSecond: Int64) {
        generation += 1
        let token = Token(authorization: Array("Bearer ".utf8) + fetched.bytes, generation: generation)
        let lifetime = fetched.lifetimeMilliseconds
        let life = lifetime > timing.marginMilliseconds ? lifetime - timing.marginMilliseconds : 0
        let refreshAfter = max(
            lifetime > timing.refreshAheadMilliseconds ? lifetime - timing.refreshAheadMilliseconds : 0,
            timing.pauseMilliseconds)
        replace(
            with: Held(
                token: token, refreshFromNanoseconds: startNanoseconds + refreshAfter * 1_000_000,
                expiresNanoseconds: startNanoseconds + life * 1_000_000,
                expiresAtSecond: startSecond + Int64(life / 1_000)))
    }
}
