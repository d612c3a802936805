import COpenSSL
import Glibc

/// OpenSSL, once for the program.
enum OpenSSL {
    /// Loads no configuration file: a setting of the machine's must not weaken what is decided here.
    static let initialize: Void = {
        precondition(copenssl_initialize() == 1, "OpenSSL cannot be initialised")
    }()

    /// Empties the queue of errors, which must be empty before a call that may add to it (SSL_get_error(3)).
    /// It nearly always is, and looking costs a tenth of clearing.
    static func clearErrors() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// The newest error's reason, for example "certificate verify failed", and an empty queue.
    static func takeReason() -> String {
        defer { clearErrors() }
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
    private static let shared: Result<OpaquePointer, TLSConfigurationError> = makeShared()
    private let context: OpaquePointer
    private let anchors: OpaquePointer
    /// The newest session of each host and port: a resumed handshake costs a quarter of a full one.
    private var sessions: [String: OpaquePointer] = unsafe [:]
    private static let sessionsMax = 64

    /// Fails with OpenSSL's reason when the anchors cannot be read.
    init(trust: TrustAnchors) throws(TLSConfigurationError) {
        unsafe context = try Self.shared.get()
        guard let anchors = unsafe X509_STORE_new() else {
            throw TLSConfigurationError(reason: OpenSSL.takeReason())
        }
        unsafe self.anchors = anchors
        switch trust {
        case .system: try loadSystemAnchors()
        case .certificateAuthority(let authority): try load(authority.pem)
        }
    }

    private static func makeShared() -> Result<OpaquePointer, TLSConfigurationError> {
        OpenSSL.initialize
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
            return .failure(TLSConfigurationError(reason: OpenSSL.takeReason()))
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
        unsafe sessions.values.forEach { unsafe SSL_SESSION_free($0) }
        unsafe X509_STORE_free(anchors)
    }

    /// A session that will only stand towards `host`: by name with SNI, or by address without.
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
        let key = "\(host):\(port)"
        if let kept = unsafe sessions[key] { _ = unsafe SSL_set_session(ssl, kept) }
        unsafe SSL_set_connect_state(ssl)
        return unsafe TLSSession(owning: ssl) { [weak self] session in
            guard let self else { return false }
            if let old = unsafe sessions.removeValue(forKey: key) { unsafe SSL_SESSION_free(old) }
            guard unsafe sessions.count < Self.sessionsMax else { return false }
            unsafe sessions[key] = session
            return true
        }
    }

    // MARK: Anchors

