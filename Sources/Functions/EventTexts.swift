internal import JSON
internal import Net

/// The texts that an event becomes: in its row, and in its Job's arguments.
extension Event {
    /// What makes BigQuery recognise a redelivery.
    var insertID: [UInt8] { InsertID.of(uuid: uuid, sha256: Crypto.sha256) }

    /// The event's `kind`.
    var kindBytes: [UInt8] { kindValue.stringBytes ?? [] }

    /// All attributes as a JSON object in Python's form.
    func attributesText(_ form: JSONPythonForm) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(1_024)
        message.attributes.appendPythonText(to: &text, form: form)
        return text
    }

    /// Every attribute that has no column, as a JSON object in Python's form.
    func otherAttributesText(_ form: JSONPythonForm) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(512)
        message.attributes.appendPythonText(to: &text, form: form, omittingColumns: true)
        return text
    }

    /// `{"message_id": …, "ordering_key": …}`, null where there is none.
    func backendMetadataText() -> [UInt8] {
        var text = Array("{\"message_id\": ".utf8)
        Self.append(message.messageID, to: &text)
        text += ", \"ordering_key\": ".utf8
        Self.append(message.orderingKey, to: &text)
        text.append(UInt8(ascii: "}"))
        return text
    }

    /// Writes the member called like an attribute, with its value, if there is such an attribute.
    func writeAttribute(_ name: AttributeName, to writer: inout JSONWriter) {
        guard let value = message.attributes[name] else { return }
        writer.key(name.description)
        writer.string(bytes: message.attributes.bytes, in: value.startIndex..<value.endIndex)
    }

    private static func append(_ value: [UInt8]?, to text: inout [UInt8]) {
        if let value { JSONPythonText.appendString(value, to: &text) } else { text += "null".utf8 }
    }
}
