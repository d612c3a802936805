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
    init?(_ name: ArraySlice<UInt8>) {
        for known in Self.allCases where known.text.utf8CodeUnitCount == name.count {
            let isEqual = unsafe name.withUnsafeBufferPointer { bytes in
                let text = unsafe UnsafeBufferPointer(
                    start: known.text.utf8Start, count: known.text.utf8CodeUnitCount)
                return unsafe bytes.elementsEqual(text)
            }
            if isEqual {
                self = known
                return
            }
        }
        return nil
    }
}

extension AttributeName: CustomStringConvertible {
    var description: String { text.description }
}
