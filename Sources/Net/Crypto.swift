import COpenSSL

/// The digests, signatures and random bytes that tokens and names need, from OpenSSL.
public enum Crypto {
    /// SHA-1 (FIPS 180-4), for name-based UUIDs only (RFC 9562 section 5.5). 20 bytes.
    public static func sha1(_ bytes: [UInt8]) -> [UInt8] {
        unsafe digest(bytes, EVP_sha1())
    }

    /// SHA-256 (FIPS 180-4). 32 bytes.
    public static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        unsafe digest(bytes, EVP_sha256())
    }

    /// `count` bytes that nobody can guess.
    public static func randomBytes(_ count: Int) -> [UInt8] {
        OpenSSL.initialize
        var bytes = [UInt8](repeating: 0, count: count)
        let result = unsafe bytes.withUnsafeMutableBufferPointer {
            unsafe RAND_bytes($0.baseAddress, CInt(count))
        }
        precondition(result == 1, "the random generator failed")
        return bytes
    }

    private static func digest(_ bytes: [UInt8], _ algorithm: OpaquePointer?) -> [UInt8] {
        OpenSSL.initialize
        var output = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        let result = unsafe bytes.withUnsafeBytes { input in
            unsafe output.withUnsafeMutableBufferPointer {
                unsafe EVP_Digest(input.baseAddress, input.count, $0.baseAddress, &length, algorithm, nil)
            }
        }
        precondition(result == 1, "a digest failed")
        return Array(output.prefix(Int(length)))
    }
}

/// An RSA private key that signs with RS256 (RFC 7518 section 3.3).
@safe
public final class RSAPrivateKey: Sendable {
    /// Never changed after `init`, and OpenSSL's own count of references is atomic: any thread may read it.
    private nonisolated(unsafe) let key: OpaquePointer

    /// Reads a PEM key, PKCS #8 or PKCS #1. Nil when the text is none, or the key is not RSA.
    public init?(pem: [UInt8]) {
        OpenSSL.initialize
        let read = unsafe pem.withUnsafeBytes { buffer -> OpaquePointer? in
            guard let base = buffer.baseAddress,
                let bio = unsafe copenssl_memory_bio(base, CInt(buffer.count))
            else { return nil }
            defer { unsafe BIO_free(bio) }
            // No pass phrase: without this OpenSSL would ask for one on the terminal.
            return unsafe PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in 0 }, nil)
        }
        ERR_clear_error()
        guard let key = unsafe read else { return nil }
        guard unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA else {
            unsafe EVP_PKEY_free(key)
            return nil
        }
        unsafe self.key = key
    }

    deinit {
        unsafe EVP_PKEY_free(key)
    }

    /// The signature of `message`: RSASSA-PKCS1-v1_5 over SHA-256.
    public func signature(of message: [UInt8]) -> [UInt8]? {
        guard let context = unsafe EVP_MD_CTX_new() else { return nil }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1 else { return nil }
        var length = unsafe Int(EVP_PKEY_get_size(key))
        var output = [UInt8](repeating: 0, count: length)
        let result = unsafe message.withUnsafeBytes { input in
            unsafe output.withUnsafeMutableBufferPointer {
                unsafe EVP_DigestSign(
                    context, $0.baseAddress, &length,
                    input.baseAddress?.assumingMemoryBound(to: UInt8.self), input.count)
            }
        }
        guard result == 1 else { return nil }
        return Array(output.prefix(length))
    }
}

/// An RSA public key that checks RS256 signatures (RFC 7518 section 3.3).
@safe
public final class RSAPublicKey: Sendable {
    /// Never changed after `init`, and OpenSSL's own count of references is atomic: any thread may read it.
    private nonisolated(unsafe) let key: OpaquePointer

    /// The key of a JSON Web Key (RFC 7518 section 6.3.1): modulus and exponent, big-endian.
    ///
    /// Nil when they are no RSA key of at least 2,048 bits.
    public init?(modulus: [UInt8], exponent: [UInt8]) {
        OpenSSL.initialize
        guard modulus.count >= 256, modulus.count <= 1_024, !exponent.isEmpty, exponent.count <= 8 else {
            return nil
        }
        let made = unsafe copenssl_rsa_public_key(modulus, modulus.count, exponent, exponent.count)
        ERR_clear_error()
        guard let key = unsafe made else { return nil }
        // Leading zeros make no key longer.
        let significant = exponent.drop { $0 == 0 }
        guard unsafe EVP_PKEY_get_bits(key) >= 2_048, significant != [1], let last = significant.last,
            last % 2 == 1
        else {
            unsafe EVP_PKEY_free(key)
            return nil
        }
        unsafe self.key = key
    }

    deinit {
        unsafe EVP_PKEY_free(key)
    }

    /// Whether `signature` is one of `message` by this key's private half.
    public func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        defer { ERR_clear_error() }
        guard unsafe EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1 else { return false }
        return unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
