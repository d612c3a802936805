internal import JSON
internal import Net

/// A request that is part of getting a token, and where it goes.
struct TokenRequest: Sendable {
    let origin: Origin
    let request: HTTPRequest

    init(_ url: AbsoluteURL, form: FormBody, basic: (id: String, secret: String)? = nil) {
        var fields = HTTPFields()
        fields.append("Content-Type", "application/x-www-form-urlencoded")
        if let basic {
            let pair = Array("\(basic.id):\(basic.secret)".utf8)
            fields.append("Authorization", Array("Basic ".utf8) + Base64.encode(pair))
        }
        origin = url.origin
        request = HTTPRequest(method: .post, target: url.target, fields: fields, body: form.bytes)
    }

    init(_ origin: Origin, _ request: HTTPRequest) {
        self.origin = origin
        self.request = request
    }
}

/// The pairs of a form, in the order in which they are sent.
struct FormBody {
    private var pairs: [(name: String, value: [UInt8])] = []

    mutating func append(_ name: String, _ value: some Sequence<UInt8>) {
        pairs.append((name, Array(value)))
    }

    mutating func append(_ name: String, _ value: String) {
        append(name, value.utf8)
    }

    var bytes: [UInt8] { URLForm.encode(pairs) }
}

/// What a token may be used for.
enum TokenScope: String, Sendable {
    /// Everything that the account may do.
    case cloudPlatform = "https://www.googleapis.com/auth/cloud-platform"
    /// To act as another account.
    case iam = "https://www.googleapis.com/auth/iam"
}

extension ServiceAccountKey {
    private static let lifetimeSeconds: Int64 = 3_600

