import JSON
import Net

/// Pub/Sub's side of what the program publishes.
extension World {
    private struct Content {
        var data: [UInt8] = []
        var attributes: [String: String] = [:]
        var orderingKey: String?
    }

    private func content(of body: [UInt8]) -> Content? {
        guard let document = try? JSONDocument(parsing: body),
            let message = document.root["messages"]?.onlyElement,
            let data = message["data"], let decoded = try? Base64.decode(data)
        else { return nil }
        var content = Content(data: decoded)
        if let attributes = message["attributes"] {
            for (name, value) in attributes.members {
                guard let name = name.string, let value = value.string else { return nil }
                content.attributes[name] = value
            }
        }
        content.orderingKey = message["orderingKey"]?.string
        return content
    }

    private var published: (String, HTTPResponse) {
        ("200", HTTPResponse(status: 200, body: Array(#"{"messageIds":["1"]}"#.utf8)))
    }

    // MARK: Exception events

    /// An exception event is published: exactly what the child would have said, under one uuid for ever.
    func tell(_ body: [UInt8]) -> (String, HTTPResponse) {
        guard let content = content(of: body), let question = content.attributes["question_uuid"],
            let message = questions[question]?.first(where: { $0.fate == .undispatchable })
        else {
            violate("an exception event is published for no undispatchable question")
            return published
        }
        if !setting.reportsUndispatchable { violate("an exception event is published that nobody wanted") }
        let uuid = content.attributes["uuid"] ?? ""
        let known = exceptions[question] ?? []
        if known.contains(where: { $0 != uuid }) {
            violate("question \(question) has exception events with different uuids")
        }
        exceptions[question] = known + [uuid]
        ledger.exceptions += 1
        if let fault = exceptionFault(content, message) {
            violate("exception event of \(question): \(fault)")
        }
        return published
    }

    private func exceptionFault(_ content: Content, _ message: Message) -> String? {
        var left = content.attributes
        func take(_ name: String, _ expected: String?) -> String? {
            let found = left.removeValue(forKey: name)
            return found == expected ? nil : "\(name) is \(found ?? "absent")"
        }
        let uuid = left.removeValue(forKey: "uuid") ?? ""
        let bytes = Array(uuid.utf8)
        if bytes.count != 36 || bytes[14] != UInt8(ascii: "5") || uuid == message.uuid {
            return "\(uuid) is no name-based UUID"
        }
        let datetime = Array((left.removeValue(forKey: "datetime") ?? "").utf8)
        let form = Array("0000-00-00T00:00:00.000000+00:00".utf8)
        let hasForm =
            datetime.count == form.count
            && zip(datetime, form).allSatisfy { $1 == 0x30 ? (0x30...0x39).contains($0) : $0 == $1 }
        if !hasForm { return "datetime is not in ISO form" }
        for name in [
            "parent", "originator", "sender_sdk_version", "question_uuid", "originator_question_uuid",
        ] {
            if let fault = take(name, message.attribute(name)) { return fault }
        }
        if let fault = take("parent_question_uuid", message.attribute("parent_question_uuid")) {
            return fault
        }
        if let fault = take("sender", message.attribute("recipient")) { return fault }
        if let fault = take("recipient", message.attribute("sender")) { return fault }
        if let fault = take("sender_type", "CHILD") { return fault }
        if let fault = take("retry_count", message.attribute("retry_count") ?? "0") { return fault }
        if !left.isEmpty { return "it has attributes that it should not have" }
        if content.orderingKey != message.questionUUID { return "it has another ordering key" }
        guard let document = try? JSONDocument(parsing: content.data) else { return "its data is not JSON" }
        let root = document.root
        let isRight =
            root["kind"]?.equals("exception") ?? false
            && root["exception_type"]?.equals("QuestionNotDispatched") ?? false
            && !(root["exception_message"]?.stringBytes ?? []).isEmpty
            && root["exception_traceback"]?.isArray ?? false && Array(root.members).count == 4
        return isRight ? nil : "its data is not what a child would say"
    }

    // MARK: Dead letters

    /// A dead letter is published: the message unchanged, or the whole request where Pub/Sub could not take
    /// that.
    func bury(_ body: [UInt8]) -> (String, HTTPResponse) {
        guard let content = content(of: body),
            let id = content.attributes["twined-dead-letter-message-id"],
            let message = messages.first(where: { $0.id == id })
        else {
            violate("a dead letter is published for no message")
            return published
        }
        letters[id, default: 0] += 1
        ledger.deadLetters += 1
        var left = content.attributes
        for name in ["message-id", "reason", "subscription"]
        where (left.removeValue(forKey: "twined-dead-letter-\(name)") ?? "").utf8.isEmpty {
            violate("the dead letter of message \(message.index) has no \(name)")
        }
        switch message.fate {
        case .unstorable(isPublishable: true):
            for attribute in message.attributes
            where left.removeValue(forKey: attribute.name) != attribute.value {
                violate("the dead letter of message \(message.index) has another \(attribute.name)")
            }
            if content.data != message.data {
                violate("the dead letter of message \(message.index) has other data")
            }
        case .unstorable(isPublishable: false):
            if left.removeValue(forKey: "twined-dead-letter-form") != "request" {
                violate("the dead letter of message \(message.index) does not say its form")
            }
            if content.data != message.body {
                violate("the dead letter of message \(message.index) is not the request")
            }
        case .stored, .dispatched, .cancelled, .undispatchable, .unpublishable, .noEvent:
            violate("message \(message.index), which is well, is buried")
        }
        if !left.isEmpty { violate("the dead letter of message \(message.index) has attributes of its own") }
        return published
    }
}

extension JSONDocument.Value {
    /// The element of an array that has no other.
    var onlyElement: JSONDocument.Value? {
        let all = Array(elements)
        return all.count == 1 ? all[0] : nil
    }
}
