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
