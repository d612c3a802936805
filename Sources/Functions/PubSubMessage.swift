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
        orderingKey: ArraySlice<UInt8>? = nil, subscription: ArraySlice<UInt8>? = nil
    ) {
        self.form = form
        self.data = data
        self.attributes = attributes
        self.messageID = messageID
        self.orderingKey = orderingKey
        self.subscription = subscription
        deliveryAttempt = nil
        malformation = nil
        isPublishable = true
    }

    /// A message from its JSON object. What is wrong with it is kept: it may have to become a dead letter.
    init(
        _ message: Members, in envelope: PushEnvelope?, form: Form, orElseID eventID: ArraySlice<UInt8>? = nil
    ) {
        self.form = form
        messageID = message.messageID?.stringSlice ?? message.messageIDAgain?.stringSlice ?? eventID
        orderingKey = message.orderingKey?.stringSlice
        subscription = envelope?.subscription?.stringSlice
        deliveryAttempt = envelope?.deliveryAttempt?.integer ?? message.deliveryAttempt?.integer
        let attributes = Self.attributes(message.attributes)
        let data = Self.data(message.data)
        self.attributes = attributes.content
        self.data = data.content
        // Data tells most, so its fault is the one that is reported.
        malformation = data.fault ?? attributes.fault
        isPublishable = attributes.isPublishable && data.isPublishable
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

extension PubSubMessage {
    /// What of a message's JSON object is read.
    struct Members {
        private(set) var data: JSONDocument.Value?
        private(set) var attributes: JSONDocument.Value?
        private(set) var messageID: JSONDocument.Value?
        /// The same by its older name.
        private(set) var messageIDAgain: JSONDocument.Value?
        private(set) var orderingKey: JSONDocument.Value?
        private(set) var deliveryAttempt: JSONDocument.Value?

        init(of message: JSONDocument.Value) {
            message.forEachMember { name, value in
                switch name.count {
                case 4 where name.equals("data"): data = value
                case 9 where name.equals("messageId"): messageID = value
                case 10 where name.equals("attributes"): attributes = value
                case 10 where name.equals("message_id"): messageIDAgain = value
                case 11 where name.equals("orderingKey"): orderingKey = value
                case 15 where name.equals("deliveryAttempt"): deliveryAttempt = value
                default: break
                }
            }
        }

        /// Whether the message says which it is.
        var hasID: Bool { messageID?.isString == true || messageIDAgain?.isString == true }
    }

    /// A part of a message as it was read.
    private struct Part<Content> {
        var content: Content
        var fault: MalformedEvent?
        /// Whether it could be published as it is.
        var isPublishable = true
    }

    private static func data(_ value: JSONDocument.Value?) -> Part<[UInt8]> {
        guard let value, !value.isNull else { return Part(content: [], fault: .dataMissing) }
        do throws(Base64Error) {
            guard let decoded = try Base64.decode(value) else {
                return Part(content: [], fault: .dataNotString, isPublishable: false)
            }
            return Part(content: decoded)
        } catch {
            return Part(content: [], fault: .dataNotBase64(error), isPublishable: false)
        }
    }

    private static func attributes(_ value: JSONDocument.Value?) -> Part<Attributes> {
        guard let value, !value.isNull else {
            return Part(content: Attributes(), fault: .attributesMissing)
        }
        guard value.isObject else {
            return Part(content: Attributes(), fault: .attributesNotObject, isPublishable: false)
        }
        guard let attributes = Attributes(value) else {
            return Part(content: Attributes(), fault: .attributeNotString, isPublishable: false)
        }
        return Part(content: attributes)
    }
}

/// What of a push's JSON object is read: `{"message":{…},"subscription":"…","deliveryAttempt":1}`.
struct PushEnvelope {
    private(set) var message: JSONDocument.Value?
    private(set) var subscription: JSONDocument.Value?
    private(set) var deliveryAttempt: JSONDocument.Value?
    /// Only a legacy background event has this.
    private(set) var context: JSONDocument.Value?

    init(of body: JSONDocument.Value) {
        body.forEachMember { name, value in
            switch name.count {
            case 7 where name.equals("message"): message = value
            case 7 where name.equals("context"): context = value
            case 12 where name.equals("subscription"): subscription = value
            case 15 where name.equals("deliveryAttempt"): deliveryAttempt = value
            default: break
            }
        }
    }
}
