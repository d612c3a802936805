internal import JSON
internal import Net

/// The event that tells an asker that its question will not be answered: published as its child would have.
enum ExceptionEvent {
    /// The exception for the question `event`. The same question always gets the same `uuid`, so that a
    /// second publish is recognised by who reads it.
    static func message(answering event: Event, reason: String) -> OutgoingMessage {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.member("kind", "exception")
        writer.member("exception_type", "QuestionNotDispatched")
        writer.member("exception_message", reason)
        writer.key("exception_traceback")
        writer.beginArray()
        writer.endArray()
        writer.endObject()
        return OutgoingMessage(
            data: writer.finish(), attributes: attributes(answering: event),
            orderingKey: Array(event.attribute(.questionUUID)))
    }

    private static func attributes(answering event: Event) -> [(name: [UInt8], value: [UInt8])] {
        let uuid = NameBasedUUID.make(name: event.uuid, sha1: Crypto.sha1)
        let now = WallClock.now.rfc3339(fractionDigits: 6, suffix: "+00:00")
        var attributes: [(name: [UInt8], value: [UInt8])] = []
        func append(_ name: String, _ value: some Sequence<UInt8>) {
            attributes.append((Array(name.utf8), Array(value)))
        }
        append("datetime", now.utf8)
        append("uuid", uuid.utf8)
        append("parent", event.attribute(.parent))
        append("originator", event.attribute(.originator))
        append("sender", event.attribute(.recipient))
        append("sender_type", "CHILD".utf8)
        append("sender_sdk_version", event.attribute(.senderSDKVersion))
        append("recipient", event.attribute(.sender))
        append("question_uuid", event.attribute(.questionUUID))
        append("originator_question_uuid", event.attribute(.originatorQuestionUUID))
        if let parent = event.message.attributes[.parentQuestionUUID] {
            append("parent_question_uuid", parent)
        }
        if let count = event.message.attributes[.retryCount] {
            append("retry_count", count)
        } else {
            append("retry_count", "0".utf8)
        }
        return attributes
    }
}
