import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Stores every event, starts questions and ends those that are cancelled.
struct EventHandler: Sendable {
    private let google: Google
    private let cluster: Cluster
    private let jobs: JobSettings
    private let table: Table
    private let eventSeconds: Int

    init?(_ settings: inout Settings) {
        google = Google(settings)
        cluster = Cluster(&settings, google: google)
        jobs = JobSettings(&settings)
        table = Table(&settings, google: google)
        eventSeconds = settings.eventSeconds
        guard settings.problems.isEmpty else { return nil }
        warmUp()
    }

    /// Fetches beforehand what the first event would wait for. What fails is tried again by that event.
    private func warmUp() {
        let deadline = NIODeadline.now() + .seconds(Int64(eventSeconds))
        Task {
            do {
                _ = try await table.insertAllURL(deadline: deadline)
                try await cluster.prepare(deadline: deadline)
            } catch {
                LogLine(severity: "WARNING", message: "not warmed up", reason: "\(error)").write()
            }
        }
    }

    func handle(_ request: Request) async throws -> Response {
        let start = NIODeadline.now()
        let body = try await request.body.collect(upTo: Limits.bodyBytes)
        var line = LogLine(severity: "INFO", message: "event handled")
        line.trace = HTTPField.Name("traceparent").flatMap { request.headers[$0] }
        let status: HTTPResponse.Status
        do {
            let event = try Event(body: body)
            line.event = event["uuid"]
            line.kind = event.kind
            line.question = event["question_uuid"]
            let work = try Work(event, jobs)
            line.outcome = try await perform(work, start + .seconds(Int64(eventSeconds)))
            status = .ok
        } catch {
            line.severity = "ERROR"
            line.message = "event not handled"
            line.reason = "\(error)"
            status = error is Unusable ? .badRequest : .serviceUnavailable
        }
        line.milliseconds = Double((NIODeadline.now() - start).nanoseconds) / 1e6
        line.write()
        return status == .ok
            ? answer(.ok, "OK", type: "text/html; charset=utf-8")
            : answer(status, "The event was not handled.\n")
    }

    /// What is to be done for an event, made ready before anything is sent.
    private struct Work: Sendable {
        enum Then: Sendable {
            case nothing
            case create(Data)
            case cannotDispatch(String)
            case delete(question: String)
        }

        let row: Data
        let then: Then

        init(_ event: Event, _ jobs: JobSettings) throws {
            row = try event.insertAllBody()
            switch event.kind {
            case "question":
                do {
                    then = .create(try encode(Job(of: event, jobs)))
                } catch let error as Unusable {
                    then = .cannotDispatch(error.description)
                }
            case "cancellation" where isQuestionUUID(event["question_uuid"]):
                then = .delete(question: event["question_uuid"])
            default: then = .nothing
            }
        }
    }

    private func perform(_ work: Work, _ deadline: NIODeadline) async throws -> String {
        try await store(work.row, deadline)
        switch work.then {
        case .nothing: return "stored"
        case .cannotDispatch(let reason): return "stored; not dispatchable: \(reason)"
        case .create(let job):
            try await cluster.create(job, deadline: deadline)
            return "dispatched"
        case .delete(let question):
            try await cluster.delete(question: question, deadline: deadline)
            return "cancelled"
        }
    }

    private struct NotStored: Error {}

    private func store(_ row: Data, _ deadline: NIODeadline) async throws {
        let url = try await table.insertAllURL(deadline: deadline)
        let body = try await google.call(.POST, url, body: row, deadline: deadline)
        guard let failures = try JSONDecoder().decode(InsertAllAnswer.self, from: body).insertErrors,
            !failures.isEmpty
        else { return }
        if failures.contains(where: { $0.errors?.contains { $0.reason == "invalid" } == true }) {
            throw Unusable(description: "BigQuery finds the row invalid")
        }
        throw NotStored()
    }
}

/// Where rows go. Its project may have to be asked for.
actor Table {
    private let google: Google
    private let endpoint: String
    private let parts: [Substring]
    private var url: String?
    private var project: String?

    init(_ settings: inout Settings, google: Google) {
        self.google = google
        endpoint = settings.endpoint("bigquery")
        parts = settings.required("BIGQUERY_EVENTS_TABLE").split(separator: ".")
        project = settings.optional("GOOGLE_CLOUD_PROJECT") ?? settings.optional("GCLOUD_PROJECT")
        switch parts.count {
        case 2: break
        case 3: project = String(parts[0])
        default: settings.refuse("BIGQUERY_EVENTS_TABLE is no <dataset>.<table>")
        }
    }

    func insertAllURL(deadline: NIODeadline) async throws -> String {
        if let url { return url }
        if project == nil {
            project = String(buffer: try await google.metadata("project/project-id", deadline: deadline))
        }
        let name = "datasets/\(parts[parts.count - 2])/tables/\(parts[parts.count - 1])"
        let found = "\(endpoint)/bigquery/v2/projects/\(project ?? "")/\(name)/insertAll?prettyPrint=false"
        url = found
        return found
    }
}

func answer(
    _ status: HTTPResponse.Status, _ text: String, type: String = "text/plain; charset=utf-8"
) -> Response {
    Response(status: status, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: text)))
}
