internal import COpenSSL

/// A new RSA key of 2,048 bits with its public numbers.
struct RSAKeyPair {
    let privateKeyPEM: [UInt8]
    let modulus: [UInt8]
    let exponent: [UInt8]

    /// Nil when OpenSSL gives none.
    static func make() -> RSAKeyPair? {
        guard let key = unsafe try? CertificateMaker.key(.rsa2048) else { return nil }
        defer { unsafe EVP_PKEY_free(key) }
        guard let modulus = unsafe number(OSSL_PKEY_PARAM_RSA_N, of: key),
            let exponent = unsafe number(OSSL_PKEY_PARAM_RSA_E, of: key)
        else { return nil }
        return unsafe RSAKeyPair(
            privateKeyPEM: CertificateMaker.pem(key: key), modulus: modulus, exponent: exponent)
    }

    private static func number(_ name: String, of key: OpaquePointer) -> [UInt8]? {
        var value: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, name, &value) == 1, let number = unsafe value else {
            return nil
        }
        defer { unsafe BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: Int(unsafe (BN_num_bits(number) + 7) / 8))
        _ = unsafe bytes.withUnsafeMutableBufferPointer { unsafe BN_bn2bin(number, $0.baseAddress) }
        return bytes
    }
}
