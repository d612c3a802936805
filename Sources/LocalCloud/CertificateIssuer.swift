internal import COpenSSL

/// What a certificate says; everything that a hostile one could get wrong can be set.
public struct CertificateRequest: Sendable {
    /// A key to be made.
    public enum Key: String, Sendable, CaseIterable {
        /// ECDSA on P-256.
        case ec256
        /// RSA with so many bits; 1024 is too weak for anybody.
        case rsa1024, rsa2048, rsa3072, rsa4096
    }

    /// The digest of the signature.
    public enum Digest: String, Sendable, CaseIterable {
        /// SHA-1: refused by every client of today.
        case sha1
        /// SHA-2.
        case sha256, sha384
    }

    /// The subject's common name; empty leaves the subject empty.
    public var commonName: String
    /// subjectAltName entries in OpenSSL's form: `DNS:localhost`, `IP:127.0.0.1`. None: no such extension.
    public var subjectAlternativeNames: [String]
    /// Beginning of the validity, in seconds from now.
    public var notBeforeSeconds: Int
    /// End of the validity, in seconds from now.
    public var notAfterSeconds: Int
    /// The key.
    public var key = Key.ec256
    /// The digest.
    public var digest = Digest.sha256
    /// Whether basicConstraints say CA:TRUE.
    public var isCertificateAuthority = false
    /// extendedKeyUsage in OpenSSL's short names; none: no such extension.
    public var extendedKeyUsage: [String] = ["serverAuth"]
    /// nameConstraints in OpenSSL's form, for example `permitted;DNS:example.com`.
    public var nameConstraints: String?

    /// A certificate for a server, valid for a day, with the defaults above.
    public init(
        commonName: String, subjectAlternativeNames: [String] = [], notBeforeSeconds: Int = -3_600,
        notAfterSeconds: Int = 86_400
    ) {
        self.commonName = commonName
        self.subjectAlternativeNames = subjectAlternativeNames
        self.notBeforeSeconds = notBeforeSeconds
        self.notAfterSeconds = notAfterSeconds
    }
}

/// A certificate and its private key, both PEM.
public struct CertificateIdentity: Sendable {
    /// The certificate, followed by those of its issuers that a server sends; leaf first.
    public let chainPEM: [UInt8]
    /// The private key, PKCS #8.
    public let keyPEM: [UInt8]
}

/// OpenSSL could not make what was asked; the text says which step.
public struct CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One line.
    public let description: String
}

/// A certificate authority made at run time, and the certificates that it signs (RFC 5280).
///
/// For tests and the local cloud only: keys live in memory, and whatever is asked for is signed.
@safe
public final class CertificateIssuer {
    private let key: OpaquePointer
    private let certificate: OpaquePointer
    /// The authority's own certificate, PEM.
    public let certificatePEM: [UInt8]

    /// Makes a key and a certificate signed by it.
    public convenience init(commonName: String) throws(CertificateError) {
        var request = CertificateRequest(commonName: commonName, notAfterSeconds: 10 * 86_400)
        request.isCertificateAuthority = true
        request.extendedKeyUsage = []
        try self.init(request: request, issuer: nil)
    }

    /// Makes an authority out of any request, signed by `issuer` or, without one, by itself.
    public init(request: CertificateRequest, issuer: CertificateIssuer?) throws(CertificateError) {
        let key = try unsafe CertificateMaker.key(request.key)
        do throws(CertificateError) {
            let certificate = unsafe try CertificateMaker.certificate(
                request, key: key, issuer: issuer?.certificate, issuerKey: issuer?.key ?? key)
            certificatePEM = unsafe CertificateMaker.pem(certificate: certificate)
            unsafe self.certificate = certificate
            unsafe self.key = key
        } catch {
            unsafe EVP_PKEY_free(key)
            throw error
        }
    }

    deinit {
        unsafe X509_free(certificate)
        unsafe EVP_PKEY_free(key)
    }

