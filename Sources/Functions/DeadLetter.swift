internal import JSON

/// A message that can never be stored, as it is published on the dead-letter topic.
enum DeadLetter {
    private static let prefix = "twined-dead-letter-"
    /// What is said of each dead letter; `form` besides, of those that are a whole request.
    private static let names = ["reason", "subscription", "message-id"].map { Array("\(prefix)\($0)".utf8) }

    /// The message unchanged, with what is known of it in three attributes more, in place of those that it
    /// has as a dead letter already. Where Pub/Sub could not take it as it is, the whole request travels as
    /// data. Nil where Pub/Sub can take neither.
    static func message(of message: PubSubMessage, requestBody: [UInt8], reason: String) -> OutgoingMessage? {
        var letter: OutgoingMessage
        let orderingKey = message.orderingKey.map(Array.init)
        if message.isPublishable {
            let attributes = message.attributes
            let all = (0..<attributes.count).map { index in
                (
                    name: Array(attributes.bytes[attributes.nameRange(at: index)]),
                    value: Array(attributes.bytes[attributes.valueRange(at: index)])
                )
            }
            let pairs = all.filter { !names.contains($0.name) }
            guard pairs.count <= EventLimits.deadLetterAttributesMax,
                pairs.allSatisfy({ isAllowed($0.name, $0.value) })
            else { return nil }
            letter = OutgoingMessage(data: message.data, attributes: pairs, orderingKey: orderingKey)
        } else {
            letter = OutgoingMessage(data: requestBody, attributes: [], orderingKey: orderingKey)
            letter.attributes.append((Array("\(prefix)form".utf8), Array("request".utf8)))
        }
        append("reason", Array(reason.utf8)[...], to: &letter)
        append("subscription", message.subscription, to: &letter)
        append("message-id", message.messageID, to: &letter)
        let size = letter.attributes.reduce(letter.data.count) { $0 + $1.name.count + $1.value.count }
        return size <= EventLimits.messageBytesMax ? letter : nil
    }

    /// What Pub/Sub takes as an attribute (https://cloud.google.com/pubsub/docs/publisher#using-attributes).
    private static func isAllowed(_ name: [UInt8], _ value: [UInt8]) -> Bool {
        !name.isEmpty && name.count <= EventLimits.attributeNameBytesMax
            && value.count <= EventLimits.attributeValueBytesMax && !name.starts(with: "goog".utf8)
    }

    private static func append(_ name: String, _ value: ArraySlice<UInt8>?, to letter: inout OutgoingMessage)
    {
        guard let value, !value.isEmpty else { return }
        letter.attributes.append((Array("\(prefix)\(name)".utf8), Array(fitting(value))))
    }

    /// As many whole characters as an attribute's value may hold.
    private static func fitting(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard value.count > EventLimits.attributeValueBytesMax else { return value }
        var end = value.startIndex + EventLimits.attributeValueBytesMax
        while end > value.startIndex, value[end] & 0xC0 == 0x80 { end -= 1 }
        return value[..<end]
    }
}