    /// SSL_CERT_FILE, else SSL_CERT_DIR, else the system's directory of hashed names: a directory costs one
    /// file for each anchor that is used, a bundle all of them (14 ms) at start.
    private func loadSystemAnchors() throws(TLSConfigurationError) {
        if let file = Self.environment("SSL_CERT_FILE") {
            guard unsafe X509_STORE_load_file(anchors, file) == 1 else {
                throw TLSConfigurationError(reason: "SSL_CERT_FILE: \(OpenSSL.takeReason())")
            }
            return
        }
        if let directory = Self.environment("SSL_CERT_DIR") {
            guard unsafe X509_STORE_load_path(anchors, directory) == 1 else {
                throw TLSConfigurationError(reason: "SSL_CERT_DIR: \(OpenSSL.takeReason())")
            }
            return
        }
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
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { return nil }
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
        return unsafe TLSSession(owning: ssl) { _ in false }
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

/// One TLS connection's state: ciphertext in and out by memory, so that the stream alone makes system calls.
@safe
@EventLoopActor
final class TLSSession {
    enum ReadResult {
        case bytes(Int)
        case needsMore
        case end
    }

    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    private let keepSession: (OpaquePointer) -> Bool
    /// Touched on the loop's thread only: OpenSSL calls back on the thread that calls it.
    private nonisolated(unsafe) var newSession: OpaquePointer?

    /// Takes `ssl`, and a closure that takes over a new session if it returns true.
    init(owning ssl: OpaquePointer, keepSession: @escaping (OpaquePointer) -> Bool) {
        guard let input = unsafe BIO_new(BIO_s_mem()), let output = unsafe BIO_new(BIO_s_mem()) else {
            preconditionFailure("no memory for a TLS session")
        }
        unsafe self.ssl = ssl
        unsafe self.input = input
        unsafe self.output = output
        unsafe self.keepSession = keepSession
        unsafe SSL_set_bio(ssl, input, output)
        _ = unsafe SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    isolated deinit {
        if let session = unsafe newSession { unsafe SSL_SESSION_free(session) }
        unsafe SSL_free(ssl)
    }

    /// The session that OpenSSL calls back about. It outlives `ssl`, so the reference is good.
    nonisolated static func of(_ ssl: OpaquePointer) -> TLSSession {
        guard let raw = unsafe SSL_get_ex_data(ssl, 0) else { preconditionFailure("a foreign TLS session") }
        return unsafe Unmanaged<TLSSession>.fromOpaque(raw).takeUnretainedValue()
    }

    /// Called by OpenSSL from inside `handshake` and `read`, which see to the rest.
    nonisolated func takeNew(_ session: OpaquePointer) {
        if let older = unsafe newSession { unsafe SSL_SESSION_free(older) }
        unsafe newSession = session
    }

    private func keepNewSession() {
        guard let session = unsafe newSession else { return }
        unsafe newSession = nil
        if unsafe !keepSession(session) { unsafe SSL_SESSION_free(session) }
    }

    /// Goes on with the handshake. Returns whether it is done, certificate verified.
    func handshake() throws(StreamError) -> Bool {
        OpenSSL.clearErrors()
        let result = unsafe SSL_do_handshake(ssl)
        if result == 1 {
            keepNewSession()
            return true
        }
        if unsafe SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return false }
        let verdict = unsafe SSL_get_verify_result(ssl)
        if verdict != X509_V_OK {
            OpenSSL.clearErrors()
            let text = unsafe String(cString: X509_verify_cert_error_string(verdict))
            throw .notVerified(text)
        }
        throw .tls(OpenSSL.takeReason())
    }

    /// Takes ciphertext that the peer sent.
    func feed(_ bytes: UnsafeRawBufferPointer) {
        let count = unsafe BIO_write(input, bytes.baseAddress, CInt(bytes.count))
        precondition(Int(count) == bytes.count, "no memory for TLS input")
    }

    /// Decrypts into `buffer`.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StreamError) -> ReadResult {
        OpenSSL.clearErrors()
        let count = unsafe SSL_read(ssl, buffer.baseAddress, CInt(buffer.count))
        keepNewSession()
        if count > 0 { return .bytes(Int(count)) }
        switch unsafe SSL_get_error(ssl, count) {
        case SSL_ERROR_WANT_READ: return .needsMore
        case SSL_ERROR_ZERO_RETURN: return .end
        default: throw .tls(OpenSSL.takeReason())
        }
    }

    /// Whether bytes of the peer's are here that have not been read, or its closing message was.
    var hasInput: Bool {
        unsafe SSL_has_pending(ssl) == 1 || BIO_ctrl_pending(input) > 0
            || SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0
    }

    /// Encrypts some of `bytes`. Returns how many.
    func write(_ bytes: ArraySlice<UInt8>) throws(StreamError) -> Int {
        OpenSSL.clearErrors()
        let count = unsafe bytes.withUnsafeBytes { unsafe SSL_write(ssl, $0.baseAddress, CInt($0.count)) }
        if count > 0 { return Int(count) }
        throw .tls(OpenSSL.takeReason())
    }

    /// Moves ciphertext for the peer into `buffer`. Returns how much, 0 when there is none.
    func takeOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        max(0, unsafe Int(BIO_read(output, buffer.baseAddress, CInt(buffer.count))))
    }

    /// Makes the closing message.
    func shutdown() {
        OpenSSL.clearErrors()
        _ = unsafe SSL_shutdown(ssl)
        OpenSSL.clearErrors()
    }

    /// Whether the handshake was a resumed one.
    var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

}
