internal import JSON
internal import Net

/// The field lines of a request, as far as an event needs them.
protocol FieldLookup {
    /// The value of the first field line called `name`, which is in lower case.
    subscript(name: StaticString) -> ArraySlice<UInt8>? { get }
    /// Hands out every field line.
    func forEachField(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void)
}

/// Why a request is no Pub/Sub message in any form. The text never holds a byte of the request.
struct NotAnEvent: Error, Equatable {
    /// What to answer: 400 or 415.
    let status: Int
    /// Plain text for the answer and the log.
    let text: String

    static let bodyNotJSON = NotAnEvent(status: 400, text: "The body is not JSON.")
    static let noForm = NotAnEvent(
        status: 400, text: "The request is neither a CloudEvent nor a Pub/Sub push.")
    static let noMessage = NotAnEvent(status: 400, text: "The CloudEvent holds no Pub/Sub message.")
    static let batch = NotAnEvent(status: 400, text: "Batches of CloudEvents are not accepted.")
    static let contentType = NotAnEvent(
        status: 415, text: "A Pub/Sub push has the Content-Type application/json.")
}

/// Every way in: from a request to a Pub/Sub message.
enum CloudEvent {
    /// The message that a POST request holds.
    ///
    /// The five forms are told apart in this order: unwrapped pushes by their fields, structured
    /// CloudEvents by their Content-Type, binary ones by their `ce-` fields, then wrapped pushes and legacy
    /// background events by their body.
    static func message(_ fields: some FieldLookup, body: [UInt8]) throws(NotAnEvent) -> PubSubMessage {
        if fields["x-goog-pubsub-message-id"] != nil || fields["x-goog-pubsub-subscription-name"] != nil {
            return UnwrappedPush.message(fields, body: body)
        }
        let type = MediaType(fields["content-type"])
        if type.isCloudEventsBatch { throw .batch }
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(parsing: body) } catch { throw .bodyNotJSON }
        let root = document.root
        guard root.isObject else { throw .noForm }
        if type.isCloudEvent {
            if isStructured(root) { return try structured(root) }
        } else if isBinary(fields) {
            return try wrapped(root, form: .binary)
        }
        guard let message = push(root) ?? legacy(root) else { throw .noForm }
        guard type.isJSON || hasCloudEventFields(fields) else { throw .contentType }
        return message
    }

    /// Versions 0.3 and 1.0 are understood; their attributes may be empty, but must be there.
    private static func isBinary(_ fields: some FieldLookup) -> Bool {
        guard let version = fields["ce-specversion"], isKnown(version) else { return false }
        return fields["ce-id"] != nil && fields["ce-source"] != nil && fields["ce-type"] != nil
    }

    private static func hasCloudEventFields(_ fields: some FieldLookup) -> Bool {
        fields["ce-id"] != nil || fields["ce-source"] != nil || fields["ce-type"] != nil
            || fields["ce-specversion"] != nil
    }

    private static func isKnown(_ version: ArraySlice<UInt8>) -> Bool {
        version.equals("1.0") || version.equals("0.3")
    }

    private static func isStructured(_ root: JSONDocument.Value) -> Bool {
        guard let version = root["specversion"], version.equals("1.0") || version.equals("0.3") else {
            return false
        }
        return root["id"]?.isString == true && root["source"]?.isString == true
            && root["type"]?.isString == true
    }

    private static func structured(_ root: JSONDocument.Value) throws(NotAnEvent) -> PubSubMessage {
        var body = root["data"]
        if let encoded = root["data_base64"] {
            guard let decoded = try? Base64.decode(encoded),
                let document = try? JSONDocument(parsing: decoded)
            else { throw .noMessage }
            body = document.root
        }
        guard let body else { throw .noMessage }
        return try wrapped(body, form: .structured)
    }

    private static func wrapped(
        _ body: JSONDocument.Value, form: PubSubMessage.Form
    ) throws(NotAnEvent) -> PubSubMessage {
        let envelope = PushEnvelope(of: body)
        guard let message = envelope.message, message.isObject else { throw .noMessage }
        return PubSubMessageMembers(of: message).message(in: envelope, form: form)
    }

    /// `{"message":{…,"messageId":"…"},"subscription":"…"}`
    private static func push(_ root: JSONDocument.Value) -> PubSubMessage? {
        let envelope = PushEnvelope(of: root)
        guard envelope.context == nil, envelope.subscription?.isString == true,
            let message = envelope.message, message.isObject
        else { return nil }
        let members = PubSubMessageMembers(of: message)
        return members.hasID ? members.message(in: envelope, form: .push) : nil
    }

    /// `{"context":{"eventId","timestamp","eventType","resource"},"data":{…}}`, or all of it flat.
    private static func legacy(_ root: JSONDocument.Value) -> PubSubMessage? {
        let context = root["context"] ?? root
        guard let eventID = context["eventId"]?.stringSlice, let type = context["eventType"],
            type.equals("google.pubsub.topic.publish")
                || type.equals("providers/cloud.pubsub/eventTypes/topic.publish"),
            let data = root["data"], data.isObject
        else { return nil }
        return PubSubMessageMembers(of: data).message(in: PushEnvelope(), form: .legacy, orElseID: eventID)
    }
}

/// What a Content-Type says, its parameters and case left aside (RFC 9110 section 8.3.1).
private struct MediaType {
    private let essence: ArraySlice<UInt8>

    init(_ value: ArraySlice<UInt8>?) {
        let value = value ?? []
        var essence = value[..<(value.firstIndex(of: UInt8(ascii: ";")) ?? value.endIndex)]
        while let last = essence.last, last == 0x20 || last == 0x09 { essence.removeLast() }
        self.essence = essence
    }

    var isCloudEvent: Bool { essence.equalsIgnoringCase("application/cloudevents+json") }
    var isCloudEventsBatch: Bool { essence.prefix(29).equalsIgnoringCase("application/cloudevents-batch") }
    var isJSON: Bool {
        essence.equalsIgnoringCase("application/json")
            || (essence.prefix(12).equalsIgnoringCase("application/")
                && essence.suffix(5).equalsIgnoringCase("+json"))
    }
}

/// A push without wrapper: the body is the message's data itself, everything else is in field lines.
private enum UnwrappedPush {
    /// Attributes that have no `_` in their names.
    private static let plainNames: [String] = [
        "datetime", "uuid", "parent", "originator", "sender", "recipient", "cpus", "memory",
    ]

    static func message(_ fields: some FieldLookup, body: [UInt8]) -> PubSubMessage {
        var attributes: [(name: [UInt8], value: [UInt8])] = []
        fields.forEachField { name, value in
            let name = name.map(ASCII.lowercased)
            if name.contains(0x5F) || plainNames.contains(where: { name.elementsEqual($0.utf8) }) {
                attributes.append((name, Array(value)))
            }
        }
        // The emulator has another spelling than the service.
        let key = fields["x-goog-pubsub-ordering-key"] ?? fields["x-goog-ordering-key"]
        return PubSubMessage(
            form: .unwrapped, data: body, attributes: Attributes(attributes),
            messageID: fields["x-goog-pubsub-message-id"], orderingKey: key,
            subscription: fields["x-goog-pubsub-subscription-name"])
    }
}
