import Foundation
import NIOCore
import NIOFoundationCompat

/// What Pub/Sub pushes, with or without CloudEvent header fields.
private struct Push: Decodable {
    struct Message: Decodable {
        let data: Data
        let attributes: [String: String]
        let messageId: String?
        let message_id: String?
        let orderingKey: String?
    }

    let message: Message
}

/// Why a request is no event, or an event can never be stored. No redelivery mends it.
struct Unusable: Error, CustomStringConvertible {
    let description: String
}

/// A message of the service network.
struct Event {
    static let required = [
        "datetime", "uuid", "parent", "originator", "sender", "sender_type", "sender_sdk_version",
        "recipient", "question_uuid", "originator_question_uuid",
    ]
    private static let columns = Set(required + ["parent_question_uuid"])

    let kind: String
    let attributes: [String: String]
    let content: [String: Any]
    let messageID: String?
    let orderingKey: String?

    init(body: ByteBuffer) throws {
        let message: Push.Message
        do {
            message = try JSONDecoder().decode(Push.self, from: body).message
        } catch {
            throw Unusable(description: "not a Pub/Sub push")
        }
        for name in Self.required where message.attributes[name] == nil {
            throw Unusable(description: "the attribute \(name) is missing")
        }
        guard var content = try? JSONSerialization.jsonObject(with: message.data) as? [String: Any],
            let kind = content.removeValue(forKey: "kind") as? String
        else {
            throw Unusable(description: "the data is no JSON object with a kind")
        }
        self.kind = kind
        self.content = content
        attributes = message.attributes
        messageID = message.messageId ?? message.message_id
        orderingKey = message.orderingKey
    }

    /// An attribute that every event has.
    subscript(name: String) -> String { attributes[name] ?? "" }

    /// The request that stores the event. JSON columns travel as strings of JSON.
    func insertAllBody() throws -> Data {
        guard self["uuid"].utf8.count <= InsertAll.insertIDBytesMax else {
            throw Unusable(description: "the uuid is longer than an insertId")
        }
        let row = InsertAll.Row(
            datetime: self["datetime"], uuid: self["uuid"], kind: kind, event: try text(of: content),
            otherAttributes: try text(of: attributes.filter { !Self.columns.contains($0.key) }),
            parent: self["parent"], originator: self["originator"], sender: self["sender"],
            senderType: self["sender_type"], senderSDKVersion: self["sender_sdk_version"],
            recipient: self["recipient"], questionUUID: self["question_uuid"],
            parentQuestionUUID: attributes["parent_question_uuid"],
            originatorQuestionUUID: self["originator_question_uuid"], backend: "GoogleCloudPubSub",
            backendMetadata: try text(of: [
                "message_id": messageID as Any? ?? NSNull(), "ordering_key": orderingKey as Any? ?? NSNull(),
            ]))
        let body = try encode(InsertAll(rows: [.init(insertId: self["uuid"], json: row)]))
        guard body.count <= InsertAll.bytesMax else { throw Unusable(description: "the row is too large") }
        return body
    }
}

/// `tabledata.insertAll`, one row.
struct InsertAll: Encodable {
    static let bytesMax = 10_485_760
    static let insertIDBytesMax = 128

    struct Row: Encodable {
        enum CodingKeys: String, CodingKey {
            case datetime, uuid, kind, event, parent, originator, sender, recipient, backend
            case otherAttributes = "other_attributes"
            case senderType = "sender_type"
            case senderSDKVersion = "sender_sdk_version"
            case questionUUID = "question_uuid"
            case parentQuestionUUID = "parent_question_uuid"
            case originatorQuestionUUID = "originator_question_uuid"
            case backendMetadata = "backend_metadata"
        }

        let datetime, uuid, kind, event, otherAttributes, parent, originator, sender, senderType: String
        let senderSDKVersion, recipient, questionUUID: String
        let parentQuestionUUID: String?
        let originatorQuestionUUID, backend, backendMetadata: String
    }

    struct Insertion: Encodable {
        let insertId: String
        let json: Row
    }

    let rows: [Insertion]
}

/// What BigQuery answers: failures of rows come inside a 200.
struct InsertAllAnswer: Decodable {
    struct RowErrors: Decodable {
        struct Reason: Decodable { let reason: String? }
        let errors: [Reason]?
    }

    let insertErrors: [RowErrors]?
}

func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return try encoder.encode(value)
}

func text(of value: Any) throws -> String {
    let data = try JSONSerialization.data(
        withJSONObject: value, options: [.fragmentsAllowed, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
}
