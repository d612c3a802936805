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
