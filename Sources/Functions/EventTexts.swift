internal import JSON
internal import Net

extension Event {
    /// What makes BigQuery recognise a redelivery.
    var insertID: ArraySlice<UInt8> { InsertID.of(uuid: uuid, sha256: Crypto.sha256) }
}

extension [UInt8] {
    /// Appends text that is known when the program is built.
    mutating func append(literal text: StaticString) {
        unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
