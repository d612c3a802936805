import LocalCloud

/// The authority that makes certificates; `CertificateAuthority` alone is what a client trusts, in Net.
typealias Issuer = CertificateAuthority
typealias Identity = CertificateIdentity
typealias Wish = CertificateRequest
