import JSON
public import Net

/// Tokens as Pub/Sub's pushes carry them, signed with `TestKey`, and the issuer's keys that prove them.
public enum PushTokens {
    /// PUSH_AUDIENCE of a handler that takes them.
    public static let audience = "https://handler.example"
    /// PUSH_SERVICE_ACCOUNT of a handler that takes them.
    public static let serviceAccount = "push@p.iam.gserviceaccount.com"

    /// The claims of a token that is accepted, each as JSON; a test changes one, or leaves it out.
    public static func claims(changing name: String? = nil, to value: String? = nil) -> String {
        let now = WallClock.now.seconds
        var members = [
            ("iss", "\"https://accounts.google.com\""), ("aud", "\"\(audience)\""),
            ("email", "\"\(serviceAccount)\""), ("email_verified", "true"), ("exp", "\(now + 3_600)"),
            ("iat", "\(now)"),
        ]
        if let name { members.removeAll { $0.0 == name } }
        if let name, let value { members.append((name, value)) }
        return "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    /// The token, in its compact form.
    public static func token(
        _ claims: String = claims(), head: String = #"{"alg":"RS256","kid":"k1","typ":"JWT"}"#
    ) -> [UInt8] {
        let signed =
            Base64.encodeURLSafe(Array(head.utf8)) + [0x2E] + Base64.encodeURLSafe(Array(claims.utf8))
        guard let key = RSAPrivateKey(pem: Array(TestKey.pem.utf8)), let signature = key.signature(of: signed)
        else { preconditionFailure("the key of the tests signs") }
        return signed + [0x2E] + Base64.encodeURLSafe(signature)
    }

    /// The issuer's answer: `TestKey` under each of the names, beside one that is not RSA.
    public static func keySet(
        _ names: [String] = ["k1"], cacheControl: String = "public, max-age=600, must-revalidate"
    ) -> HTTPResponse {
        let modulus = String(decoding: Base64.encodeURLSafe(TestKey.modulus), as: UTF8.self)
        let keys = names.map { #",{"kty":"RSA","kid":"\#($0)","n":"\#(modulus)","e":"AQAB"}"# }.joined()
        var response = HTTPResponse(
            status: 200, body: Array(#"{"keys":[{"kty":"EC","kid":"x"}\#(keys)]}"#.utf8))
        response.fields.append("Content-Type", "application/json")
        response.fields.append("Cache-Control", cacheControl)
        return response
    }
}
