internal import JSON
internal import Net

/// Checks that pushes come from Pub/Sub, where no platform does: PUSH_AUDIENCE and PUSH_SERVICE_ACCOUNT.
///
/// The issuer's keys are kept as long as its Cache-Control says. An unknown key makes them be asked for anew,
/// at most once a minute: Google publishes a key before it signs with it.
@EventLoopActor
final class PushVerifier {
    /// What became of a check.
    enum Verdict: Equatable {
        case accepted
        case refused(PushTokenFault)
        /// The issuer's keys cannot be had.
        case undecided(String)
    }

    /// Where the issuer publishes its keys.
    static let standardOrigin = Origin(scheme: .https, host: "www.googleapis.com")
    /// See `standardOrigin`.
    static let target = Array("/oauth2/v3/certs".utf8)

    private let push: EventHandlerConfiguration.Push
    private let caller: UpstreamCaller
    private let origin: Origin
    private var keys: [[UInt8]: RSAPublicKey] = [:]
    private var expiresNanoseconds: UInt64 = 0
    private var askedNanoseconds: UInt64 = 0
    private let asking = SingleFlight()
    /// Why the last request for them brought no keys; nil when it did.
    private var failure: String? = "no keys yet"

    init(
        _ push: EventHandlerConfiguration.Push, caller: UpstreamCaller,
        origin: Origin = PushVerifier.standardOrigin
    ) {
        self.push = push
        self.caller = caller
        self.origin = origin
    }

    /// Checks the token of a request with these fields.
    func verify(_ fields: HTTPFields, deadline: Deadline) async -> Verdict {
        let token: PushToken
        do throws(PushTokenFault) {
            token = try PushToken(authorization: fields["authorization"])
        } catch {
            return .refused(error)
        }
        let isAnswered = await loadKeys(for: token.keyID, deadline: deadline)
        let isFresh = EventLoop.shared.nowNanoseconds < expiresNanoseconds
        guard isFresh, let key = keys[token.keyID] else {
            // That a key is none of the issuer's only the issuer can say.
            if isAnswered, let failure { return .undecided(failure) }
            return isAnswered && isFresh
                ? .refused(.unknownKey) : .undecided("the issuer's keys did not come in time")
        }
        do throws(PushTokenFault) {
            try token.verify(key: key, push: push, nowSeconds: WallClock.now.seconds)
            return .accepted
        } catch {
            return .refused(error)
        }
    }

    /// Gets the keys before the first push needs them.
    func warmUp(deadline: Deadline) async {
        _ = await loadKeys(for: [], deadline: deadline)
    }

    /// Asks for keys where there are none that are fresh, or none of that name: then at most once a minute.
    /// Returns false where the deadline passed before the answer came.
    private func loadKeys(for keyID: [UInt8], deadline: Deadline) async -> Bool {
        let now = EventLoop.shared.nowNanoseconds
        let isFresh = now < expiresNanoseconds
        let mayAsk =
            askedNanoseconds == 0
            || now - askedNanoseconds >= EventLimits.pushKeysPauseMilliseconds * 1_000_000
        if isFresh, keys[keyID] != nil { return true }
        if isFresh, !mayAsk, !asking.isUnderWay { return true }
        return await asking.begin { [self] in await ask() }.wait(until: deadline)
    }

    private func ask() async {
        askedNanoseconds = EventLoop.shared.nowNanoseconds
        let result = await caller.call(
            .tokenEndpoint, at: origin, deadline: .after(milliseconds: EventLimits.pushKeysMilliseconds)
        ) { _ in HTTPRequest(method: .get, target: Self.target) }
        take(result)
    }

    private func take(_ result: UpstreamResult) {
        guard result.reaction == .done, let response = result.response,
            let set = try? JSONDocument(parsing: response.body).root["keys"]
        else {
            failure = "the issuer's keys could not be obtained: \(result.summary)"
            return
        }
        var found: [[UInt8]: RSAPublicKey] = [:]
        for key in set.elements {
            guard key["kty"]?.equals("RSA") ?? false, let id = key["kid"]?.stringBytes,
                let modulus = key["n"]?.stringBytes.flatMap(Base64URL.decode),
                let exponent = key["e"]?.stringBytes.flatMap(Base64URL.decode),
                let made = RSAPublicKey(modulus: modulus, exponent: exponent)
            else { continue }
            found[id] = made
        }
        guard !found.isEmpty else {
            failure = "the issuer's keys hold none that is RSA"
            return
        }
        keys = found
        failure = nil
        let seconds =
            CacheControl.maxAgeSeconds(response.fields["cache-control"]) ?? EventLimits.pushKeysKeptSeconds
        let kept = min(max(seconds, EventLimits.pushKeysKeptSecondsMin), EventLimits.pushKeysKeptSecondsMax)
        expiresNanoseconds = EventLoop.shared.nowNanoseconds + kept * 1_000_000_000
    }
}
