import COpenSSL
import LocalCloud

@testable import Net

/// The server's side of TLS, without the scruples of `TLSServerContext`: old versions, weak keys and any
/// chain.
@EventLoopActor
final class TLSPeerContext {
    /// A version of TLS.
    enum Version: CInt {
        case tls11 = 0x0302
        case tls12 = 0x0303
        case tls13 = 0x0304
    }

    private let context: OpaquePointer
    /// Handshakes that were finished.
    private(set) var handshakes = 0
    /// Those of them that resumed a session.
    private(set) var resumptions = 0
    /// The names of the ciphers that were agreed on.
    private(set) var ciphers: [String] = []
    /// The server names that clients sent, nil where they sent none; also of handshakes that failed.
    private(set) var serverNames: [String?] = []

    /// `ticketKey`: 80 bytes; two contexts that share them resume each other's sessions.
    init(_ identity: Identity, only version: Version? = nil, ticketKey: [UInt8]? = nil) {
        OpenSSL.initialize
        guard let context = SSL_CTX_new(TLS_server_method()) else { preconditionFailure("no TLS context") }
        self.context = context
        // 124 and 123: SSL_CTRL_SET_MAX_PROTO_VERSION and MIN, whose macros are function-like.
        SSL_CTX_set_security_level(context, 0)
        if let version {
            precondition(SSL_CTX_ctrl(context, 123, Int(version.rawValue), nil) == 1)
            precondition(SSL_CTX_ctrl(context, 124, Int(version.rawValue), nil) == 1)
            precondition(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") == 1)
        }
        Self.use(identity, in: context)
        if var key = ticketKey {
            let set = SSL_CTX_ctrl(context, SSL_CTRL_SET_TLSEXT_TICKET_KEYS, key.count, &key)
            precondition(set == 1, "ticket keys are 80 bytes")
        }
        let name = Array("test".utf8)
        precondition(SSL_CTX_set_session_id_context(context, name, UInt32(name.count)) == 1)
    }

    /// The session of the last handshake, alive as long as its stream is open.
    private var latest: OpaquePointer?

    /// Updates the keys of the last session, and asks the client to do the same (RFC 8446 section 4.6.3).
    /// What tells it so goes out with the next write.
    func updateKeys() {
        guard let latest else { preconditionFailure("no handshake was done") }
        precondition(SSL_key_update(latest, SSL_KEY_UPDATE_REQUESTED) == 1, "keys cannot be updated")
        precondition(SSL_do_handshake(latest) == 1, "the update is not sent")
    }

    isolated deinit {
        SSL_CTX_free(context)
    }

    /// Every handshake asks the client for a certificate from now on, and takes none for an answer.
    func asksForCertificate() {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }

    /// Does the handshake on an accepted connection.
    func start(on stream: ByteStream) async throws(StreamError) {
        guard let ssl = SSL_new(context) else { preconditionFailure("no TLS session") }
        SSL_set_accept_state(ssl)
        let session = TLSSession(owning: ssl, readAnchors: {}, keepSession: { _ in false })
        defer {
            // The session owns `ssl`, and is alive here.
            let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
            serverNames.append(name.map { String(cString: $0) })
            withExtendedLifetime(session) {}
        }
        try await stream.startTLS(session, deadline: .patient)
        handshakes += 1
        let cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))
        if let cipher { ciphers.append(String(cString: cipher)) }
        latest = ssl
        if session.isResumed { resumptions += 1 }
    }

    private static func use(_ identity: Identity, in context: OpaquePointer) {
        let chain = identity.chainPEM.withUnsafeBytes { bytes -> [OpaquePointer] in
            guard let base = bytes.baseAddress, let bio = copenssl_memory_bio(base, CInt(bytes.count)) else {
                return []
            }
            defer { BIO_free(bio) }
            var chain: [OpaquePointer] = []
            while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) { chain.append(certificate) }
            ERR_clear_error()
            return chain
        }
        guard let leaf = chain.first else { preconditionFailure("no certificate") }
        precondition(SSL_CTX_use_certificate(context, leaf) == 1, "the certificate is not taken")
        X509_free(leaf)
        for issuer in chain.dropFirst() {
            precondition(copenssl_add_chain_certificate(context, issuer) == 1, "the chain is not taken")
        }
        identity.keyPEM.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let bio = copenssl_memory_bio(base, CInt(bytes.count)) else {
                preconditionFailure("no key")
            }
            defer { BIO_free(bio) }
            guard let key = PEM_read_bio_PrivateKey(bio, nil, nil, nil) else { preconditionFailure("no key") }
            defer { EVP_PKEY_free(key) }
            precondition(SSL_CTX_use_PrivateKey(context, key) == 1, "the key does not fit")
        }
    }
}
