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
