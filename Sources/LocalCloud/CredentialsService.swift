import JSON
import Net

/// STS, the OAuth token endpoint, `generateAccessToken`, and the keys that verify ID tokens.
@EventLoopActor
final class CredentialsService: Service {
    private let cloud: Cloud

    init(cloud: Cloud) { self.cloud = cloud }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let path = Target.decodedText(request.path)
        switch (request.method, path) {
        case (.get, "/oauth2/v3/certs"): return cloud.identity.keySet()
        case (.post, "/token"): return token(request)
        case (.post, "/v1/token"), (.post, "/sts"): return exchange(request)
        case (.post, _) where path.hasPrefix("/v1/projects/-/serviceAccounts/"):
            let rest = path.dropFirst("/v1/projects/-/serviceAccounts/".count)
            guard rest.hasSuffix(":generateAccessToken") else { return .googleNoMethod }
            return impersonate(request, String(rest.dropLast(":generateAccessToken".count)))
        default: return .googleNoMethod
        }
    }

    /// An OAuth error (RFC 6749 section 5.2).
    private func refused(_ error: String, _ description: String, status: Int = 400) -> HTTPResponse {
        .json(status) { json in
            json.beginObject()
            json.member("error", error)
            json.member("error_description", description)
            json.endObject()
        }
    }

    private func form(_ request: HTTPRequest) -> [String: String]? {
        guard let type = request.fields["content-type"],
            type.prefix(33).equalsIgnoringCase("application/x-www-form-urlencoded")
        else { return nil }
        return Dictionary(
            Target.form(request.body).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    private func given(_ token: String, issuedType: Bool = false) -> HTTPResponse {
        .json { json in
            json.beginObject()
            json.member("access_token", token)
            if issuedType {
                json.member("issued_token_type", "urn:ietf:params:oauth:token-type:access_token")
            }
            json.member("expires_in", cloud.tokens.expiresInSeconds)
            json.member("token_type", "Bearer")
            json.endObject()
        }
    }

    // MARK: The token endpoint

    private func token(_ request: HTTPRequest) -> HTTPResponse {
        guard let form = form(request) else {
            return refused("invalid_request", "The request is not a form.")
        }
        switch form["grant_type"] {
        case "urn:ietf:params:oauth:grant-type:jwt-bearer":
            if let problem = assertionProblem(form["assertion"] ?? "") {
                return refused("invalid_grant", problem)
            }
            return given(cloud.tokens.issue(prefix: "jwt", counters: cloud.counters))
        case "refresh_token":
            for name in ["client_id", "client_secret", "refresh_token"] where form[name, default: ""].isEmpty
            {
                return refused("invalid_request", "Missing required parameter: \(name)")
            }
            return given(cloud.tokens.issue(prefix: "refresh", counters: cloud.counters))
        default: return refused("unsupported_grant_type", "Invalid grant_type: \(form["grant_type"] ?? "")")
        }
    }

    /// What is wrong with a service account's JWT (RFC 7523 section 3); nil when it is good.
    private func assertionProblem(_ assertion: String) -> String? {
        let parts = assertion.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(
            Array.init)
        guard parts.count == 3, let header = Self.object(parts[0]), let claims = Self.object(parts[1]),
            let signature = Self.decodeURLSafe(parts[2]), !signature.isEmpty
        else { return "Invalid JWT: it has not three parts of base64url with JSON objects." }
        guard header["alg"]?.string == "RS256", header["typ"]?.string == "JWT" else {
            return "Invalid JWT: alg must be RS256 and typ JWT."
        }
        guard let issuer = claims["iss"]?.string, issuer.contains("@") else { return "Invalid JWT: no iss." }
        guard claims["aud"]?.string == "https://oauth2.googleapis.com/token" else {
            return "Invalid JWT: aud must be https://oauth2.googleapis.com/token."
        }
        guard let scope = claims["scope"]?.string, !scope.isEmpty else {
            return "Invalid OAuth scope: empty."
        }
        let now = Int(WallClock.now.seconds)
        guard let issued = claims["iat"]?.integer, let expires = claims["exp"]?.integer, issued <= now + 300,
            expires > now, expires - issued <= 3_600
        else {
            return
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                + "Check your iat and exp values in the JWT claim."
        }
        if let key = cloud.tokens.keys[issuer] {
            let message = parts[0] + [UInt8(ascii: ".")] + parts[1]
            guard key.verifies(signature, of: message) else { return "Invalid JWT Signature." }
        }
        return nil
    }

    private static func object(_ part: [UInt8]) -> JSONDocument.Value? {
        guard let bytes = decodeURLSafe(part), let document = try? JSONDocument(parsing: bytes),
            document.root.isObject
        else { return nil }
        return document.root
    }

    /// Base64url without padding (RFC 7515 section 2).
    static func decodeURLSafe(_ text: [UInt8]) -> [UInt8]? {
        guard !text.contains(UInt8(ascii: "+")), !text.contains(UInt8(ascii: "/")) else { return nil }
        let standard = text.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        return try? Base64.decode(standard)
    }

    // MARK: STS and impersonation

    private func exchange(_ request: HTTPRequest) -> HTTPResponse {
        guard let form = form(request) else {
            return refused("invalid_request", "The request is not a form.")
        }
        guard form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange" else {
            return refused("unsupported_grant_type", "Invalid grant_type.")
        }
        guard form["requested_token_type"] == "urn:ietf:params:oauth:token-type:access_token" else {
            return refused("invalid_request", "Invalid requested_token_type.")
        }
        for name in ["audience", "scope", "subject_token", "subject_token_type"]
        where form[name, default: ""].isEmpty {
            return refused("invalid_request", "Missing required parameter: \(name)")
        }
        guard form["audience", default: ""].hasPrefix("//iam.") else {
            return refused(
                "invalid_target", "The target service indicated by the \"audience\" parameters is invalid.")
        }
        return given(cloud.tokens.issue(prefix: "sts", counters: cloud.counters), issuedType: true)
    }

    private func impersonate(_ request: HTTPRequest, _ account: String) -> HTTPResponse {
        guard cloud.tokens.accepts(request) else { return .googleUnauthorized }
        guard let document = try? JSONDocument(parsing: request.body), let scope = document.root["scope"],
            scope.isArray, !scope.isEmpty
        else { return .googleInvalid("The request must have a non-empty scope.") }
        guard account.contains("@") else { return .googleNotFound("Unknown service account") }
        var lifetime = cloud.tokens.expiresInSeconds
        if let text = document.root["lifetime"]?.string {
            guard text.hasSuffix("s"), let seconds = Int(text.dropLast()), (1...43_200).contains(seconds)
            else {
                return .googleInvalid("Invalid lifetime.")
            }
            lifetime = min(lifetime, seconds)
        }
        let token = cloud.tokens.issue(prefix: "impersonated", counters: cloud.counters)
        let expiry = WallClock(seconds: WallClock.now.seconds + Int64(lifetime)).rfc3339(fractionDigits: 0)
        return .json { json in
            json.beginObject()
            json.member("accessToken", token)
            json.member("expireTime", expiry)
            json.endObject()
        }
    }
}
