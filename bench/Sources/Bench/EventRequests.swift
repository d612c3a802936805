import Foundation
import LoadGenerator

/// Pub/Sub pushes of events, as bytes in which only numbers change.
enum EventRequests {
    enum Kind: String {
        case heartbeat, question, cancellation, result
    }

    /// Stands where the number of an event comes: its own uuid, and that of its question.
    private static let marker = "5a5a5a5a5a5a"

    /// The request for an event of a kind. `payloadBytes` is the length of a text in the event, beside some
    /// 40 bytes.
    static func make(_ kind: Kind, payloadBytes: Int = 64, numbering: NumberedRequests.Numbering) throws
        -> NumberedRequests
    {
        let body = try body(kind, payloadBytes: payloadBytes)
        let head = """
            POST /?__GCP_CloudEventsMode=CUSTOM_PUBSUB_projects%2Fdemo-project%2Ftopics%2Fmain HTTP/1.1\r
            Host: 127.0.0.1\r
            User-Agent: APIs-Google; (+https://developers.google.com/webmasters/APIs-Google)\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            Accept: application/json\r
            \r

            """
        return NumberedRequests(template: Array(head.utf8) + body, marker: marker, numbering: numbering)
    }

    /// How long the body of such a request is, as its Content-Length says: the push around the payload, which
    /// is four thirds of its length in base64.
    static func bodyLength(_ kind: Kind, payloadBytes: Int) throws -> Int {
        try body(kind, payloadBytes: payloadBytes).count
    }

    private static func body(_ kind: Kind, payloadBytes: Int) throws -> [UInt8] {
        let question = "b1a53e0f-22c1-4a57-9d3e-\(marker)"
        let attributes = [
            "uuid": "0e7f53a2-6c18-4a0f-8d1c-\(marker)", "datetime": "2025-04-11T09:26:39.144818+00:00",
            "parent": "octue/parent-service:5.6.3", "originator": "octue/parent-service:5.6.3",
            "sender": "octue/parent-service:5.6.3", "sender_type": "PARENT", "sender_sdk_version": "0.70.0",
            "recipient": "octue/child-service:1.0.0", "question_uuid": question,
            "originator_question_uuid": question, "retry_count": "0", "forward_logs": "1",
            "save_diagnostics": "SAVE_DIAGNOSTICS_ON_CRASH", "cpus": "2",
        ]
        let data = Data(content(kind, payloadBytes: payloadBytes).utf8).base64EncodedString()
        let message: [String: Any] = [
            "attributes": attributes, "data": data, "messageId": "2070443601311540",
            "message_id": "2070443601311540",
            "orderingKey": question, "publishTime": "2025-04-11T09:26:39.2Z",
            "publish_time": "2025-04-11T09:26:39.2Z",
        ]
        let push: [String: Any] = [
            "message": message,
            "subscription": "projects/demo-project/subscriptions/main.octue.twined.services",
            "deliveryAttempt": 1,
        ]
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try JSONSerialization.data(withJSONObject: push, options: options))
    }

    private static func content(_ kind: Kind, payloadBytes: Int) -> String {
        let text = filling(payloadBytes)
        return switch kind {
        case .heartbeat, .cancellation: #"{"kind":"\#(kind)"}"#
        case .question:
            #"{"kind":"question","input_values":{"height":32,"site":"\#(text)"},"input_manifest":null}"#
        case .result:
            #"{"kind":"result","output_values":{"power":1.5,"text":"\#(text)"},"output_manifest":null}"#
        }
    }

    /// Text with what JSON of people has: words, some escapes, some letters beyond ASCII; about `bytes` long.
    private static func filling(_ bytes: Int) -> String {
        let piece = #"Tromsø 69.6 N, 18.9 E; wind \"NNW\" at 12.5 m/s\n"#
        let count = piece.utf8.count
        return String(repeating: piece, count: bytes / count) + String(repeating: "x", count: bytes % count)
    }
}

/// Look-ups of the registry.
enum RegistryRequests {
    static let prefix = "load/service-"
    private static let requestsMax = 1_000

    /// Requests for up to 1,000 different services of a repository that holds `images`.
    static func make(images: Int, asksForDefault: Bool) -> ListedRequests {
        let count = min(images, requestsMax)
        return ListedRequests(
            (0..<count).map { number in
                let path =
                    "/\(prefix)\(number * (images / count))" + (asksForDefault ? "" : "?revision_tag=0.1.0")
                return Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".utf8)
            })
    }
}
