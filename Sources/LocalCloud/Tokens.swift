import Net

/// The access tokens that were given, and which of them are accepted.
@EventLoopActor
final class Tokens {
    /// What a request carries.
    enum Standing {
        case missing
        case valid
        case invalid
    }

    private(set) var metadata = "ya29.local-1"
    var expiresInSeconds = 3_599
    /// Public keys by the `iss` of the JWTs they must have signed.
    var keys: [String: RSAPublicKey] = [:]
    private var valid: Set<[UInt8]> = []
    private var added: Set<[UInt8]> = []
    private var isMetadataRevoked = false
    private var number = 1
    /// The token that was accepted last: most requests carry the same.
    private var lastAccepted: [UInt8] = []

    /// The token of the metadata server: a new one when the last was revoked.
    func giveMetadata(counters: Counters) -> String {
        if isMetadataRevoked { setMetadata(nextName(prefix: "local")) }
        counters.add(to: .tokensIssued)
        valid.insert(Array(metadata.utf8))
        return metadata
    }

    func setMetadata(_ token: String) {
        metadata = token
        isMetadataRevoked = false
    }

    /// A new token, accepted from now on.
    func issue(prefix: String, counters: Counters) -> String {
        let token = nextName(prefix: prefix)
        counters.add(to: .tokensIssued)
        valid.insert(Array(token.utf8))
        return token
    }

    private func nextName(prefix: String) -> String {
        number += 1
        return "ya29.\(prefix)-\(number)"
    }

    func revoke(_ token: String) {
        valid.remove(Array(token.utf8))
        added.remove(Array(token.utf8))
        lastAccepted = []
        if token == metadata { isMetadataRevoked = true }
    }

    func revokeAll() {
        valid = []
        added = []
        lastAccepted = []
        isMetadataRevoked = true
    }

    /// Accepts these besides those that were given.
    func accept(_ tokens: [String]) {
        for token in tokens { added.insert(Array(token.utf8)) }
    }

    func reset() {
        metadata = "ya29.local-1"
        expiresInSeconds = 3_599
        keys = [:]
        added = []
        isMetadataRevoked = false
        valid = [Array(metadata.utf8)]
        lastAccepted = []
    }

    /// Whether a request carries a bearer token that is accepted (RFC 6750 section 2.1).
    func standing(of request: HTTPRequest) -> Standing {
        guard let value = request.fields["authorization"], value.count > 7,
            value.prefix(7).equalsIgnoringCase("bearer "), value[value.startIndex + 7] != UInt8(ascii: " ")
        else { return .missing }
        let token = value.dropFirst(7)
        if token.elementsEqual(lastAccepted) { return .valid }
        let bytes = Array(token)
        guard valid.contains(bytes) || added.contains(bytes) else { return .invalid }
        lastAccepted = bytes
        return .valid
    }

    /// Whether a request may pass a Google API.
    func accepts(_ request: HTTPRequest) -> Bool {
        switch standing(of: request) {
        case .valid: true
        case .missing, .invalid: false
        }
    }
}
