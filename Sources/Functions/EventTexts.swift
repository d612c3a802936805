internal import JSON
internal import Net

/// The texts that an event becomes: in its row, and in its Job's arguments.
extension Event {
    /// What makes BigQuery recognise a redelivery.
    var insertID: ArraySlice<UInt8> { InsertID.of(uuid: uuid, sha256: Crypto.sha256) }

    /// Appends `{"message_id": …, "ordering_key": …}`, null where there is none, as it stands inside a
    /// string.
    func appendBackendMetadata(to output: inout [UInt8]) {
        output.append(literal: #"{\"message_id\": "#)
        Self.append(message.messageID, to: &output)
        output.append(literal: #", \"ordering_key\": "#)
        Self.append(message.orderingKey, to: &output)
        output.append(UInt8(ascii: "}"))
    }

    private static func append(_ value: ArraySlice<UInt8>?, to output: inout [UInt8]) {
        if let value {
            JSONPythonText.appendString(value, to: &output, form: JSONPythonForm.standard.insideString)
        } else {
            output.append(literal: "null")
        }
    }
}

extension [UInt8] {
    /// Appends text that is known when the program is built.
    mutating func append(literal text: StaticString) {
        unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
