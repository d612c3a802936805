import JSON
import Net

/// The two authorities, one nobody trusts, and the certificates of the listeners.
@EventLoopActor
final class Certificates {
    /// The names that every public listener's certificate covers.
    private static let publicNames = [
        "DNS:localhost", "DNS:*.googleapis.com", "DNS:*.mtls.googleapis.com", "DNS:metadata.google.internal",
    ]

    let publicAuthority: CertificateIssuer
    private(set) var clusterAuthority: CertificateIssuer
    private var unknownAuthority: CertificateIssuer?
    private let addresses: [String]
    /// One for all public listeners: they are one host.
    private var publicIdentity: CertificateIdentity?

    init(address: String) throws(CertificateError) {
        publicAuthority = try CertificateIssuer(commonName: "local-cloud public CA")
        clusterAuthority = try CertificateIssuer(commonName: "local-cloud cluster CA")
        addresses = ["127.0.0.1", "::1"].contains(address) ? [] : ["IP:\(address)"]
    }

    /// The certificate that a service's listener begins with; nil where it speaks no TLS.
    func initial(for service: ServiceName) throws(LocalCloudError) -> CertificateIdentity? {
        guard service.isSecure else { return nil }
        do throws(CertificateError) {
            if service == .kubernetes {
                return try clusterAuthority.issue(
                    CertificateRequest(
                        commonName: "kubernetes",
                        subjectAlternativeNames: [
                            "DNS:kubernetes", "DNS:localhost", "IP:127.0.0.1", "IP:::1",
                        ]
                            + addresses))
            }
            if let publicIdentity { return publicIdentity }
            let made = try publicAuthority.issue(
                CertificateRequest(
                    commonName: "localhost",
                    subjectAlternativeNames: Self.publicNames + ["IP:127.0.0.1", "IP:::1"] + addresses))
            publicIdentity = made
            return made
        } catch {
            throw LocalCloudError(description: error.description)
        }
    }

    /// Base64 of the PEM of the cluster's authority, as clusters.get gives it.
    var clusterAuthorityBase64: String {
        String(decoding: Base64.encode(clusterAuthority.certificatePEM), as: UTF8.self)
    }

    func rotateClusterAuthority() throws(CertificateError) {
        clusterAuthority = try CertificateIssuer(commonName: "local-cloud cluster CA")
    }

    /// Who signs a certificate that a test asks for.
    enum Issuer: String { case `public`, cluster, unknown, `self` }

    func issue(_ request: CertificateRequest, by issuer: Issuer) throws(CertificateError)
        -> CertificateIdentity
    {
        switch issuer {
        case .public: return try publicAuthority.issue(request)
        case .cluster: return try clusterAuthority.issue(request)
        case .self: return try CertificateIssuer.selfSigned(request)
        case .unknown:
            if let unknownAuthority { return try unknownAuthority.issue(request) }
            let made = try CertificateIssuer(commonName: "nobody trusts this CA")
            unknownAuthority = made
            return try made.issue(request)
        }
    }
}
