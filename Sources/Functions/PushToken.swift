internal import JSON
internal import Net

/// Why a push token was refused. One line for the log; the caller is told nothing of it.
enum PushTokenFault: String, Error, Equatable, Sendable {
    case missing = "no Authorization field with a Bearer token"
    case malformed = "the token is no JSON Web Token"
    case algorithm = "the token is not signed with RS256"
    case unknownKey = "the token's key is none of the issuer's"
    case signature = "the token's signature is wrong"
    case issuer = "the token is not from Google"
    case audience = "the token has another audience"
    case email = "the token has another e-mail, or an unverified one"
    case expired = "the token has expired"
    case notYetValid = "the token is from the future"
}

/// The token of an authenticated push (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions):
/// a JSON Web Token (RFC 7519) in its compact form, read but not yet believed.
struct PushToken {
    private static let issuers = ["https://accounts.google.com", "accounts.google.com"]

    /// Which of the issuer's keys signed it.
    let keyID: [UInt8]
    private let claims: JSONDocument
    private let signedPart: [UInt8]
    private let signature: [UInt8]

    /// Reads the value of an Authorization field (RFC 6750 section 2.1).
    init(authorization: ArraySlice<UInt8>?) throws(PushTokenFault) {
        guard let authorization, authorization.prefix(7).equalsIgnoringCase("bearer ") else { throw .missing }
        let token = authorization.dropFirst(7)
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard token.count <= EventLimits.pushTokenBytesMax, parts.count == 3,
            let head = Self.object(parts[0]), let claims = Self.object(parts[1]),
            let signature = Self.decode(parts[2])
        else { throw .malformed }
        // The algorithm is ours to choose: a token must not be able to ask for another, or for none.
        guard head.root["alg"]?.equals("RS256") ?? false else { throw .algorithm }
        guard let keyID = head.root["kid"]?.stringBytes, !keyID.isEmpty else { throw .unknownKey }
        self.keyID = keyID
        self.claims = claims
        self.signature = signature
        signedPart = Array(token[..<parts[1].endIndex])
    }

    /// Believes the token, or says why not: signature first, then what it claims.
    func verify(
        key: RSAPublicKey, push: EventHandlerConfiguration.Push, nowSeconds: Int64
    ) throws(PushTokenFault) {
        guard key.verifies(signature, of: signedPart) else { throw .signature }
        let root = claims.root
        guard let issuer = root["iss"], Self.issuers.contains(where: issuer.equals(text:)) else {
            throw .issuer
        }
        guard root["aud"]?.equals(text: push.audience) ?? false else { throw .audience }
        guard root["email"]?.equals(text: push.serviceAccount) ?? false, root["email_verified"]?.bool ?? false
        else {
            throw .email
        }
        guard let expiry = root["exp"]?.integer,
            Int64(expiry) > nowSeconds - EventLimits.pushTokenLeewaySeconds
        else {
            throw .expired
        }
        guard let issued = root["iat"]?.integer,
            Int64(issued) <= nowSeconds + EventLimits.pushTokenLeewaySeconds
        else {
            throw .notYetValid
        }
    }

    private static func object(_ part: ArraySlice<UInt8>) -> JSONDocument? {
        guard let bytes = decode(part), let document = try? JSONDocument(parsing: bytes, depthMax: 8),
            document.root.isObject
        else { return nil }
        return document
    }

    private static func decode(_ part: ArraySlice<UInt8>) -> [UInt8]? { Base64URL.decode(part) }
}

/// base64url without padding (RFC 7515 section 2).
enum Base64URL {
    /// The bytes; nil where anything stands that is not of its alphabet.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var standard: [UInt8] = []
        standard.reserveCapacity(text.count)
        for byte in text {
            switch byte {
            case UInt8(ascii: "-"): standard.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): standard.append(UInt8(ascii: "/"))
            case _ where ASCII.isAlphanumeric(byte): standard.append(byte)
            default: return nil
            }
        }
        return try? Base64.decode(standard)
    }
}

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
    private var fetching: Gate?
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
        await loadKeys(for: token.keyID, deadline: deadline)
        let isFresh = EventLoop.shared.nowNanoseconds < expiresNanoseconds
        guard isFresh, let key = keys[token.keyID] else {
            // That a key is none of the issuer's only the issuer can say.
            if let failure { return .undecided(failure) }
            return isFresh ? .refused(.unknownKey) : .undecided("the issuer's keys did not come in time")
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
        await loadKeys(for: [], deadline: deadline)
    }

    /// Asks for keys where there are none that are fresh, or none of that name: then at most once a minute.
    private func loadKeys(for keyID: [UInt8], deadline: Deadline) async {
        let now = EventLoop.shared.nowNanoseconds
        let isFresh = now < expiresNanoseconds
        let mayAsk =
            askedNanoseconds == 0
            || now - askedNanoseconds >= EventLimits.pushKeysPauseMilliseconds * 1_000_000
        if isFresh, keys[keyID] != nil { return }
        guard let gate = fetching ?? (isFresh && !mayAsk ? nil : ask()) else { return }
        if await !gate.wait(until: deadline) { failure = "the issuer's keys did not come in time" }
    }

    private func ask() -> Gate {
        let gate = Gate()
        fetching = gate
        askedNanoseconds = EventLoop.shared.nowNanoseconds
        EventLoop.shared.start { [self] in
            let result = await caller.call(
                .tokenEndpoint, at: origin, deadline: .after(milliseconds: EventLimits.pushKeysMilliseconds)
            ) { _ in HTTPRequest(method: .get, target: Self.target) }
            take(result)
            fetching = nil
            gate.open()
        }
        return gate
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

/// The Cache-Control field (RFC 9111 section 5.2).
enum CacheControl {
    /// The number of its `max-age` directive, nil where it has none that is a number.
    static func maxAgeSeconds(_ value: ArraySlice<UInt8>?) -> UInt64? {
        for directive in value?.split(separator: UInt8(ascii: ",")) ?? [] {
            let trimmed = directive.drop { $0 == 0x20 || $0 == 0x09 }
            guard trimmed.prefix(8).equalsIgnoringCase("max-age=") else { continue }
            let digits = trimmed.dropFirst(8).prefix(while: ASCII.isDigit)
            guard (1...9).contains(digits.count) else { return nil }
            return UInt64(String(decoding: digits, as: UTF8.self))
        }
        return nil
    }
}
