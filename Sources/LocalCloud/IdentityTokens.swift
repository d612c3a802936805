import JSON
import Net

/// ID tokens as Google signs them (RS256), and the page with their public key.
@EventLoopActor
final class IdentityTokens {
    private static let keyIdentifier = "local-cloud-1"
    private let project: String
    /// Made when the first token is asked for: most runs need none, and an RSA key costs a tenth of a second.
    private var pair: (key: RSAPrivateKey, modulus: [UInt8], exponent: [UInt8])?

    init(project: String) { self.project = project }

    private func keyPair() -> (key: RSAPrivateKey, modulus: [UInt8], exponent: [UInt8]) {
        if let pair { return pair }
        guard let made = RSAKeyPair.make(), let key = RSAPrivateKey(pem: made.privateKeyPEM) else {
            preconditionFailure("OpenSSL makes no RSA key")
        }
        let new = (key: key, modulus: made.modulus, exponent: made.exponent)
        pair = new
        return new
    }

    /// A token for `audience`, valid for an hour.
    func token(audience: String, email: String) -> String {
        let now = Int(WallClock.now.seconds)
        var header = JSONWriter()
        header.beginObject()
        header.member("alg", "RS256")
        header.member("kid", Self.keyIdentifier)
        header.member("typ", "JWT")
        header.endObject()
        var claims = JSONWriter()
        claims.beginObject()
        claims.member("aud", audience)
        claims.member("azp", "100000000000000000001")
        claims.member("email", email)
        claims.member("email_verified", true)
        claims.member("exp", now + 3_600)
        claims.member("iat", now)
        claims.member("iss", "https://accounts.google.com")
        claims.member("sub", "100000000000000000001")
        claims.endObject()
        let signed =
            Base64.encodeURLSafe(header.finish()) + [UInt8(ascii: ".")]
            + Base64.encodeURLSafe(claims.finish())
        let signature = keyPair().key.signature(of: signed) ?? []
        return String(decoding: signed + [UInt8(ascii: ".")] + Base64.encodeURLSafe(signature), as: UTF8.self)
    }

    /// The key set (RFC 7517) that verifies them.
    func keySet() -> HTTPResponse {
        let pair = keyPair()
        var response = HTTPResponse.json { json in
            json.beginObject()
            json.key("keys")
            json.beginArray()
            json.beginObject()
            json.member("kty", "RSA")
            json.member("use", "sig")
            json.member("alg", "RS256")
            json.member("kid", Self.keyIdentifier)
            json.member("n", bytes: Base64.encodeURLSafe(pair.modulus))
            json.member("e", bytes: Base64.encodeURLSafe(pair.exponent))
            json.endObject()
            json.endArray()
            json.endObject()
        }
        response.fields.append("Cache-Control", "public, max-age=21600, must-revalidate, no-transform")
        return response
    }
}