    /// Signs a certificate. The chain holds it alone, or with the authority's own after it.
    public func issue(
        _ request: CertificateRequest, sendsAuthority: Bool = false
    ) throws(CertificateError) -> CertificateIdentity {
        let leafKey = try unsafe CertificateMaker.key(request.key)
        defer { unsafe EVP_PKEY_free(leafKey) }
        let leaf = unsafe try CertificateMaker.certificate(
            request, key: leafKey, issuer: certificate, issuerKey: key)
        defer { unsafe X509_free(leaf) }
        let chain = unsafe CertificateMaker.pem(certificate: leaf) + (sendsAuthority ? certificatePEM : [])
        return unsafe CertificateIdentity(chainPEM: chain, keyPEM: CertificateMaker.pem(key: leafKey))
    }

    /// A certificate that is signed by its own key and by nobody else.
    public static func selfSigned(_ request: CertificateRequest) throws(CertificateError)
        -> CertificateIdentity
    {
        let key = try unsafe CertificateMaker.key(request.key)
        defer { unsafe EVP_PKEY_free(key) }
        let leaf = unsafe try CertificateMaker.certificate(request, key: key, issuer: nil, issuerKey: key)
        defer { unsafe X509_free(leaf) }
        return unsafe CertificateIdentity(
            chainPEM: CertificateMaker.pem(certificate: leaf), keyPEM: CertificateMaker.pem(key: key))
    }
}

