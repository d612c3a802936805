import JSON
import Net

/// A row that a request tried to insert.
struct RowAttempt {
    let insertId: String?
    let table: String
    let isAccepted: Bool
    let isDuplicate: Bool
    let errors: [RowError]
    let json: [UInt8]
}

/// One entry of `insertErrors[].errors`.
struct RowError: Equatable, Sendable {
    let reason: String
    let location: String
    let message: String
}

/// BigQuery v2: `tabledata.insertAll` with the events table's schema, `tables.get`,
/// `tables.testIamPermissions`.
@EventLoopActor
final class BigQuery: Service {
    /// The largest request that is taken, in bytes of its body.
    nonisolated static let requestBytesMax = 10_485_760
    static let rowsPerRequestMax = 50_000

    private let cloud: Cloud
    private var tables: [[UInt8]: String] = [:]
    private var tablesAreOf: [String] = []
    private(set) var attempts = NumberedQueue<RowAttempt>()
    private var attemptBytes = 0
    private var seen = RecentIdentifiers()
    private var everSeen = RecentIdentifiers()

    init(cloud: Cloud) { self.cloud = cloud }

    func reset() {
        attempts.removeAll()
        attemptBytes = 0
        seen = RecentIdentifiers()
        everSeen = RecentIdentifiers()
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard cloud.tokens.accepts(request) else { return .googleUnauthorized }
        let path = request.path
        if path.hasSuffix("/insertAll") {
            guard request.method == .post else { return .googleNoMethod }
            guard let table = table(at: path.dropLast(10)) else { return notFound(path.dropLast(10)) }
            return insertAll(request, into: table)
        }
        if path.hasSuffix(":testIamPermissions") {
            guard request.method == .post else { return .googleNoMethod }
            guard table(at: path.dropLast(19)) != nil else { return notFound(path.dropLast(19)) }
            return cloud.testPermissions(request)
        }
        guard request.method == .get else { return .googleNoMethod }
        guard let table = table(at: path) else { return notFound(path) }
        return describe(table)
    }

    // MARK: Tables

    private func table(at path: ArraySlice<UInt8>) -> String? {
        if tablesAreOf != cloud.settings.tables {
            tablesAreOf = cloud.settings.tables
            tables = Dictionary(
                tablesAreOf.map { (Array("/bigquery/v2/\($0)".utf8), $0) },
                uniquingKeysWith: { first, _ in first })
        }
        return tables[Array(path)]
    }

    private func notFound(_ path: ArraySlice<UInt8>) -> HTTPResponse {
        let parts = Target.segments(of: path).map { Target.decodedText($0) }
        guard parts.count == 8, parts[0] == "bigquery", parts[1] == "v2", parts[2] == "projects",
            parts[4] == "datasets", parts[6] == "tables"
        else { return .googleNoMethod }
        let known = cloud.settings.tables.contains {
            $0.hasPrefix("projects/\(parts[3])/datasets/\(parts[5])/")
        }
        let name = known ? "Table \(parts[3]):\(parts[5]).\(parts[7])" : "Dataset \(parts[3]):\(parts[5])"
        return .googleNotFound("Not found: \(name)")
    }

    private func describe(_ table: String) -> HTTPResponse {
        let parts = table.split(separator: "/")
        return .json(capacity: 2_048) { json in
            json.beginObject()
            json.member("kind", "bigquery#table")
            json.member("id", "\(parts[1]):\(parts[3]).\(parts[5])")
            json.key("tableReference")
            json.beginObject()
            json.member("projectId", String(parts[1]))
            json.member("datasetId", String(parts[3]))
            json.member("tableId", String(parts[5]))
            json.endObject()
            json.key("schema")
            json.beginObject()
            json.key("fields")
            json.beginArray()
            for column in EventsSchema.columns {
                json.beginObject()
                json.member("name", column.name)
                json.member("type", column.type.rawValue)
                json.member("mode", column.isRequired ? "REQUIRED" : "NULLABLE")
                json.endObject()
            }
            json.endArray()
            json.endObject()
            json.member("type", "TABLE")
            json.member("location", "europe-west1")
            json.endObject()
        }
    }

    // MARK: Inserting

