import COpenSSL
import CProvider
import Glibc

/// OpenSSL, once for the program.
enum OpenSSL {
    /// Loads no configuration file: a setting of the machine's must not weaken what is decided here.
    static let initialize: Void = {
        let isReady =
            copenssl_initialize() == 1 && cprovider_select_algorithms() == 1 && copenssl_add_digests() == 1
        precondition(isReady, "OpenSSL cannot be initialised")
    }()

    /// Empties the queue of errors, which must be empty before a call that may add to it (SSL_get_error(3)).
    /// It nearly always is, and looking costs a tenth of clearing.
    static func clearErrors() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// Texts of errors, which a program without an error goes without: 60 KB.
    private static let reasons: Void = copenssl_load_reasons()

    /// The newest error's reason, for example "certificate verify failed", and an empty queue.
    static func takeReason() -> String {
        defer { clearErrors() }
        reasons
        guard let text = unsafe ERR_reason_error_string(ERR_peek_last_error()) else {
            return "unknown reason"
        }
        return unsafe String(cString: text)
    }
}

/// The client's side of TLS towards hosts of one trust: anchors, rules, and one kept session a host.
///
/// OpenSSL's own context is one for all, since making one costs milliseconds. What is proven is not shared:
/// there is one of these for each set of anchors, with its own sessions, so that a session, whose resumption
/// verifies nothing, can never serve where other anchors are asked for.
@safe
@EventLoopActor
final class TLSClientContext {
    /// Every rule but the anchors; it has none itself.
    private static let shared: Result<OpaquePointer, TLSConfigurationError> =
        unsafe makeShared()
    /// The newest session with a host and port: a resumed handshake costs a quarter of a full one.
    @safe
    private struct Kept {
        let host: String
        let port: UInt16
        let session: OpaquePointer
    }

    let trust: TrustAnchors
    private let context: OpaquePointer
    private let anchors: OpaquePointer
    private var hasReadAnchors = false
    /// Few, so that a search of all of them is cheap.
    private var sessions: [Kept] = []

    /// Fails with OpenSSL's reason where there is no memory. The anchors are read in the first handshake.
    init(trust: TrustAnchors) throws(TLSConfigurationError) {
        self.trust = trust
        unsafe context = try Self.shared.get()
        guard let anchors = unsafe X509_STORE_new() else {
            throw TLSConfigurationError(reason: OpenSSL.takeReason())
        }
        unsafe self.anchors = anchors
    }

    private static func makeShared() -> Result<OpaquePointer, TLSConfigurationError> {
        OpenSSL.initialize
        guard let context = unsafe SSL_CTX_new(TLS_client_method()),
            unsafe copenssl_set_ciphers(context) == 1
        else {
            return unsafe .failure(TLSConfigurationError(reason: OpenSSL.takeReason()))
        }
        _ = unsafe copenssl_set_min_proto_tls12(context)
        unsafe copenssl_set_modes(context)
        unsafe copenssl_set_client_session_cache(context)
        // 112 bits and more: no SHA-1 signatures, no RSA under 2,048 bits, in any certificate of the chain.
        unsafe SSL_CTX_set_security_level(context, 2)
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        unsafe SSL_CTX_sess_set_new_cb(context) { ssl, session in
            guard let ssl = unsafe ssl, let session = unsafe session else { return 0 }
            unsafe TLSSession.of(ssl).takeNew(session)
            return 1
        }
        return unsafe .success(context)
    }

    isolated deinit {
        for kept in sessions { unsafe SSL_SESSION_free(kept.session) }
        unsafe X509_STORE_free(anchors)
    }

