import LocalCloud

typealias Issuer = CertificateIssuer
typealias Identity = CertificateIdentity
typealias Wish = CertificateRequest
