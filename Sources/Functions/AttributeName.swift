internal import JSON

/// The attributes that the program itself reads; a message may have any others besides.
enum AttributeName: Int, CaseIterable, Sendable {
    case datetime, uuid, parent, originator, sender, senderType, senderSDKVersion, recipient, questionUUID
    case originatorQuestionUUID, parentQuestionUUID, cpus, memory, ephemeralStorage, retryCount

    /// Attributes without which an event is malformed.
    static let required: [AttributeName] = [
        .datetime, .uuid, .parent, .originator, .sender, .senderType, .senderSDKVersion, .recipient,
        .questionUUID, .originatorQuestionUUID,
    ]

    /// Its name in a message.
    var text: StaticString {
        switch self {
        case .datetime: "datetime"
        case .uuid: "uuid"
        case .parent: "parent"
        case .originator: "originator"
        case .sender: "sender"
        case .senderType: "sender_type"
        case .senderSDKVersion: "sender_sdk_version"
        case .recipient: "recipient"
        case .questionUUID: "question_uuid"
        case .originatorQuestionUUID: "originator_question_uuid"
        case .parentQuestionUUID: "parent_question_uuid"
        case .cpus: "cpus"
        case .memory: "memory"
        case .ephemeralStorage: "ephemeral_storage"
        case .retryCount: "retry_count"
        }
    }

    /// Whether the events table has a column for it.
    var isColumn: Bool {
        switch self {
        case .cpus, .memory, .ephemeralStorage, .retryCount: false
        default: true
        }
    }

    /// The attribute called so, if it is one of these.
    init?(_ name: Span<UInt8>) {
        guard let candidate = Self.candidate(name), name.equals(candidate.text) else { return nil }
        self = candidate
    }

    /// The only attribute that could be called so, told by the name's length, and where two have the same by
    /// its first letter.
    private static func candidate(_ name: Span<UInt8>) -> AttributeName? {
        switch name.count {
        case 4: name[0] == UInt8(ascii: "u") ? .uuid : .cpus
        case 6:
            switch name[0] {
            case UInt8(ascii: "p"): .parent
            case UInt8(ascii: "s"): .sender
            default: .memory
            }
        case 8: .datetime
        case 9: .recipient
        case 10: .originator
        case 11: name[0] == UInt8(ascii: "s") ? .senderType : .retryCount
        case 13: .questionUUID
        case 17: .ephemeralStorage
        case 18: .senderSDKVersion
        case 20: .parentQuestionUUID
        case 24: .originatorQuestionUUID
        default: nil
        }
    }
}

extension AttributeName: CustomStringConvertible {
    var description: String { text.description }
}