/// The calls of OpenSSL.
enum CertificateMaker {
    static func key(_ kind: CertificateRequest.Key) throws(CertificateError) -> OpaquePointer {
        let bits: CInt? =
            switch kind {
            case .ec256: nil
            case .rsa1024: 1_024
            case .rsa2048: 2_048
            case .rsa3072: 3_072
            case .rsa4096: 4_096
            }
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, bits == nil ? "EC" : "RSA", nil) else {
            throw CertificateError(description: "no context for a key")
        }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_keygen_init(context) == 1 else {
            throw CertificateError(description: "a key cannot be begun")
        }
        let isSet: CInt
        if let bits {
            isSet = unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits)
        } else {
            isSet = unsafe EVP_PKEY_CTX_set_group_name(context, "P-256")
        }
        var key: OpaquePointer?
        guard isSet == 1, unsafe EVP_PKEY_generate(context, &key) == 1, let made = unsafe key else {
            throw CertificateError(description: "a key cannot be made")
        }
        return unsafe made
    }

    static func certificate(
        _ request: CertificateRequest, key: OpaquePointer, issuer: OpaquePointer?, issuerKey: OpaquePointer
    ) throws(CertificateError) -> OpaquePointer {
        guard let certificate = unsafe X509_new() else {
            throw CertificateError(description: "no certificate")
        }
        do throws(CertificateError) {
            try unsafe fill(certificate, request, key)
            guard let subject = unsafe X509_get_subject_name(issuer ?? certificate),
                unsafe X509_set_issuer_name(certificate, subject) == 1
            else { throw CertificateError(description: "the issuer's name cannot be set") }
            try unsafe addExtensions(certificate, request, issuer: issuer ?? certificate)
            if let issuer = unsafe issuer {
                try unsafe add(NID_authority_key_identifier, "keyid:always", to: certificate, issuer)
            }
            let digest =
                switch request.digest {
                case .sha1: unsafe EVP_sha1()
                case .sha256: unsafe EVP_sha256()
                case .sha384: unsafe EVP_sha384()
                }
            guard unsafe X509_sign(certificate, issuerKey, digest) > 0 else {
                throw CertificateError(description: "the certificate cannot be signed")
            }
            return unsafe certificate
        } catch {
            unsafe X509_free(certificate)
            throw error
        }
    }

    private static func fill(
        _ certificate: OpaquePointer, _ request: CertificateRequest, _ key: OpaquePointer
    ) throws(CertificateError) {
        _ = unsafe X509_set_version(certificate, 2)
        var serial = [UInt8](repeating: 0, count: 16)
        let random = unsafe serial.withUnsafeMutableBufferPointer { unsafe RAND_bytes($0.baseAddress, 16) }
        serial[0] = serial[0] & 0x7F | 0x40
        guard random == 1, let number = unsafe BN_bin2bn(serial, 16, nil) else {
            throw CertificateError(description: "no serial number")
        }
        defer { unsafe BN_free(number) }
        _ = unsafe BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate))
        _ = unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), request.notBeforeSeconds)
        _ = unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), request.notAfterSeconds)
        guard unsafe X509_set_pubkey(certificate, key) == 1 else {
            throw CertificateError(description: "the key cannot be set")
        }
        if request.commonName.isEmpty { return }
        let name = Array(request.commonName.utf8)
        guard
            unsafe X509_NAME_add_entry_by_txt(
                X509_get_subject_name(certificate), "CN", copenssl_utf8_string(), name, CInt(name.count), -1,
                0) == 1
        else { throw CertificateError(description: "the common name cannot be set") }
    }

    private static func addExtensions(
        _ certificate: OpaquePointer, _ request: CertificateRequest, issuer: OpaquePointer
    ) throws(CertificateError) {
        let constraints = request.isCertificateAuthority ? "critical,CA:TRUE" : "critical,CA:FALSE"
        try unsafe add(NID_basic_constraints, constraints, to: certificate, issuer)
        // A certificate authority that has a server's extended key usage may be presented by a server as
        // well.
        let usage =
            !request.isCertificateAuthority
            ? "critical,digitalSignature"
            : "critical,keyCertSign,cRLSign" + (request.extendedKeyUsage.isEmpty ? "" : ",digitalSignature")
        try unsafe add(NID_key_usage, usage, to: certificate, issuer)
        try unsafe add(NID_subject_key_identifier, "hash", to: certificate, issuer)
        if !request.subjectAlternativeNames.isEmpty {
            let names = request.subjectAlternativeNames.joined(separator: ",")
            try unsafe add(NID_subject_alt_name, names, to: certificate, issuer)
        }
        if !request.extendedKeyUsage.isEmpty {
            try unsafe add(
                NID_ext_key_usage, request.extendedKeyUsage.joined(separator: ","), to: certificate, issuer)
        }
        if let constraints = request.nameConstraints {
            try unsafe add(NID_name_constraints, "critical,\(constraints)", to: certificate, issuer)
        }
    }

    private static func add(
        _ nid: CInt, _ value: String, to certificate: OpaquePointer, _ issuer: OpaquePointer
    ) throws(CertificateError) {
        var context = unsafe X509V3_CTX()
        unsafe X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        guard let made = unsafe X509V3_EXT_nconf_nid(nil, &context, nid, value) else {
            ERR_clear_error()
            throw CertificateError(description: "an extension cannot be made of \"\(value)\"")
        }
        defer { unsafe X509_EXTENSION_free(made) }
        guard unsafe X509_add_ext(certificate, made, -1) == 1 else {
            throw CertificateError(description: "an extension cannot be added")
        }
    }

    static func pem(certificate: OpaquePointer) -> [UInt8] {
        unsafe pem { unsafe PEM_write_bio_X509($0, certificate) }
    }

    static func pem(key: OpaquePointer) -> [UInt8] {
        unsafe pem { unsafe PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }

    private static func pem(_ write: (OpaquePointer) -> CInt) -> [UInt8] {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { preconditionFailure("no memory for PEM text") }
        defer { unsafe BIO_free(bio) }
        let written = unsafe write(bio)
        precondition(written == 1, "a certificate or key of our own cannot be written")
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe BIO_read(bio, $0.baseAddress, 4_096) }
            if count <= 0 { return output }
            output += buffer.prefix(Int(count))
        }
    }
}
