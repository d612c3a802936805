internal import JSON
internal import Net

/// Stores events as rows: `tabledata.insertAll`, one row a request
/// (https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll).
@EventLoopActor
final class BigQuery {
    /// What came of storing a row.
    enum Insertion: Sendable {
        case stored
        /// It can never be stored: why, for the log and the dead letter.
        case impossible(String)
        /// Not now.
        case failed(UpstreamResult)
    }

    private let target: [UInt8]
    private let origin: Origin
    private let caller: UpstreamCaller
    private let exchange: any HTTPExchange
    private let token: AccessToken?

    /// - Parameter table: `projects/<p>/datasets/<d>/tables/<t>`, proven.
    init(
        table: String, endpoint: Endpoint, caller: UpstreamCaller, exchange: any HTTPExchange,
        token: AccessToken
    ) {
        target = endpoint.basePath + Array("/bigquery/v2/\(table)/insertAll?prettyPrint=false".utf8)
        origin = endpoint.origin
        self.caller = caller
        self.exchange = exchange
        self.token = endpoint.carriesToken ? token : nil
    }

    /// Opens a connection, so that an event that follows finds one.
    func prepare(deadline: Deadline) async {
        await exchange.prepareConnection(to: origin, deadline: deadline)
    }

    /// Stores the row of `event`, under the same insertId for ever.
    func insert(_ event: Event, deadline: Deadline, context: LogContext) async -> Insertion {
        guard let body = Row.insertAllBody(of: event) else {
            return .impossible("the row would be over \(EventLimits.insertBytesMax) bytes")
        }
        let result = await caller.call(
            .bigQuery, at: origin, deadline: deadline, token: token, context: context
        ) {
            authorization in
            var request = HTTPRequest(method: .post, target: target, body: body)
            request.fields.append("Content-Type", "application/json")
            if let authorization { request.fields.append("Authorization", authorization) }
            return request
        }
        switch result.reaction {
        case .done: return .stored
        case .cannotBeStored:
            return .impossible(
                result.status == 200
                    ? "BigQuery finds the row invalid" : "BigQuery finds the request too large")
        default: return .failed(result)
        }
    }
}

/// An event's row, as the network's table has it.
enum Row {
    /// Columns that hold an attribute as it came; one that is absent is left out (only `parent_question_uuid`
    /// can be).
    private static let attributeColumns = [
        "parent", "originator", "sender", "sender_type", "sender_sdk_version", "recipient", "question_uuid",
        "parent_question_uuid", "originator_question_uuid",
    ]

    /// The body of the request that stores `event`; nil when it cannot be made small enough.
    ///
    /// JSON columns travel as strings that hold JSON text with everything beyond ASCII escaped, as they
    /// always have. Where that alone would make the request too large, the text is sent as UTF-8.
    static func insertAllBody(of event: Event) -> [UInt8]? {
        if let body = insertAllBody(of: event, form: .standard), body.count <= EventLimits.insertBytesMax {
            return body
        }
        let plain = JSONPythonForm(escapesNonASCII: false)
        guard let body = insertAllBody(of: event, form: plain), body.count <= EventLimits.insertBytesMax
        else {
            return nil
        }
        return body
    }

    private static func insertAllBody(of event: Event, form: JSONPythonForm) -> [UInt8]? {
        var text: [UInt8] = []
        text.reserveCapacity(event.message.data.count * 9 / 8 + 64)
        guard event.document.root.appendPythonText(to: &text, form: form, omitting: ["kind"]) else {
            return nil
        }
        let others = event.otherAttributesText(form)
        var writer = JSONWriter(capacity: text.count * 9 / 8 + others.count + 1_024)
        writer.beginObject()
        writer.key("rows")
        writer.beginArray()
        writer.beginObject()
        writer.member("insertId", bytes: event.insertID)
        writer.key("json")
        writer.beginObject()
        event.writeAttribute("datetime", to: &writer)
        event.writeAttribute("uuid", to: &writer)
        writer.member("kind", bytes: event.kindBytes)
        writer.member("event", bytes: text)
        writer.member("other_attributes", bytes: others)
        for column in attributeColumns { event.writeAttribute(column, to: &writer) }
        writer.member("backend", "GoogleCloudPubSub")
        writer.member("backend_metadata", bytes: event.backendMetadataText())
        writer.endObject()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        return writer.finish()
    }
}
