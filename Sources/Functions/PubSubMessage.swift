internal import JSON

/// A Pub/Sub message, whichever way it came in. Immutable, and a class, so that handing it on costs one
/// reference and not those of all its parts.
final class PubSubMessage: Sendable {
    /// How it came in.
    enum Form: Sendable { case binary, structured, push, unwrapped, legacy }

    let form: Form
    /// The message's data, decoded; empty where it cannot be.
    let data: [UInt8]
    /// Empty where they are not what Pub/Sub has.
    let attributes: Attributes
    let messageID: ArraySlice<UInt8>?
    let orderingKey: ArraySlice<UInt8>?
    let subscription: ArraySlice<UInt8>?
    let deliveryAttempt: Int?
    /// Why this can be no event; nil where data and attributes are what they should be.
    let malformation: MalformedEvent?
    /// Whether data and attributes could be published as they are. If not, a dead letter holds the whole
    /// request.
    let isPublishable: Bool

    /// A message of these parts.
    init(
        form: Form, data: [UInt8], attributes: Attributes, messageID: ArraySlice<UInt8>? = nil,
        orderingKey: ArraySlice<UInt8>? = nil, subscription: ArraySlice<UInt8>? = nil,
        deliveryAttempt: Int? = nil, malformation: MalformedEvent? = nil, isPublishable: Bool = true
    ) {
        self.form = form
        self.data = data
        self.attributes = attributes
        self.messageID = messageID
        self.orderingKey = orderingKey
        self.subscription = subscription
        self.deliveryAttempt = deliveryAttempt
        self.malformation = malformation
        self.isPublishable = isPublishable
    }
}

/// Why a message can never be stored as an event. Never holds a byte of the message.
enum MalformedEvent: Error, Equatable, CustomStringConvertible {
    case dataMissing
    case dataNotString
    case dataNotBase64(Base64Error)
    case attributesMissing
    case attributesNotObject
    case attributeNotString
    case eventNotJSON(JSONError)
    case eventNotObject
    case kindMissing
    case kindNotString
    /// A required attribute, by its name in our own list.
    case attributeMissing(String)

    /// One line for a log and for `twined-dead-letter-reason`.
    var description: String {
        switch self {
        case .dataMissing: "the message has no data"
        case .dataNotString: "the message's data is not a string"
        case .dataNotBase64(let error): "the message's data is not base64: \(error)"
        case .attributesMissing: "the message has no attributes"
        case .attributesNotObject: "the message's attributes are not an object"
        case .attributeNotString: "an attribute of the message is not a string"
        case .eventNotJSON(let error): "the event is not JSON: \(error)"
        case .eventNotObject: "the event is not a JSON object"
        case .kindMissing: "the event has no kind"
        case .kindNotString: "the event's kind is not a string"
        case .attributeMissing(let name): "the attribute \(name) is missing"
        }
    }
}

/// What of a message's JSON object is read.
struct PubSubMessageMembers {
    private var data: JSONDocument.Value?
    private var attributes: JSONDocument.Value?
    private var messageID: JSONDocument.Value?
    /// The same by its older name.
    private var messageIDAgain: JSONDocument.Value?
    private var orderingKey: JSONDocument.Value?
    private var deliveryAttempt: JSONDocument.Value?

    init(of message: JSONDocument.Value) {
        var found = Self()
        message.forEachMember { name, value in
            switch name.count {
            case 4 where name.equals("data"): found.data = value
            case 9 where name.equals("messageId"): found.messageID = value
            case 10 where name.equals("attributes"): found.attributes = value
            case 10 where name.equals("message_id"): found.messageIDAgain = value
            case 11 where name.equals("orderingKey"): found.orderingKey = value
            case 15 where name.equals("deliveryAttempt"): found.deliveryAttempt = value
            default: break
            }
        }
        self = consume found
    }

    private init() {}

    /// Whether the message says which it is.
    var hasID: Bool { messageID?.isString == true || messageIDAgain?.isString == true }

    /// The message. What is wrong with it is kept: it may have to become a dead letter.
    func message(
        in envelope: PushEnvelope, form: PubSubMessage.Form, orElseID eventID: ArraySlice<UInt8>? = nil
    ) -> PubSubMessage {
        var fault: MalformedEvent?
        var isPublishable = true
        let attributes = readAttributes(&fault, &isPublishable)
        // Data is looked at last and tells most, so its fault is the one that is reported.
        let data = readData(&fault, &isPublishable)
        return PubSubMessage(
            form: form, data: data, attributes: attributes,
            messageID: messageID?.stringSlice ?? messageIDAgain?.stringSlice ?? eventID,
            orderingKey: orderingKey?.stringSlice, subscription: envelope.subscription?.stringSlice,
            deliveryAttempt: envelope.deliveryAttempt?.integer ?? deliveryAttempt?.integer,
            malformation: fault, isPublishable: isPublishable)
    }

    private func readData(_ fault: inout MalformedEvent?, _ isPublishable: inout Bool) -> [UInt8] {
        guard let data, !data.isNull else {
            fault = .dataMissing
            return []
        }
        do throws(Base64Error) {
            if let decoded = try Base64.decode(data) { return decoded }
            fault = .dataNotString
        } catch {
            fault = .dataNotBase64(error)
        }
        isPublishable = false
        return []
    }

    private func readAttributes(_ fault: inout MalformedEvent?, _ isPublishable: inout Bool) -> Attributes {
        guard let attributes, !attributes.isNull else {
            fault = .attributesMissing
            return Attributes()
        }
        if let read = Attributes(attributes) { return read }
        fault = attributes.isObject ? .attributeNotString : .attributesNotObject
        isPublishable = false
        return Attributes()
    }
}

/// What of a push's JSON object is read: `{"message":{…},"subscription":"…","deliveryAttempt":1}`.
struct PushEnvelope {
    private(set) var message: JSONDocument.Value?
    private(set) var subscription: JSONDocument.Value?
    private(set) var deliveryAttempt: JSONDocument.Value?
    /// Only a legacy background event has this.
    private(set) var context: JSONDocument.Value?

    /// That of a message that came without one.
    init() {}

    init(of body: JSONDocument.Value) {
        var found = Self()
        body.forEachMember { name, value in
            switch name.count {
            case 7 where name.equals("message"): found.message = value
            case 7 where name.equals("context"): found.context = value
            case 12 where name.equals("subscription"): found.subscription = value
            case 15 where name.equals("deliveryAttempt"): found.deliveryAttempt = value
            default: break
            }
        }
        self = consume found
    }
}