    private func insertAll(_ request: HTTPRequest, into table: String) -> HTTPResponse {
        if request.body.count > Self.requestBytesMax {
            return BigQueryAnswers.tooLarge(status: cloud.settings.bigQueryTooLargeStatus)
        }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: request.body)
        } catch {
            return .googleError(400, "Parse Error", "INVALID_ARGUMENT", reason: "parseError")
        }
        guard document.root.isObject, let rows = document.root["rows"], rows.isArray, !rows.isEmpty else {
            return .googleInvalid("No rows present in the request.")
        }
        let ignoresUnknown = document.root["ignoreUnknownValues"]?.bool ?? false
        let skipsInvalid = document.root["skipInvalidRows"]?.bool ?? false
        var errors: [[RowError]] = []
        for row in rows.elements {
            guard let json = row["json"], json.isObject else {
                return .googleInvalid("Invalid value at 'rows[\(errors.count)].json': an object was expected")
            }
            errors.append(EventsSchema.errors(of: json, ignoresUnknown: ignoresUnknown))
        }
        guard errors.count <= Self.rowsPerRequestMax else {
            return .googleInvalid("too many rows present in the request, limit: 50000")
        }
        if !skipsInvalid, errors.contains(where: { !$0.isEmpty }) {
            let stopped = RowError(reason: "stopped", location: "", message: "")
            errors = errors.map { $0.isEmpty ? [stopped] : $0 }
        }
        for (row, found) in zip(rows.elements, errors) { take(row, of: table, errors: found) }
        return BigQueryAnswers.inserted(errors)
    }

    private func take(_ row: JSONDocument.Value, of table: String, errors: [RowError]) {
        let insertId = row["insertId"].flatMap { $0.string }
        let isAccepted = errors.isEmpty
        cloud.counters.add(to: .rowsAttempts)
        cloud.counters.add(to: isAccepted ? .rowsAccepted : .rowsRejected)
        var isDuplicate = false
        if isAccepted {
            let key = "\(table)\n\(insertId ?? "")"
            let now = EventLoop.shared.nowNanoseconds
            let lifetime = UInt64(cloud.settings.deduplicationSeconds) * 1_000_000_000
            if insertId != nil {
                isDuplicate = seen.contains(key, since: now > lifetime ? now - lifetime : 0)
                if !isDuplicate { seen.insert(key, at: now) }
            }
            if insertId == nil || !everSeen.contains(key, since: 0) {
                if insertId != nil { everSeen.insert(key, at: now) }
                cloud.counters.add(to: .rowsDistinct)
            }
        }
        guard cloud.settings.isRecording, let json = row["json"] else { return }
        attempts.append(
            RowAttempt(
                insertId: insertId, table: table, isAccepted: isAccepted, isDuplicate: isDuplicate,
                errors: errors,
                json: Array(json.document.source[json.rawRange])))
        attemptBytes += json.rawRange.count
        while attempts.count > cloud.settings.recordedRequestsMax
            || attemptBytes > cloud.settings.recordedBytesMax
        {
            guard let dropped = attempts.removeFirst() else { break }
            attemptBytes -= dropped.json.count
        }
    }
}

/// BigQuery's answers, apart from its state.
enum BigQueryAnswers {
    /// The answer to a request over the limit, in either of its recorded forms.
    static func tooLarge(status: Int) -> HTTPResponse {
        if status == 400 {
            return .googleError(
                400, "Request payload size exceeds the limit: \(BigQuery.requestBytesMax) bytes.",
                "INVALID_ARGUMENT",
                reason: "badRequest")
        }
        var response = HTTPResponse(
            status: 413,
            body: Array(
                ("<!DOCTYPE html>\n<title>Error 413 (Request Entity Too Large)!!1</title>\n"
                    + "<p>Your client issued a request that was too large.\n").utf8))
        response.fields.append("Content-Type", "text/html; charset=UTF-8")
        return response
    }

    /// The answer to insertAll with what was wrong with each row.
    static func inserted(_ errors: [[RowError]]) -> HTTPResponse {
        .json { json in
            json.beginObject()
            json.member("kind", "bigquery#tableDataInsertAllResponse")
            if errors.contains(where: { !$0.isEmpty }) { write(errors, to: &json) }
            json.endObject()
        }
    }

    private static func write(_ errors: [[RowError]], to json: inout JSONWriter) {
        json.key("insertErrors")
        json.beginArray()
        for (index, found) in errors.enumerated() where !found.isEmpty {
            json.beginObject()
            json.member("index", index)
            json.key("errors")
            json.beginArray()
            for error in found {
                json.beginObject()
                json.member("reason", error.reason)
                json.member("location", error.location)
                json.member("debugInfo", "")
                json.member("message", error.message)
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
        json.endArray()
    }
}

/// The newest identifiers with the time each was taken in; the oldest are forgotten beyond a ceiling.
struct RecentIdentifiers {
    private static let generationMax = 100_000
    private var young: [String: UInt64] = [:]
    private var old: [String: UInt64] = [:]

    mutating func insert(_ identifier: String, at time: UInt64) {
        if young.count >= Self.generationMax {
            old = young
            young = [:]
        }
        young[identifier] = time
    }

    func contains(_ identifier: String, since time: UInt64) -> Bool {
        guard let taken = young[identifier] ?? old[identifier] else { return false }
        return taken >= time
    }
}

extension ArraySlice<UInt8> {
    func hasSuffix(_ suffix: StaticString) -> Bool {
        count >= suffix.utf8CodeUnitCount && self[(endIndex - suffix.utf8CodeUnitCount)...].equals(suffix)
    }
}
