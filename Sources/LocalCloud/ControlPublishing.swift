import JSON
import Net

/// Subscriptions, and publishing as a publisher does, through the control port.
extension ControlChanges {
    func subscribe(_ body: JSONDocument.Value) throws(ControlError) {
        let object = try ControlObject(
            body,
            allowed: [
                "name", "topic", "pushEndpoint", "minimumBackoffMilliseconds", "maximumBackoffMilliseconds",
                "deliveriesMax", "ackDeadlineMilliseconds", "concurrencyMax", "orderingKey",
                "deliveryAttempt",
                "spelling", "authorization", "audience",
            ])
        let (origin, target) = try endpoint(try object.required("pushEndpoint"))
        var subscription = Subscription(
            name: owner.subscriptionName(try object.required("name")),
            topic: owner.topicName(try object.required("topic")), origin: origin, target: target)
        if let value = try object.integer("minimumBackoffMilliseconds") {
            subscription.minimumBackoffMilliseconds = UInt64(value)
        }
        if let value = try object.integer("maximumBackoffMilliseconds") {
            subscription.maximumBackoffMilliseconds = UInt64(value)
        }
        if let value = try object.integer("ackDeadlineMilliseconds", 1...3_600_000) {
            subscription.ackDeadlineMilliseconds = UInt64(value)
        }
        subscription.deliveriesMax = try object.integer("deliveriesMax", 1...1_000_000) ?? 20
        // The client keeps at most this many connections to one endpoint.
        subscription.concurrencyMax = try object.integer("concurrencyMax", 1...10_000) ?? 64
        subscription.hasOrderingKey = try object.flag("orderingKey") ?? true
        subscription.hasDeliveryAttempt = try object.flag("deliveryAttempt") ?? true
        if let name = try object.string("spelling") {
            guard let spelling = Subscription.Spelling(rawValue: name) else {
                throw ControlError(message: "spelling cannot be \(name)")
            }
            subscription.spelling = spelling
        }
        subscription.authorization = try object.string("authorization")
        if let authorization = subscription.authorization,
            !HTTPFields.isFieldValue(Array(authorization.utf8)[...])
        {
            throw ControlError(message: "authorization is no field value")
        }
        if let audience = try object.string("audience") {
            let token = owner.cloud.identity.token(
                audience: audience, email: "push@\(owner.cloud.project).iam.gserviceaccount.com")
            subscription.authorization = "Bearer \(token)"
        }
        owner.pubSub.push.add(subscription)
    }

    func unsubscribe(_ body: JSONDocument.Value) throws(ControlError) {
        let object = try ControlObject(body, allowed: ["name"])
        let name = owner.subscriptionName(try object.required("name"))
        guard owner.pubSub.push.remove(name) else {
            throw ControlError(message: "there is no subscription \(name)", status: 404)
        }
    }

    /// `http://127.0.0.1:8080/path?query`, a loopback address and a port.
    private func endpoint(_ text: String) throws(ControlError) -> (origin: Origin, target: [UInt8]) {
        let mistake = ControlError(
            message: "pushEndpoint must be http://ADDRESS:PORT/… with a loopback address")
        guard text.hasPrefix("http://") else { throw mistake }
        let rest = text.dropFirst(7)
        let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<slash]
        guard let colon = authority.lastIndex(of: ":"),
            let port = UInt16(authority[authority.index(after: colon)...])
        else { throw mistake }
        var host = String(authority[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard host == "localhost" || host == "::1" || host.hasPrefix("127.") else { throw mistake }
        var target = String(rest[slash...])
        if !target.hasPrefix("/") { target = "/" + target }
        guard target.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw mistake }
        return (Origin(scheme: .http, host: host, port: port), Array(target.utf8))
    }

    // MARK: Publishing

    func publish(_ body: JSONDocument.Value) throws(ControlError) -> HTTPResponse {
        let object = try ControlObject(body, allowed: ["topic", "messages", "repeat", "copies"])
        let topic = owner.topicName(try object.required("topic"))
        guard owner.cloud.settings.topics.contains(topic) else {
            throw ControlError(message: "there is no topic \(topic)", status: 404)
        }
        let copies = try object.integer("copies", 1...1_000) ?? 1
        let times = try object.integer("repeat", 1...1_000_000) ?? 1
        guard let messages = object.any("messages"), messages.isArray else {
            throw ControlError(message: "messages must be an array")
        }
        var read: [(data: [UInt8], attributes: [(name: String, value: String)], key: String)] = []
        for element in messages.elements { read.append(try message(element)) }
        var identifiers: [String] = []
        for _ in 0..<times {
            for entry in read {
                let message = owner.pubSub.message(
                    topic: topic, data: entry.data, attributes: entry.attributes, orderingKey: entry.key)
                identifiers.append(message.identifier)
                owner.pubSub.publish(message, copies: copies)
            }
        }
        return .json { json in
            json.beginObject()
            json.key("messageIds")
            json.beginArray()
            for identifier in identifiers { json.string(identifier) }
            json.endArray()
            json.endObject()
        }
    }

    private func message(
        _ element: JSONDocument.Value
    ) throws(ControlError) -> (data: [UInt8], attributes: [(name: String, value: String)], key: String) {
        let object = try ControlObject(element, allowed: ["data", "text", "attributes", "orderingKey"])
        var data = Array((try object.string("data") ?? "").utf8)
        if let text = object.any("text")?.stringBytes { data = Base64.encode(text) }
        var attributes: [(name: String, value: String)] = []
        if let map = object.any("attributes") {
            for (key, value) in map.members {
                guard let text = value.string else {
                    throw ControlError(message: "attributes must be strings")
                }
                attributes.append((key.string ?? "", text))
            }
        }
        return (data, attributes, try object.string("orderingKey") ?? "")
    }
}

extension LocalCloud {
    /// A topic's full name.
    func topicName(_ name: String) -> String {
        name.hasPrefix("projects/") ? name : "projects/\(cloud.project)/topics/\(name)"
    }

    /// A subscription's full name.
    func subscriptionName(_ name: String) -> String {
        name.hasPrefix("projects/") ? name : "projects/\(cloud.project)/subscriptions/\(name)"
    }
}
