import JSON
import Net

/// A message as it was published.
struct PublishedMessage {
    let topic: String
    let identifier: String
    /// As base64.
    let data: [UInt8]
    let attributes: [(name: String, value: String)]
    let orderingKey: String
    let publishTime: String
}

/// Pub/Sub v1: publishing to topics that are there, and permission tests; deliveries are `Push`.
@EventLoopActor
final class PubSub: Service {
    static let requestBytesMax = 10_000_000
    static let messagesPerRequestMax = 1_000
    static let attributesMax = 100
    static let attributeNameBytesMax = 256
    static let attributeValueBytesMax = 1_024
    static let orderingKeyBytesMax = 1_024

    let cloud: Cloud
    let push: Push
    private(set) var messages = NumberedQueue<PublishedMessage>()
    private var messageBytes = 0
    private var nextIdentifier = 1

    init(cloud: Cloud) {
        self.cloud = cloud
        push = Push(cloud: cloud)
    }

    func reset(keepsSubscriptions: Bool) {
        messages.removeAll()
        messageBytes = 0
        push.reset(keepsSubscriptions: keepsSubscriptions)
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard cloud.tokens.accepts(request) else { return .googleUnauthorized }
        return answerAuthorized(request)
    }

    func answerAuthorized(_ request: HTTPRequest) -> HTTPResponse {
        let path = Target.decodedText(request.path.dropFirst())
        guard path.hasPrefix("v1/projects/") else { return .googleNoMethod }
        let colon = path.lastIndex(of: ":")
        let topic = String(path[..<(colon ?? path.endIndex)].dropFirst(3))
        let verb = colon.map { String(path[path.index(after: $0)...]) } ?? ""
        guard topic.split(separator: "/").count == 4, topic.contains("/topics/") else {
            return .googleNoMethod
        }
        switch (request.method, verb) {
        case (.post, "publish"): return publish(request, to: topic)
        case (.post, "testIamPermissions"):
            return cloud.settings.topics.contains(topic) ? cloud.testPermissions(request) : notFound(topic)
        case (.get, ""):
            guard cloud.settings.topics.contains(topic) else { return notFound(topic) }
            return .json { json in
                json.beginObject()
                json.member("name", topic)
                json.endObject()
            }
        default: return .googleNoMethod
        }
    }

    private func notFound(_ topic: String) -> HTTPResponse {
        .googleNotFound("Resource not found (resource=\(topic.split(separator: "/").last ?? "")).")
    }

    private func publish(_ request: HTTPRequest, to topic: String) -> HTTPResponse {
        // Base64 makes a request larger than what counts, which is the messages' own bytes.
        guard let document = try? JSONDocument(parsing: request.body), let list = document.root["messages"],
            list.isArray, !list.isEmpty
        else {
            return .googleInvalid(
                "The value for message_count is too small. You passed 0 in the request, but the "
                    + "minimum value is 1."
            )
        }
        guard cloud.settings.topics.contains(topic) else { return notFound(topic) }
        var read: [PublishedMessage] = []
        var bytes = 0
        for element in list.elements {
            switch self.read(element, topic: topic) {
            case .message(let message):
                bytes += message.data.count * 3 / 4
                bytes += message.attributes.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
                read.append(message)
            case .refused(let why): return .googleInvalid(why)
            }
        }
        guard read.count <= Self.messagesPerRequestMax, bytes <= Self.requestBytesMax else {
            return .googleInvalid("Request payload size exceeds the limit: \(Self.requestBytesMax) bytes.")
        }
        for message in read { publish(message) }
        return .json { json in
            json.beginObject()
            json.key("messageIds")
            json.beginArray()
            for message in read { json.string(message.identifier) }
            json.endArray()
            json.endObject()
        }
    }

    private enum Reading {
        case message(PublishedMessage)
        case refused(String)
    }

