internal import JSON
internal import Net

/// One event of the service network: a message that can be stored. Immutable, and a class, so that handing it
/// on costs one reference and not those of all its parts.
final class Event: Sendable {
    /// What the program does with an event beyond storing it.
    enum Kind: Sendable { case question, cancellation, exception, other }

    let message: PubSubMessage
    /// The event itself: the message's data.
    let document: JSONDocument
    /// The event's `kind` as it is written in the document; always a string.
    let kindValue: JSONDocument.Value
    /// What the `kind` stands for, in UTF-8.
    let kindBytes: ArraySlice<UInt8>
    let kind: Kind

    /// Takes a message for an event, or says why it can be none.
    init(_ message: PubSubMessage) throws(MalformedEvent) {
        if let malformation = message.malformation { throw malformation }
        do throws(JSONError) {
            document = try JSONDocument(parsing: message.data, allowsByteOrderMark: true)
        } catch {
            throw .eventNotJSON(error)
        }
        guard document.root.isObject else { throw .eventNotObject }
        guard let kind = document.root["kind"] else { throw .kindMissing }
        guard let kindBytes = kind.stringSlice else { throw .kindNotString }
        self.kindBytes = kindBytes
        kindValue = kind
        self.kind =
            kindBytes.equals("question")
            ? .question
            : kindBytes.equals("cancellation")
                ? .cancellation : kindBytes.equals("exception") ? .exception : .other
        for name in AttributeName.required where message.attributes.valueRange(of: name) == nil {
            throw .attributeMissing(name.description)
        }
        self.message = message
    }

    /// The value of a required attribute.
    func attribute(_ name: AttributeName) -> ArraySlice<UInt8> {
        guard let value = message.attributes[name] else {
            preconditionFailure("required attributes were checked")
        }
        return value
    }

    /// The event's own id.
    var uuid: ArraySlice<UInt8> { attribute(.uuid) }

    /// The question's id, where it can name a Job. Nothing is sent to a cluster without it.
    var questionUUID: QuestionUUID? { QuestionUUID(attribute(.questionUUID)) }

    /// An input that goes to the Job: nil where it is absent, or empty in Python's sense.
    func input(_ name: StaticString) -> JSONDocument.Value? {
        guard let value = document.root[name], value.isTrueInPython else { return nil }
        return value
    }
}

/// What of a question goes into its Job, proven.
struct Question: Sendable {
    let uuid: QuestionUUID
    let recipient: ServiceRevision
    /// Nil: the default.
    let cpus: Quantity?
    let memory: Quantity?
    let ephemeralStorage: Quantity?

    /// Checks what the cluster would refuse, or take and never start.
    init(_ event: Event) throws(Undispatchable) {
        guard let uuid = event.questionUUID else { throw .questionUUID }
        guard let recipient = ServiceRevision(event.attribute(.recipient)) else { throw .recipient }
        let cpus = try Self.quantity(event, .cpus)
        let memory = try Self.quantity(event, .memory)
        let ephemeralStorage = try Self.quantity(event, .ephemeralStorage)
        self.uuid = uuid
        self.recipient = recipient
        self.cpus = cpus
        self.memory = memory
        self.ephemeralStorage = ephemeralStorage
    }

    private static func quantity(_ event: Event, _ name: AttributeName) throws(Undispatchable) -> Quantity? {
        guard let value = event.message.attributes[name] else { return nil }
        guard let quantity = Quantity(value) else { throw .quantity(name.description) }
        return quantity
    }
}

/// Why a question's Job is not created. Said to the asker as well, so it is written for people, and quotes
/// nothing.
enum Undispatchable: Error, Equatable, CustomStringConvertible {
    case questionUUID
    case recipient
    case imageNameTooLong
    /// The attribute's name.
    case quantity(String)
    /// The option of the Job's command.
    case argumentTooLong(String)
    /// The cluster's status.
    case refused(Int)

    var description: String {
        switch self {
        case .questionUUID:
            "The question's UUID cannot name a Kubernetes Job: at most 54 of a-z, 0-9 and hyphens."
        case .recipient: "The recipient is not a service revision of the form namespace/name:tag."
        case .imageNameTooLong:
            "The recipient's image would have a name of more than 255 characters behind the registry's host."
        case .quantity(let name):
            "The attribute \(name) is not a Kubernetes quantity such as 500m, 2 or 256Mi."
        case .argumentTooLong(let option): "What \(option) would hold is longer than 131,071 bytes."
        case .refused(let status): "The cluster refused the question's Job with status \(status)."
        }
    }
}
