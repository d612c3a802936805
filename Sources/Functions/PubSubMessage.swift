internal import JSON

/// A Pub/Sub message, whichever way it came in.
struct PubSubMessage: Sendable {
    /// How it came in.
    enum Form: Sendable { case binary, structured, push, unwrapped, legacy }

    var form: Form
    /// The message's data, decoded; empty where it cannot be.
    var data: [UInt8] = []
    /// Empty where they are not what Pub/Sub has.
    var attributes = Attributes()
    var messageID: [UInt8]?
    var publishTime: [UInt8]?
    var orderingKey: [UInt8]?
    var subscription: [UInt8]?
    var deliveryAttempt: Int?
    /// Why this can be no event; nil where data and attributes are what they should be.
    var malformation: MalformedEvent?
    /// Whether data and attributes could be published as they are. If not, a dead letter holds the whole
    /// request.
    var isPublishable = true
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
    /// A message from its JSON object. What is wrong with it is kept: it may have to become a dead letter.
    init(_ message: JSONDocument.Value, form: Form) {
        self.form = form
        messageID = message["messageId"]?.stringBytes ?? message["message_id"]?.stringBytes
        publishTime = message["publishTime"]?.stringBytes ?? message["publish_time"]?.stringBytes
        orderingKey = message["orderingKey"]?.stringBytes
        deliveryAttempt = message["deliveryAttempt"]?.integer
        readAttributes(message["attributes"])
        readData(message["data"])
    }

    private mutating func readData(_ value: JSONDocument.Value?) {
        guard let value, !value.isNull else { return refuse(.dataMissing) }
        do throws(Base64Error) {
            guard let decoded = try Base64.decode(value) else {
                isPublishable = false
                return refuse(.dataNotString)
            }
            data = decoded
        } catch {
            isPublishable = false
            refuse(.dataNotBase64(error))
        }
    }

    private mutating func readAttributes(_ value: JSONDocument.Value?) {
        guard let value, !value.isNull else { return refuse(.attributesMissing) }
        guard value.isObject else {
            isPublishable = false
            return refuse(.attributesNotObject)
        }
        guard let attributes = Attributes(value) else {
            isPublishable = false
            return refuse(.attributeNotString)
        }
        self.attributes = attributes
    }

    /// Data is looked at last and tells most, so its fault is the one that is reported.
    private mutating func refuse(_ reason: MalformedEvent) { malformation = reason }
}
