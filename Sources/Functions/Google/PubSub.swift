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
    private let target: [UInt8]
    private let origin: Origin
    private let caller: UpstreamCaller
    private let token: AccessToken?

    /// - Parameter name: `projects/<p>/topics/<t>`, proven.
    init(name: String, endpoint: Endpoint, caller: UpstreamCaller, token: AccessToken) {
        target = endpoint.basePath + Array("/v1/\(name):publish".utf8)
        origin = endpoint.origin
        self.caller = caller
        self.token = endpoint.carriesToken ? token : nil
    }

    /// Publishes `message`, again where that may help. A repeated publish is a second message: readers tell
    /// it by its attributes.
    func publish(_ message: OutgoingMessage, deadline: Deadline, context: LogContext) async -> UpstreamResult
    {
        let body = Self.body(message)
        return await caller.call(.pubSub, at: origin, deadline: deadline, token: token, context: context) {
            authorization in
            var request = HTTPRequest(method: .post, target: target, body: body)
            request.fields.append("Content-Type", "application/json")
            if let authorization { request.fields.append("Authorization", authorization) }
            return request
        }
    }

    /// Opens a connection, so that a message that follows finds one.
    func prepare(with exchange: any HTTPExchange, deadline: Deadline) async {
        await exchange.prepareConnection(to: origin, deadline: deadline)
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