    private func read(_ element: JSONDocument.Value, topic: String) -> Reading {
        guard element.isObject else { return .refused("Invalid value at 'messages'.") }
        var data: [UInt8] = []
        if let given = element["data"], !given.isNull {
            guard let decoded = try? Base64.decode(given) else {
                return .refused("Invalid value at 'messages[0].data' (TYPE_BYTES), Base64 decoding failed.")
            }
            data = Base64.encode(decoded)
        }
        var attributes: [(name: String, value: String)] = []
        for (key, value) in element["attributes"]?.members ?? document("{}").members {
            guard let text = value.string else {
                return .refused("Invalid value at 'messages[0].attributes' (TYPE_STRING).")
            }
            attributes.append((key.string ?? "", text))
        }
        let key = element["orderingKey"]?.string ?? ""
        if let problem = Self.problem(with: attributes, key: key, isEmpty: data.isEmpty) {
            return .refused(problem)
        }
        return .message(message(topic: topic, data: data, attributes: attributes, orderingKey: key))
    }

    private func document(_ text: String) -> JSONDocument.Value {
        guard let parsed = try? JSONDocument(parsing: Array(text.utf8)) else {
            preconditionFailure("a JSON text of our own is none")
        }
        return parsed.root
    }

    private static func problem(
        with attributes: [(name: String, value: String)], key: String, isEmpty: Bool
    ) -> String? {
        if isEmpty, attributes.isEmpty {
            return "The message must contain either non-empty data or attributes."
        }
        if attributes.count > attributesMax { return "Too many attributes: at most 100 are allowed." }
        for attribute in attributes {
            if attribute.name.isEmpty || attribute.name.utf8.count > attributeNameBytesMax {
                return "Attribute keys must be 1 to 256 bytes long."
            }
            if attribute.name.lowercased().hasPrefix("goog") {
                return "Attribute keys may not begin with 'goog'."
            }
            if attribute.value.utf8.count > attributeValueBytesMax {
                return "Attribute values must be at most 1024 bytes long."
            }
        }
        return key.utf8.count > orderingKeyBytesMax ? "Ordering keys must be at most 1024 bytes long." : nil
    }

    /// A message with the next identifier; not published yet. `data` is base64.
    func message(
        topic: String, data: [UInt8], attributes: [(name: String, value: String)], orderingKey: String
    ) -> PublishedMessage {
        let identifier = String(nextIdentifier)
        nextIdentifier += 1
        return PublishedMessage(
            topic: topic, identifier: identifier, data: data, attributes: attributes,
            orderingKey: orderingKey,
            publishTime: WallClock.now.rfc3339(fractionDigits: 3))
    }

    /// Takes a message, and begins its deliveries; `copies` of them at once to each subscription.
    func publish(_ message: PublishedMessage, copies: Int = 1) {
        cloud.counters.add(to: .messagesPublished)
        if cloud.settings.isRecording {
            messages.append(message)
            messageBytes += message.data.count
            while messages.count > cloud.settings.recordedRequestsMax
                || messageBytes > cloud.settings.recordedBytesMax
            {
                guard let dropped = messages.removeFirst() else { break }
                messageBytes -= dropped.data.count
            }
        }
        for _ in 0..<copies { push.deliver(message) }
    }
}

/// The same service in clear and without tokens, as its emulator listens; topics can be made there.
@EventLoopActor
final class PubSubEmulator: Service {
    private let pubSub: PubSub

    init(pubSub: PubSub) { self.pubSub = pubSub }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        if request.method == .put {
            let topic = Target.decodedText(request.path.dropFirst(4))
            guard topic.split(separator: "/").count == 4, topic.contains("/topics/") else {
                return .googleNoMethod
            }
            guard pubSub.cloud.settings.topics.insert(topic).inserted else {
                return .googleError(409, "Topic already exists", "ALREADY_EXISTS", reason: "alreadyExists")
            }
            return .json { json in
                json.beginObject()
                json.member("name", topic)
                json.endObject()
            }
        }
        return pubSub.answerAuthorized(request)
    }
}