    /// A signed claim that is exchanged for a token (RFC 7523). Nil when the key cannot sign.
    func tokenRequest(scope: TokenScope, now: WallClock) -> TokenRequest? {
        // The audience is this text even where the request goes elsewhere; see Google's own libraries.
        let claims = { (json: inout JSONWriter) in
            json.member("iss", email)
            json.member("aud", "https://oauth2.googleapis.com/token")
            json.member("scope", scope.rawValue)
        }
        guard let assertion = signed(now, claims) else { return nil }
        var form = FormBody()
        form.append("assertion", assertion)
        form.append("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        return TokenRequest(tokenURL, form: form)
    }

    /// A token that the account signs itself (AIP-4111), for universes without a token endpoint.
    func selfSignedToken(scope: TokenScope, now: WallClock) -> FetchedToken? {
        let claims = { (json: inout JSONWriter) in
            json.member("iss", email)
            json.member("sub", email)
            json.member("scope", scope.rawValue)
        }
        guard let token = signed(now, claims) else { return nil }
        return FetchedToken(token, lifetimeMilliseconds: UInt64(Self.lifetimeSeconds) * 1_000)
    }

    private func signed(_ now: WallClock, _ claims: (inout JSONWriter) -> Void) -> [UInt8]? {
        var header = JSONWriter()
        header.beginObject()
        header.member("typ", "JWT")
        header.member("alg", "RS256")
        if let keyID { header.member("kid", keyID) }
        header.endObject()
        var payload = JSONWriter()
        payload.beginObject()
        payload.member("iat", Int(now.seconds))
        payload.member("exp", Int(now.seconds + Self.lifetimeSeconds))
        claims(&payload)
        payload.endObject()
        let message =
            Base64.encodeURLSafe(header.finish()) + [UInt8(ascii: ".")]
            + Base64.encodeURLSafe(payload.finish())
        guard let signature = key.signature(of: message) else { return nil }
        return message + [UInt8(ascii: ".")] + Base64.encodeURLSafe(signature)
    }
}

extension AuthorizedUser {
    /// A refresh (RFC 6749 section 6).
    func tokenRequest() -> TokenRequest {
        var form = FormBody()
        form.append("grant_type", "refresh_token")
        form.append("client_id", clientID)
        form.append("client_secret", clientSecret)
        form.append("refresh_token", refreshToken)
        return TokenRequest(tokenURL, form: form)
    }
}

extension ExternalAccount {
    /// A token exchange (RFC 8693).
    func tokenRequest(subjectToken: [UInt8], scope: TokenScope) -> TokenRequest {
        var form = FormBody()
        form.append("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
        form.append("audience", audience)
        form.append("scope", scope.rawValue)
        form.append("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
        form.append("subject_token", subjectToken)
        form.append("subject_token_type", subjectTokenType)
        if let workforcePoolUserProject, clientAuthentication == nil {
            var options = JSONWriter()
            options.beginObject()
            options.member("userProject", workforcePoolUserProject)
            options.endObject()
            form.append("options", options.finish())
        }
        return TokenRequest(tokenURL, form: form, basic: clientAuthentication)
    }

    /// The request for the subject token, where it stands behind a URL.
    var subjectTokenRequest: TokenRequest? {
        guard case .url(let url, let fields) = source else { return nil }
        return TokenRequest(url.origin, HTTPRequest(method: .get, target: url.target, fields: fields))
    }

    /// The subject token in what the source holds; nil when there is none.
    func subjectToken(in content: [UInt8]) -> [UInt8]? {
        switch format {
        case .text:
            let token = content.trimmingWhitespace
            return token.isEmpty ? nil : token
        case .json(let field):
            guard let document = try? JSONDocument(parsing: content, allowsByteOrderMark: true) else {
                return nil
            }
            guard let token = document.root.member(named: field)?.stringBytes, !token.isEmpty else {
                return nil
            }
            return token
        }
    }
}

extension Impersonation {
    /// The request for the other account's token (IAM Credentials API, generateAccessToken).
    func tokenRequest(authorization: [UInt8], scope: TokenScope) -> TokenRequest {
        var json = JSONWriter()
        json.beginObject()
        json.key("delegates")
        if let delegates {
            json.beginArray()
            for delegate in delegates { json.string(delegate) }
            json.endArray()
        } else {
            json.null()
        }
        json.key("scope")
        json.beginArray()
        json.string(scope.rawValue)
        json.endArray()
        json.member("lifetime", "\(lifetimeSeconds)s")
        json.endObject()
        var fields = HTTPFields()
        fields.append("Content-Type", "application/json")
        fields.append("Authorization", authorization)
        return TokenRequest(
            url.origin, HTTPRequest(method: .post, target: url.target, fields: fields, body: json.finish()))
    }
}

extension MetadataServer {
    /// The machine's token.
    func tokenRequest(scope: TokenScope) -> TokenRequest {
        var form = FormBody()
        form.append("scopes", scope.rawValue)
        let query = String(decoding: form.bytes, as: UTF8.self)
        return TokenRequest(origin, Self.request("instance/service-accounts/default/token?\(query)"))
    }
}

/// A token as it was answered, proven to be one that can be sent.
struct FetchedToken: Sendable, Equatable {
    let bytes: [UInt8]
    let lifetimeMilliseconds: UInt64

    /// Nil when the bytes cannot stand in an Authorization field (RFC 6750 section 2.1, and somewhat more).
    init?(_ bytes: [UInt8], lifetimeMilliseconds: UInt64) {
        guard (1...ServiceLimits.tokenBytesMax).contains(bytes.count) else { return nil }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), HTTPFields.isFieldValue(bytes[...]) else {
            return nil
        }
        self.bytes = bytes
        self.lifetimeMilliseconds = min(lifetimeMilliseconds, ServiceLimits.tokenLifetimeMillisecondsMax)
    }

    /// `access_token` and `expires_in` of a token endpoint's or the metadata server's answer (RFC 6749
    /// section 5.1).
    init?(answer body: [UInt8]) {
        guard body.count <= ServiceLimits.credentialsBytesMax, let document = try? JSONDocument(parsing: body)
        else { return nil }
        guard let token = document.root["access_token"]?.stringBytes else { return nil }
        var seconds = 3_600.0
        if let given = document.root["expires_in"], !given.isNull {
            guard let number = Self.number(given) else { return nil }
            seconds = number
        }
        self.init(token, lifetimeMilliseconds: UInt64(max(0, min(seconds, 1_000_000))) * 1_000)
    }

    /// A number, or an integer that is written as text, as some endpoints do.
    private static func number(_ value: JSONDocument.Value) -> Double? {
        if let number = value.double { return number }
        guard let text = value.stringBytes?.trimmingWhitespace else { return nil }
        return Int(String(decoding: text, as: UTF8.self)).map { Double($0) }
    }

    /// `accessToken` and `expireTime` of generateAccessToken's answer.
    init?(impersonationAnswer body: [UInt8], now: WallClock) {
        guard body.count <= ServiceLimits.credentialsBytesMax, let document = try? JSONDocument(parsing: body)
        else { return nil }
        guard let token = document.root["accessToken"]?.stringBytes,
            let expiry = document.root["expireTime"]?.stringBytes.flatMap({ WallClock(rfc3339: $0) })
        else { return nil }
        let seconds = max(0, expiry.seconds - now.seconds)
        self.init(token, lifetimeMilliseconds: UInt64(min(seconds, 1_000_000)) * 1_000)
    }
}

extension [UInt8] {
    /// Without spaces, tabs and line ends at both ends.
    var trimmingWhitespace: [UInt8] {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 < 5 }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) })
        else { return [] }
        return Array(self[first...last])
    }
}
