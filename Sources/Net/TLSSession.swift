import COpenSSL
import Glibc

/// One TLS connection's state: ciphertext in and out by memory, so that the stream alone makes system calls.
///
/// No session has buffers of its own beyond OpenSSL's. What the stream received is read where it lies, and
/// what is to be sent is written to one place for all: it is taken before another session is asked.
@safe
@EventLoopActor
final class TLSSession {
    enum ReadResult {
        case bytes(Int)
        case needsMore
        case end
    }

    /// Where OpenSSL finds the input of a call and leaves its output.
    private static let pipe: UnsafeMutablePointer<copenssl_pipe> = {
        let pipe = UnsafeMutablePointer<copenssl_pipe>.allocate(capacity: 1)
        unsafe pipe.initialize(to: copenssl_pipe())
        return unsafe pipe
    }()
    /// What a call may leave of memory for its output behind.
    private static let outputBytesKept = 131_072

    private let ssl: OpaquePointer
    private let readAnchors: () throws(TLSConfigurationError) -> Void
    private let keepSession: (OpaquePointer) -> Bool
    /// Touched on the loop's thread only: OpenSSL calls back on the thread that calls it.
    private nonisolated(unsafe) var newSession: OpaquePointer?
    /// Ciphertext that the stream has just received and still holds.
    private var fresh = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// Ciphertext that was left when the stream needed the room.
    private var kept: ArraySlice<UInt8> = []

    /// Takes `ssl`, a closure that sees to what the peer is verified with, and one that takes over a new
    /// session if it returns true.
    init(
        owning ssl: OpaquePointer, readAnchors: @escaping () throws(TLSConfigurationError) -> Void,
        keepSession: @escaping (OpaquePointer) -> Bool
    ) {
        guard let bio = unsafe copenssl_pipe_bio(Self.pipe) else {
            preconditionFailure("no memory for a TLS session")
        }
        unsafe self.ssl = ssl
        self.readAnchors = readAnchors
        unsafe self.keepSession = keepSession
        unsafe SSL_set_bio(ssl, bio, bio)
        _ = unsafe SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    isolated deinit {
        if let session = unsafe newSession { unsafe SSL_SESSION_free(session) }
        unsafe SSL_free(ssl)
    }

    // MARK: Sessions to resume

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
        // Tickets come when a connection begins to idle, and OpenSSL makes room to answer them.
        giveBackBuffers()
    }

    /// Frees the 33 KiB that OpenSSL keeps for records, if none is under way; it takes them again for the
    /// next one.
    func giveBackBuffers() {
        _ = unsafe SSL_free_buffers(ssl)
    }

    /// Whether the handshake was a resumed one.
    var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

    // MARK: Ciphertext

    /// Takes note of ciphertext that the peer sent. It stays where it is until `keepInput` is called, which
    /// must be before its memory is used for anything else.
    func feed(_ bytes: UnsafeRawBufferPointer) {
        keepInput()
        if kept.isEmpty {
            unsafe fresh = bytes
        } else {
            // OpenSSL has asked for more before it had taken all: it has its reasons, and nothing is lost.
            unsafe keep(bytes)
        }
    }

    /// Copies what is left of the input, so that the stream may use its memory again.
    func keepInput() {
        if unsafe fresh.isEmpty { return }
        unsafe keep(fresh)
        unsafe fresh = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) {
        // Taken out while it grows: then the compiler knows that nobody looks at it meanwhile.
        var longer = kept
        kept = []
        unsafe longer.append(contentsOf: bytes)
        kept = longer
    }

    /// Whether bytes of the peer's are here that have not been read, or its closing message was.
    var hasInput: Bool {
        if unsafe !fresh.isEmpty || !kept.isEmpty { return true }
        return unsafe SSL_has_pending(ssl) == 1 || SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0
    }

    /// What the last calls have made for the peer; to be sent or copied, and then cleared, at once.
    static var output: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: pipe.pointee.output, count: pipe.pointee.output_length)
    }

    /// Forgets the output.
    static func clearOutput() {
        unsafe copenssl_pipe_clear(pipe, outputBytesKept)
    }

    /// Lets OpenSSL read the input there is.
    private func withInput<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        let pipe = unsafe Self.pipe
        if !kept.isEmpty {
            let input = kept
            let result = unsafe input.withUnsafeBytes { bytes in
                unsafe copenssl_pipe_feed(pipe, bytes.baseAddress, bytes.count)
                return unsafe body(ssl)
            }
            kept = unsafe input.suffix(pipe.pointee.input_length)
            if kept.isEmpty { kept = [] }
            unsafe copenssl_pipe_feed(pipe, nil, 0)
            return result
        }
        unsafe copenssl_pipe_feed(pipe, fresh.baseAddress, fresh.count)
        let result = unsafe body(ssl)
        unsafe fresh = UnsafeRawBufferPointer(rebasing: fresh.suffix(pipe.pointee.input_length))
        unsafe copenssl_pipe_feed(pipe, nil, 0)
        return result
    }

    // MARK: Calls

    /// Goes on with the handshake. Returns whether it is done, certificate verified.
    func handshake() throws(StreamError) -> Bool {
        OpenSSL.clearErrors()
        let result = unsafe withInput { unsafe SSL_do_handshake($0) }
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

    /// Sees to it that the peer's certificate can be verified. It is called when the first message is on its
    /// way, since the peer takes its time to answer; without it no certificate is trusted.
    func prepareToVerify() throws(StreamError) {
        do throws(TLSConfigurationError) {
            try readAnchors()
        } catch {
            throw .notVerified(error.reason)
        }
    }

    /// Decrypts into `buffer`.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StreamError) -> ReadResult {
        OpenSSL.clearErrors()
        let count = unsafe withInput { unsafe SSL_read($0, buffer.baseAddress, CInt(buffer.count)) }
        keepNewSession()
        if count > 0 { return .bytes(Int(count)) }
        switch unsafe SSL_get_error(ssl, count) {
        case SSL_ERROR_WANT_READ: return .needsMore
        case SSL_ERROR_ZERO_RETURN: return .end
        default: throw .tls(OpenSSL.takeReason())
        }
    }

    /// Encrypts some of `bytes`, a record at a time. Returns how many.
    func write(_ bytes: ArraySlice<UInt8>) throws(StreamError) -> Int {
        OpenSSL.clearErrors()
        let count = unsafe bytes.withUnsafeBytes { unsafe SSL_write(ssl, $0.baseAddress, CInt($0.count)) }
        if count > 0 { return Int(count) }
        // What was made before is of this session, and the output is common to all.
        Self.clearOutput()
        throw .tls(OpenSSL.takeReason())
    }

    /// Makes the closing message.
    func shutdown() {
        OpenSSL.clearErrors()
        _ = unsafe SSL_shutdown(ssl)
        OpenSSL.clearErrors()
    }
}