    /// A session that completes its handshake with `host` only: by name with SNI, or by address without.
    func session(host: String, port: UInt16) throws(TLSConfigurationError) -> TLSSession {
        let isAddress = SocketAddress(literal: host, port: port) != nil
        guard let ssl = unsafe SSL_new(context), let parameters = unsafe SSL_get0_param(ssl),
            unsafe copenssl_set_anchors(ssl, anchors) == 1
        else { throw TLSConfigurationError(reason: OpenSSL.takeReason()) }
        unsafe X509_VERIFY_PARAM_set_hostflags(
            parameters,
            UInt32(
                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
                    | X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS))
        let set =
            unsafe isAddress
            ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host)
            : X509_VERIFY_PARAM_set1_host(parameters, host, 0) & CInt(copenssl_set_server_name(ssl, host))
        guard set == 1 else {
            unsafe SSL_free(ssl)
            throw TLSConfigurationError(reason: "no certificate could name this host")
        }
        if let kept = sessions.first(where: { $0.host == host && $0.port == port }) {
            _ = unsafe SSL_set_session(ssl, kept.session)
        }
        unsafe SSL_set_connect_state(ssl)
        return unsafe TLSSession(
            owning: ssl, readAnchors: { [self] () throws(TLSConfigurationError) in try readAnchors() },
            keepSession: { [weak self] session in
                unsafe self?.keep(session, host: host, port: port) ?? false
            })
    }

    /// Keeps a session in place of the one before it. Returns whether it is kept.
    private func keep(_ session: OpaquePointer, host: String, port: UInt16) -> Bool {
        if let index = sessions.firstIndex(where: { $0.host == host && $0.port == port }) {
            unsafe SSL_SESSION_free(sessions.remove(at: index).session)
        }
        guard sessions.count < Limits.sessionsPerContextMax else { return false }
        unsafe sessions.append(Kept(host: host, port: port, session: session))
        return true
    }

    // MARK: Anchors

    private func readAnchors() throws(TLSConfigurationError) {
        if hasReadAnchors { return }
        switch trust {
        case .system: try loadSystemAnchors()
        case .certificateAuthority(let authority): try load(authority.pem)
        }
        hasReadAnchors = true
    }

    /// Those of SSL_CERT_FILE and SSL_CERT_DIR, where either is set, else the system's directory of hashed
    /// names: a directory costs one file for each anchor that is used, a bundle all of them (14 ms) at start.
    private func loadSystemAnchors() throws(TLSConfigurationError) {
        var isSet = false
        if let file = Self.environment("SSL_CERT_FILE") {
            guard unsafe X509_STORE_load_file(anchors, file) == 1 else {
                throw TLSConfigurationError(reason: "SSL_CERT_FILE: \(OpenSSL.takeReason())")
            }
            isSet = true
        }
        if let directory = Self.environment("SSL_CERT_DIR") {
            guard unsafe X509_STORE_load_path(anchors, directory) == 1 else {
                throw TLSConfigurationError(reason: "SSL_CERT_DIR: \(OpenSSL.takeReason())")
            }
            isSet = true
        }
        if isSet { return }
        for directory in ["/etc/ssl/certs", "/usr/lib/ssl/certs"] where unsafe access(directory, R_OK) == 0 {
            guard unsafe X509_STORE_load_path(anchors, directory) == 1 else { continue }
            return
        }
        throw TLSConfigurationError(
            reason: "no trust anchors: neither SSL_CERT_FILE, SSL_CERT_DIR nor /etc/ssl/certs is there")
    }

    /// Every certificate of the PEM text: while a cluster's authority is rotated there are two.
    private func load(_ pem: [UInt8]) throws(TLSConfigurationError) {
        let count = unsafe pem.withUnsafeBytes { buffer -> Int in
            guard let base = buffer.baseAddress,
                let bio = unsafe copenssl_memory_bio(base, CInt(buffer.count))
            else { return 0 }
            defer { unsafe BIO_free(bio) }
            var count = 0
            while let certificate = unsafe PEM_read_bio_X509(bio, nil, nil, nil) {
                defer { unsafe X509_free(certificate) }
                guard unsafe X509_STORE_add_cert(anchors, certificate) == 1 else { return 0 }
                count += 1
            }
            // The end of the text shows as "no start line"; anything else is a broken certificate.
            return copenssl_pem_error_is_end() == 1 ? count : 0
        }
        guard count > 0 else {
            throw TLSConfigurationError(
                reason: "the certificate authority is no PEM certificate: \(OpenSSL.takeReason())")
        }
        OpenSSL.clearErrors()
    }

    private static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }
}

/// Why TLS cannot even be tried: anchors that cannot be read, a host that no certificate can name.
struct TLSConfigurationError: Error, Equatable, Sendable {
    let reason: String
}

/// The server's side of TLS: a certificate chain and its key, for the local cloud and for tests.
@safe
@EventLoopActor
public final class TLSServerContext {
    private let context: OpaquePointer

    /// Takes the chain, leaf first, and the private key, both PEM. Nil when they do not fit together.
    ///
    /// - Parameters:
    ///   - requestsClientCertificate: asks for one, as a Kubernetes API server does, and needs none.
    ///   - allowsWeakCertificates: presents what no client should take, for tests of that.
    public init?(
        certificateChainPEM: [UInt8], privateKeyPEM: [UInt8], requestsClientCertificate: Bool = false,
        allowsWeakCertificates: Bool = false
    ) {
        OpenSSL.initialize
        guard let context = unsafe SSL_CTX_new(TLS_server_method()),
            unsafe copenssl_set_ciphers(context) == 1
        else { return nil }
        unsafe self.context = context
        _ = unsafe copenssl_set_min_proto_tls12(context)
        unsafe copenssl_set_modes(context)
        if allowsWeakCertificates { unsafe SSL_CTX_set_security_level(context, 0) }
        if requestsClientCertificate {
            // Without an id of the context OpenSSL refuses to resume such sessions.
            unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, { _, _ in 1 })
            let name = Array("server".utf8)
            _ = unsafe SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
        }
        guard unsafe Self.use(certificateChainPEM, in: context),
            unsafe Self.useKey(privateKeyPEM, in: context),
            unsafe SSL_CTX_check_private_key(context) == 1
        else { return nil }
    }

    isolated deinit {
        unsafe SSL_CTX_free(context)
    }

    func session() -> TLSSession? {
        guard let ssl = unsafe SSL_new(context) else { return nil }
        unsafe SSL_set_accept_state(ssl)
        return unsafe TLSSession(owning: ssl, readAnchors: {}, keepSession: { _ in false })
    }

    private static func use(_ pem: [UInt8], in context: OpaquePointer) -> Bool {
        unsafe pem.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress,
                let bio = unsafe copenssl_memory_bio(base, CInt(buffer.count))
            else { return false }
            defer { unsafe BIO_free(bio) }
            guard let leaf = unsafe PEM_read_bio_X509(bio, nil, nil, nil) else { return false }
            defer { unsafe X509_free(leaf) }
            guard unsafe SSL_CTX_use_certificate(context, leaf) == 1 else { return false }
            while let issuer = unsafe PEM_read_bio_X509(bio, nil, nil, nil) {
                guard unsafe copenssl_add_chain_certificate(context, issuer) == 1 else { return false }
            }
            OpenSSL.clearErrors()
            return true
        }
    }

    private static func useKey(_ pem: [UInt8], in context: OpaquePointer) -> Bool {
        unsafe pem.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress,
                let bio = unsafe copenssl_memory_bio(base, CInt(buffer.count))
            else { return false }
            defer { unsafe BIO_free(bio) }
            guard let key = unsafe PEM_read_bio_PrivateKey(bio, nil, nil, nil) else { return false }
            defer { unsafe EVP_PKEY_free(key) }
            return unsafe SSL_CTX_use_PrivateKey(context, key) == 1
        }
    }
}
