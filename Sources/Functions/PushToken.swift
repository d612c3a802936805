internal import JSON
internal import Net

/// Why a push token was refused. One line for the log; the caller is told nothing of it.
enum PushTokenFault: String, Error, Equatable, Sendable {
    case missing = "no Authorization field with a Bearer token"
    case malformed = "the token is no JSON Web Token"
    case extended = "the token has extensions that must be understood"
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
        // Nor may it ask for more than we know of (RFC 7515 section 4.1.11).
        guard head.root["crit"] == nil else { throw .extended }
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
