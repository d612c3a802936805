import LocalCloud
import Testing

/// What a server shows, and what its client trusts.
struct Presented {
    /// The name or address that the client asks for.
    var host = "good.test"
    /// PEM of the client's anchors.
    var anchors: [UInt8]
    var identity: Identity
    var version: TLSPeerContext.Version?
}

/// One flaw that a server's certificate can have, and the nearest certificate without it.
struct CertificateCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Makes what is presented: with the flaw, or nearly so and without.
    let present: @Sendable (_ isFlawed: Bool) throws -> Presented

    /// A part of OpenSSL's reason for refusing the flaw, so that it is refused for what it is.
    let reason: String

    init(
        _ name: String, _ reason: String, _ present: @escaping @Sendable (Bool) throws -> Presented
    ) {
        testDescription = name
        self.reason = reason
        self.present = present
    }

    static let all = validity + issuers + names + wildcards + weakness

    private static let validity: [CertificateCase] = [
        CertificateCase("expired", "has expired") { isFlawed in
            var wish = Wish(commonName: "", subjectAlternativeNames: ["DNS:good.test"])
            wish.notBeforeSeconds = -7_200
            wish.notAfterSeconds = isFlawed ? -60 : 3_600
            return try signed(wish)
        },
        CertificateCase("not yet valid", "not yet valid") { isFlawed in
            var wish = Wish(commonName: "", subjectAlternativeNames: ["DNS:good.test"])
            wish.notBeforeSeconds = isFlawed ? 3_600 : -60
            return try signed(wish)
        },
        CertificateCase("an expired authority", "has expired") { isFlawed in
            var wish = authorityWish("root")
            wish.notBeforeSeconds = -7_200
            wish.notAfterSeconds = isFlawed ? -60 : 3_600
            return try signed(goodWish, by: Issuer(request: wish, issuer: nil))
        },
    ]

    private static let issuers: [CertificateCase] = [
        CertificateCase("self-signed", "self-signed certificate") { isFlawed in
            let root = try Issuer(commonName: "root")
            let identity = isFlawed ? try Issuer.selfSigned(goodWish) : try root.issue(goodWish)
            return Presented(anchors: root.certificatePEM, identity: identity)
        },
        CertificateCase(
            "an unknown authority of the same name", "self-signed certificate in certificate chain"
        ) { isFlawed in
            let (root, other) = (try Issuer(commonName: "root"), try Issuer(commonName: "root"))
            let identity = try (isFlawed ? other : root).issue(goodWish, sendsAuthority: true)
            return Presented(anchors: root.certificatePEM, identity: identity)
        },
        CertificateCase("a missing intermediate", "unable to get local issuer") { isFlawed in
            let root = try Issuer(commonName: "root")
            let middle = try Issuer(request: authorityWish("middle"), issuer: root)
            let identity = try middle.issue(goodWish, sendsAuthority: !isFlawed)
            return Presented(anchors: root.certificatePEM, identity: identity)
        },
        CertificateCase("an issuer that is no authority (CA:FALSE)", "invalid CA certificate") { isFlawed in
            let root = try Issuer(commonName: "root")
            var wish = authorityWish("middle")
            wish.isCertificateAuthority = !isFlawed
            let identity = try Issuer(request: wish, issuer: root).issue(goodWish, sendsAuthority: true)
            return Presented(anchors: root.certificatePEM, identity: identity)
        },
        CertificateCase("a name constraint violated", "permitted subtree violation") { isFlawed in
            let root = try Issuer(commonName: "root")
            var wish = authorityWish("middle")
            wish.nameConstraints = isFlawed ? "permitted;DNS:other.test" : "permitted;DNS:good.test"
            let identity = try Issuer(request: wish, issuer: root).issue(goodWish, sendsAuthority: true)
            return Presented(anchors: root.certificatePEM, identity: identity)
        },
        CertificateCase("a name constraint that excludes the name", "excluded subtree violation") {
            isFlawed in
            let root = try Issuer(commonName: "root")
            var wish = authorityWish("middle")
            wish.nameConstraints = isFlawed ? "excluded;DNS:good.test" : "excluded;DNS:other.test"
            let identity = try Issuer(request: wish, issuer: root).issue(goodWish, sendsAuthority: true)
            return Presented(anchors: root.certificatePEM, identity: identity)
        },
        CertificateCase("for clients only (clientAuth)", "unsuitable certificate purpose") { isFlawed in
            var wish = goodWish
            wish.extendedKeyUsage = isFlawed ? ["clientAuth"] : ["clientAuth", "serverAuth"]
            return try signed(wish)
        },
    ]

    private static let names: [CertificateCase] = [
        named("another host", flawed: ["DNS:bad.test"], right: ["DNS:bad.test", "DNS:good.test"]),
        named("a host above it", flawed: ["DNS:test"], right: ["DNS:good.test"]),
        named("a host below it", flawed: ["DNS:www.good.test"], right: ["DNS:good.test"]),
        named("a name that it ends with", flawed: ["DNS:notgood.test"], right: ["DNS:GOOD.test"]),
        named("another address", host: "127.0.0.1", flawed: ["IP:127.0.0.2"], right: ["IP:127.0.0.1"]),
        named(
            "an address as a dNSName", host: "127.0.0.1", flawed: ["DNS:127.0.0.1"],
            right: ["DNS:127.0.0.1", "IP:127.0.0.1"]),
        named(
            "an address as an IPv4-mapped one", host: "127.0.0.1", flawed: ["IP:::FFFF:127.0.0.1"],
            right: ["IP:127.0.0.1"]),
        named("the address of a host asked for by name", flawed: ["IP:127.0.0.1"], right: ["DNS:good.test"]),
        named(
            "a URI that names the host", flawed: ["URI:https://good.test/"],
            right: ["URI:https://good.test/", "DNS:good.test"]),
        named(
            "an e-mail address at the host", flawed: ["email:a@good.test"],
            right: ["email:a@good.test", "DNS:good.test"]),
        named(
            "NUL in the name", flawed: [derNames([Array("good.test\0.bad.test".utf8)])],
            right: [derNames([Array("good.test".utf8)])]),
        named(
            "NUL at the name's end", flawed: [derNames([Array("good.test\0".utf8)])],
            right: [derNames([Array("x.test".utf8), Array("good.test".utf8)])]),
        CertificateCase("the host in the common name only", "hostname mismatch") { isFlawed in
            let names = isFlawed ? [] : ["DNS:good.test"]
            return try signed(Wish(commonName: "good.test", subjectAlternativeNames: names))
        },
        CertificateCase("the address in the common name only", "IP address mismatch") { isFlawed in
            let names = isFlawed ? [] : ["IP:127.0.0.1"]
            return try signed(
                Wish(commonName: "127.0.0.1", subjectAlternativeNames: names), host: "127.0.0.1")
        },
    ]

    private static let wildcards: [CertificateCase] = [
        named("a bare wildcard", flawed: ["DNS:*"], right: ["DNS:good.test"]),
        named("a wildcard for a top-level domain", flawed: ["DNS:*.test"], right: ["DNS:good.test"]),
        named(
            "a wildcard for two labels", host: "a.b.wild.test", flawed: ["DNS:*.wild.test"],
            right: ["DNS:*.b.wild.test"]),
        named(
            "two wildcards", host: "a.b.wild.test", flawed: ["DNS:*.*.wild.test"],
            right: ["DNS:*.b.wild.test"]),
        named(
            "a wildcard for the domain itself", host: "wild.test", flawed: ["DNS:*.wild.test"],
            right: ["DNS:*.wild.test", "DNS:wild.test"]),
        named(
            "a wildcard after a part of a label", host: "foo.wild.test", flawed: ["DNS:f*.wild.test"],
            right: ["DNS:*.wild.test"]),
        named(
            "a wildcard before a part of a label", host: "foo.wild.test", flawed: ["DNS:*o.wild.test"],
            right: ["DNS:*.wild.test"]),
        named(
            "a wildcard in the second label", host: "foo.wild.test", flawed: ["DNS:foo.*.test"],
            right: ["DNS:*.wild.test"]),
        named(
            "a wildcard for an address", host: "127.0.0.1", flawed: ["DNS:*.0.0.1"],
            right: ["IP:127.0.0.1"]),
        named(
            "a leading dot", host: "foo.wild.test", flawed: ["DNS:.wild.test"],
            right: ["DNS:*.wild.test"]),
    ]

    private static let weakness: [CertificateCase] = [
        CertificateCase("signed with SHA-1", "digest algorithm too weak") { isFlawed in
            var wish = goodWish
            wish.digest = isFlawed ? .sha1 : .sha256
            return try signed(wish)
        },
        CertificateCase("an intermediate signed with SHA-1", "digest algorithm too weak") { isFlawed in
            let root = try Issuer(commonName: "root")
            var wish = authorityWish("middle")
            wish.digest = isFlawed ? .sha1 : .sha384
            let identity = try Issuer(request: wish, issuer: root).issue(goodWish, sendsAuthority: true)
            return Presented(anchors: root.certificatePEM, identity: identity)
        },
        CertificateCase("RSA of 1,024 bits", "EE certificate key too weak") { isFlawed in
            var wish = goodWish
            wish.key = isFlawed ? .rsa1024 : .rsa2048
            return try signed(wish)
        },
        CertificateCase("an authority with RSA of 1,024 bits", "CA certificate key too weak") { isFlawed in
            var wish = authorityWish("root")
            wish.key = isFlawed ? .rsa1024 : .rsa2048
            return try signed(goodWish, by: Issuer(request: wish, issuer: nil))
        },
        CertificateCase("TLS 1.1", "protocol version") { isFlawed in
            var presented = try signed(goodWish)
            presented.version = isFlawed ? .tls11 : .tls12
            return presented
        },
    ]

    /// A certificate with nothing wrong, for this machine's addresses and names.
    static func plain() throws -> Presented {
        let names = ["IP:127.0.0.1", "IP:127.0.0.3", "DNS:localhost", "DNS:good.test"]
        return try signed(Wish(commonName: "", subjectAlternativeNames: names), host: "127.0.0.1")
    }

    private static var goodWish: Wish { Wish(commonName: "", subjectAlternativeNames: ["DNS:good.test"]) }

    private static func authorityWish(_ name: String) -> Wish {
        var wish = Wish(commonName: name)
        wish.isCertificateAuthority = true
        wish.extendedKeyUsage = []
        return wish
    }

    private static func signed(
        _ wish: Wish, host: String = "good.test", by issuer: Issuer? = nil
    ) throws -> Presented {
        let issuer = try issuer ?? Issuer(commonName: "root")
        return Presented(host: host, anchors: issuer.certificatePEM, identity: try issuer.issue(wish))
    }

    private static func named(
        _ name: String, host: String = "good.test", flawed: [String], right: [String]
    ) -> CertificateCase {
        CertificateCase(name, "mismatch") { isFlawed in
            try signed(
                Wish(commonName: "", subjectAlternativeNames: isFlawed ? flawed : right), host: host)
        }
    }

    /// The DER of a subjectAltName with these dNSNames, in the form that OpenSSL's configuration takes.
    private static func derNames(_ names: [[UInt8]]) -> String {
        var entries: [UInt8] = []
        for name in names { entries += [0x82, UInt8(name.count)] + name }
        let der: [UInt8] = [0x30, UInt8(entries.count)] + entries
        return "DER:" + der.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
