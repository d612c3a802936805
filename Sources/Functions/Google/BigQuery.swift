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
        case failed(CallFailure)
    }

    private let table: TableID
    private let project: ProjectLookup
    private let api: GoogleAPI
    /// The request's target, once the project is known.
    private var knownTarget: [UInt8]?

    init(table: TableID, project: ProjectLookup, api: GoogleAPI) {
        self.table = table
        self.project = project
        self.api = api
    }

    /// Opens a connection and finds out the project, so that an event that follows finds both.
    func prepare(deadline: Deadline) async {
        EventLoop.shared.start { [self] in _ = try? await target(deadline: deadline) }
        await api.prepare(deadline: deadline)
    }

    /// Stores the row of `event`, under the same insertId for ever. `meanwhile` is called each time the row
    /// is on its way.
    @inline(__always)  // Called in one place: a function that can suspend has a frame of its own.
    func insert(
        _ event: Event, deadline: Deadline, context: LogContext, meanwhile: () -> Void = {}
    ) async -> Insertion {
        guard let body = Row.insertAllBody(of: event) else {
            return .impossible("the row would be over \(EventLimits.insertBytesMax) bytes")
        }
        let target: [UInt8]
        if let knownTarget {
            target = knownTarget
        } else {
            do throws(TokenError) {
                target = try await self.target(deadline: deadline)
            } catch {
                return .failed(CallFailure(error))
            }
        }
        let result = await api.caller.call(
            .bigQuery, at: api.origin, deadline: deadline, token: api.token, context: context,
            meanwhile: meanwhile
        ) { authorization in
            self.api.request(.post, target, body: body, authorization: authorization)
        }
        switch result.reaction {
        case .done: return .stored
        case .cannotBeStored:
            guard result.status == 200 else { return .impossible("BigQuery finds the request too large") }
            let column = result.response.flatMap { RowError(inAnswer: $0.body)?.column }
            return .impossible("BigQuery finds the row invalid" + (column.map { ": see \($0)" } ?? ""))
        default: return .failed(CallFailure(result))
        }
    }
}

extension BigQuery {
    /// The table's own project goes before the program's.
    private func target(deadline: Deadline) async throws(TokenError) -> [UInt8] {
        if let knownTarget { return knownTarget }
        let project =
            if let own = table.project?.text { own } else { try await project.value(deadline: deadline) }
        let path =
            "/bigquery/v2/projects/\(project)/datasets/\(table.dataset)/tables/\(table.table)/insertAll"
        let target = Array("\(path)?prettyPrint=false".utf8)
        knownTarget = target
        return target
    }
}

/// Why BigQuery did not take a row: the first error of an answer to insertAll, without its message, which
/// repeats what was sent.
///
/// https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll#response-body
struct RowError {
    private static let nameBytesMax = 64
    private let reason: String
    /// The column that it is about.
    let column: String?

    /// Nil where there is none.
    init?(inAnswer body: [UInt8]) {
        guard let rows = try? JSONDocument(parsing: body).root["insertErrors"]?.elements,
            let error = rows.first(where: { _ in true })?["errors"]?.elements.first(where: { _ in true }),
            let reason = Self.name(error["reason"])
        else { return nil }
        self.reason = reason
        column = Self.name(error["location"])
    }

    /// For a line of the log.
    var text: [UInt8] { Array((column.map { "\(reason): \($0)" } ?? reason).utf8) }

    /// A name: of letters, digits, points and underscores. Anything else may be what was sent.
    private static func name(_ value: JSONDocument.Value?) -> String? {
        guard let bytes = value?.stringBytes, (1...nameBytesMax).contains(bytes.count),
            bytes.allSatisfy({ ASCII.isAlphanumeric($0) || "._".utf8.contains($0) })
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An event's row, as the network's table has it.
enum Row {
    /// Columns that hold an attribute as it came; one that is absent is left out (only `parent_question_uuid`
    /// can be).
    private static let attributeColumns: [AttributeName] = [
        .parent, .originator, .sender, .senderType, .senderSDKVersion, .recipient, .questionUUID,
        .parentQuestionUUID, .originatorQuestionUUID,
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
        let attributes = event.message.attributes
        let form = form.insideString
        var body: [UInt8] = []
        body.reserveCapacity(event.message.data.count * 5 / 4 + 2_048)
        body.append(literal: #"{"rows":[{"insertId":"#)
        JSONEscaping.appendString(event.insertID, to: &body, form: .utf8)
        body.append(literal: #","json":{"datetime":"#)
        JSONEscaping.appendString(event.attribute(.datetime), to: &body, form: .utf8)
        attributes.appendMember(.uuid, to: &body)
        JSONEscaping.appendMember("kind", event.kindBytes, to: &body, form: .utf8)
        body.append(literal: #","event":""#)
        guard event.document.root.appendPythonText(to: &body, form: form, omitting: ["kind"]) else {
            return nil
        }
        body.append(literal: #"","other_attributes":""#)
        attributes.appendPythonText(to: &body, form: form, omittingColumns: true)
        body.append(UInt8(ascii: "\""))
        for column in attributeColumns { attributes.appendMember(column, to: &body) }
        body.append(literal: #","backend":"GoogleCloudPubSub","backend_metadata":"{\"message_id\": "#)
        appendInnerString(event.message.messageID, to: &body)
        body.append(literal: #", \"ordering_key\": "#)
        appendInnerString(event.message.orderingKey, to: &body)
        body.append(literal: #"}"}}]}"#)
        return body
    }

    /// Appends a string of Python's, or `null`, as it stands inside a string.
    private static func appendInnerString(_ value: ArraySlice<UInt8>?, to body: inout [UInt8]) {
        guard let value else { return body.append(literal: "null") }
        JSONPythonText.appendString(value, to: &body, form: JSONPythonForm.standard.insideString)
    }
}
