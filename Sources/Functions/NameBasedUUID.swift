/// Name-based UUIDs, version 5 (RFC 9562 section 5.5).
enum NameBasedUUID {
    /// Our own namespace, drawn once: 9e4a1f0c-6b57-4c3e-8d72-f10b5a96c2e8.
    static let namespace: [UInt8] = [
        0x9E, 0x4A, 0x1F, 0x0C, 0x6B, 0x57, 0x4C, 0x3E, 0x8D, 0x72, 0xF1, 0x0B, 0x5A, 0x96, 0xC2, 0xE8,
    ]

    /// The UUID of a name: the same for the same name, for ever.
    static func make(
        name: some Collection<UInt8>, namespace: [UInt8] = namespace, sha1: ([UInt8]) -> [UInt8]
    ) -> String {
        let digest = sha1(namespace + name)
        precondition(digest.count == 20, "SHA-1 has 20 bytes")
        var bytes = Array(digest.prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x50
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = Hexadecimal.encode(bytes)
        for place in [20, 16, 12, 8] { text.insert(0x2D, at: place) }
        return String(decoding: text, as: UTF8.self)
    }
}
