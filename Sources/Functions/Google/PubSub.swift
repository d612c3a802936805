internal import JSON
internal import Net

/// A message to be published (https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage).
struct OutgoingMessage {
    var data: [UInt8]
    /// Names and values, both WTF-8 as they came.
    var attributes: [(name: [UInt8], value: [UInt8])]
    var orderingKey: [UInt8]?
}

/// Publishes on one topic: `topics.publish`.
@EventLoopActor
final class PubSubTopic {
    private let topic: TopicName
    private let project: ProjectLookup
    private let api: GoogleAPI

    init(_ topic: TopicName, project: ProjectLookup, api: GoogleAPI) {
        self.topic = topic
        self.project = project
        self.api = api
    }

    /// Publishes `message`, again where that may help. Nil: it is published. A repeated publish is a second
    /// message: readers tell it by its attributes.
    func publish(_ message: OutgoingMessage, deadline: Deadline, context: LogContext) async -> CallFailure? {
        let target: [UInt8]
        do throws(TokenError) {
            target = try await self.target(deadline: deadline)
        } catch {
            return CallFailure(error)
        }
        let result = await api.call(
            .pubSub, .post, target, body: Self.body(message), deadline: deadline, context: context)
        if result.reaction != .done { return CallFailure(result) }
        return Self.hasIdentifier(result.response?.body ?? []) ? nil : CallFailure(unreadable: result)
    }

    /// Whether an answer names the message that was published: `{"messageIds": ["…"]}`.
    private static func hasIdentifier(_ body: [UInt8]) -> Bool {
        guard let answer = try? JSONDocument(parsing: body).root, let identifiers = answer["messageIds"]
        else {
            return false
        }
        return identifiers.isArray && !identifiers.isEmpty
    }

    /// A topic's own project goes before the program's. A topic's id may hold `%`, `+` and `~`.
    private func target(deadline: Deadline) async throws(TokenError) -> [UInt8] {
        let project =
            if let own = topic.project?.text { own } else { try await project.value(deadline: deadline) }
        var target = Array("/v1/projects/\(project)/topics/".utf8)
        URLPath.append(topic.id.utf8, to: &target)
        return target + Array(":publish".utf8)
    }

    private static func body(_ message: OutgoingMessage) -> [UInt8] {
        var writer = JSONWriter(capacity: message.data.count / 3 * 4 + 1_024)
        writer.beginObject()
        writer.key("messages")
        writer.beginArray()
        writer.beginObject()
        writer.member("data", bytes: Base64.encode(message.data))
        if !message.attributes.isEmpty {
            writer.key("attributes")
            writer.beginObject()
            for attribute in message.attributes {
                writer.key(bytes: attribute.name)
                writer.string(bytes: attribute.value)
            }
            writer.endObject()
        }
        if let key = message.orderingKey, !key.isEmpty { writer.member("orderingKey", bytes: key) }
        writer.endObject()
        writer.endArray()
        writer.endObject()
        return writer.finish()
    }
}
