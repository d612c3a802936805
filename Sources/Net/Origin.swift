/// Whom a server's certificate must chain up to.
public enum TrustAnchors: Sendable, Hashable {
    /// The system's anchors, or those of SSL_CERT_FILE or SSL_CERT_DIR: for public hosts.
    case system
    /// These certificates alone: for one cluster.
    case certificateAuthority(CertificateAuthority)
}

/// A certificate authority's certificates, every block of a PEM text. Two are equal when their texts are.
public struct CertificateAuthority: Sendable, Hashable {
    /// The PEM text.
    public let pem: [UInt8]
    private let digest: [UInt8]

    /// Takes a PEM text; what is wrong with it shows when a connection is opened.
    public init(pem: [UInt8]) {
        self.pem = pem
        digest = Crypto.sha256(pem)
    }

    /// Whether both have the same text.
    public static func == (left: CertificateAuthority, right: CertificateAuthority) -> Bool {
        left.digest == right.digest
    }

    /// Hashes the text's digest, not the text.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(digest[0])
        hasher.combine(digest[1])
    }
}

/// Where a request goes: scheme, host and port (RFC 9110 section 4.3.1), and for TLS what it must prove.
public struct Origin: Sendable, Hashable {
    /// Whether TLS is spoken.
    public enum Scheme: Sendable, Hashable {
        /// In clear.
        case http
        /// Over TLS.
        case https
    }

    /// Whether TLS is spoken.
    public let scheme: Scheme
    /// A host name in lower case, or an address; IPv6 without brackets.
    public let host: String
    /// The port.
    public let port: UInt16
    /// Whom its certificate must chain up to; not used with `http`.
    public let trust: TrustAnchors
    /// How long a kept connection to it may idle, in milliseconds.
    public let idleMilliseconds: UInt64

    /// An origin. `port` is the scheme's own when it is nil.
    public init(
        scheme: Scheme, host: String, port: UInt16? = nil, trust: TrustAnchors = .system,
        idleMilliseconds: UInt64 = Limits.googleIdleMilliseconds
    ) {
        self.scheme = scheme
        self.host = host
        self.port = port ?? (scheme == .https ? 443 : 80)
        self.trust = trust
        self.idleMilliseconds = idleMilliseconds
    }

    /// The value of a Host field (RFC 9110 section 7.2): the port is left out where it is the scheme's own.
    public var hostField: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        let usual: UInt16 = scheme == .https ? 443 : 80
        return port == usual ? name : "\(name):\(port)"
    }
}

/// Whatever sends a request and brings its response: the HTTP client, or a simulation's stand-in.
@EventLoopActor
public protocol HTTPExchange: AnyObject, Sendable {
    /// Sends `request` to `origin` and reads the whole answer.
    ///
    /// Exactly one request is made, but for one case: when a kept connection turns out to be closed before
    /// any byte of an answer came, the request is sent once more on a new connection.
    func send(_ request: HTTPRequest, to origin: Origin, deadline: Deadline) async throws(HTTPClientError)
        -> HTTPResponse

    /// The same, with work for the time until the answer comes: `meanwhile` is called once the request is on
    /// its way, and not at all where it never is.
    func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline, meanwhile: () -> Void
    ) async throws(HTTPClientError) -> HTTPResponse

    /// Opens a connection to `origin` if none is idle, so that a request that follows finds one.
    ///
    /// A failure is left for that request to meet and report.
    func prepareConnection(to origin: Origin, deadline: Deadline) async

    /// Whether a connection to `origin` is idle, so that `prepareConnection` would do nothing.
    func hasIdleConnection(to origin: Origin) -> Bool

    /// Closes what is open to `origin`, as far as it is idle; what is not is closed after its answer. For an
    /// origin that will not be used any more.
    func forget(_ origin: Origin)

    /// Frees what idle connections keep of memory for the next request.
    func giveBackBuffers()
}

extension HTTPExchange {
    /// Where a request cannot be seen to leave, before it is sent.
    public func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline, meanwhile: () -> Void
    ) async throws(HTTPClientError) -> HTTPResponse {
        meanwhile()
        return try await send(request, to: origin, deadline: deadline)
    }

    /// None that is known of.
    public func hasIdleConnection(to origin: Origin) -> Bool { false }

    /// Nothing to close.
    public func forget(_ origin: Origin) {}

    /// Nothing to free.
    public func giveBackBuffers() {}
}

/// Why a request got no answer. Never holds a byte of the peer's.
public enum HTTPClientError: Error, Equatable, Sendable {
    /// No address for the host name.
    case notResolved
    /// No address could be connected to, for what the kernel says of the last: refused, unreachable, or reset
    /// before the connection was established; or no descriptor was left for it.
    case notConnected(Errno)
    /// The connection, its TLS handshake included, was not established in time.
    case connectTimedOut
    /// The certificate was not what it must be. The text is OpenSSL's reason.
    case notVerified(String)
    /// The TLS handshake failed for another reason.
    case handshakeFailed(String)
    /// The peer closed or reset the connection before the answer was complete.
    case connectionLost
    /// The answer breaks a rule of HTTP; the text says which.
    case malformedAnswer(String)
    /// The answer is over a limit.
    case answerTooLarge
    /// The deadline passed while the request was sent or the answer awaited.
    case timedOut
    /// Too many requests wait for a connection to this origin.
    case overloaded
}

extension HTTPClientError: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .notResolved: "the host name has no address"
        case .notConnected(let error): "no connection: \(error)"
        case .connectTimedOut: "the connection was not established in time"
        case .notVerified(let reason): "the certificate is not trusted: \(reason)"
        case .handshakeFailed(let reason): "the TLS handshake failed: \(reason)"
        case .connectionLost: "the connection was closed before the answer was complete"
        case .malformedAnswer(let rule): "the answer is not HTTP: \(rule)"
        case .answerTooLarge: "the answer is too large"
        case .timedOut: "no answer in time"
        case .overloaded: "too many requests wait for a connection"
        }
    }
}
