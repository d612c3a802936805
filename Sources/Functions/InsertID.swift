/// What makes a redelivery recognisable.
enum InsertID {
    /// BigQuery's limit for an `insertId`.
    static let bytesMax = 128

    /// The `insertId` of an event's row: its uuid, or where that is too long the SHA-256 of it in
    /// hexadecimal.
    static func of(uuid: ArraySlice<UInt8>, sha256: ([UInt8]) -> [UInt8]) -> ArraySlice<UInt8> {
        uuid.count <= bytesMax ? uuid : Hexadecimal.encode(sha256(Array(uuid)))[...]
    }
}

enum Hexadecimal {
    /// Two lower-case digits a byte.
    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte in
            [byte >> 4, byte & 0xF].map { $0 < 10 ? 0x30 + $0 : 0x57 + $0 }
        }
    }
}
