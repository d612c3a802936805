import JSON

@testable import LocalCloud
@testable import Net

/// A local cloud on ports of its own, and a client that talks to it.
@EventLoopActor
final class RunningCloud {
    let cloud: LocalCloud
    private let client = HTTPClient()
    private let control: Origin

    struct Answer: Sendable {
        let status: Int
        let body: String
        let json: JSONDocument.Value?
    }

    init() throws {
        // One folder for all: the tests read no file, and the process ends before all of them have closed.
        var options = LocalCloudOptions()
        options.directory = "/tmp/local-cloud-tests"
        cloud = try LocalCloud(options: options)
        try cloud.start()
        control = Origin(
            scheme: .http, host: "127.0.0.1", port: cloud.readiness.ports[.control] ?? 0)
    }

    isolated deinit {
        let cloud = cloud
        EventLoop.shared.start { await cloud.close() }
    }

    func origin(of service: ServiceName) -> Origin {
        let pem =
            service == .kubernetes
            ? cloud.certificates.clusterAuthority.certificatePEM
            : cloud.certificates.publicAuthority.certificatePEM
        return Origin(
            scheme: service.isSecure ? .https : .http, host: "127.0.0.1",
            port: cloud.readiness.ports[service] ?? 0,
            trust: .certificateAuthority(CertificateAuthority(pem: pem)))
    }

    /// Asks a service, with the token that is accepted at start.
    func ask(
        _ service: ServiceName, _ method: HTTPMethod, _ target: String, _ body: String = "",
        token: String = "ya29.local-1"
    ) async throws(HTTPClientError) -> Answer {
        var fields = HTTPFields()
        fields.append("Authorization", "Bearer \(token)")
        fields.append("Content-Type", "application/json")
        return try await send(method, target, fields, body, to: origin(of: service))
    }

    /// Asks the control port; POST with a body, GET without.
    func control(_ target: String, _ body: String? = nil) async throws(HTTPClientError) -> Answer {
        try await send(body == nil ? .get : .post, target, HTTPFields(), body ?? "", to: control)
    }

    private func send(
        _ method: HTTPMethod, _ target: String, _ fields: HTTPFields, _ body: String, to origin: Origin
    ) async throws(HTTPClientError) -> Answer {
        let response = try await client.send(
            HTTPRequest(method: method, target: Array(target.utf8), fields: fields, body: Array(body.utf8)),
            to: origin, deadline: .after(milliseconds: 5_000))
        return Answer(
            status: response.status, body: String(decoding: response.body, as: UTF8.self),
            json: (try? JSONDocument(parsing: response.body))?.root)
    }

    /// A question's Job, as small as it can be.
    nonisolated static func job(_ name: String) -> String {
        #"{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"\#(name)"},"spec":{"template":{"spec":"#
            + #"{"containers":[{"name":"\#(name)","image":"a/b:1","args":["--attributes","{}"]}],"#
            + #""restartPolicy":"Never"}}}}"#
    }

    nonisolated static let jobs = "/apis/batch/v1/namespaces/default/jobs"
    nonisolated static let insertAll =
        "/bigquery/v2/projects/demo-project/datasets/octue_twined/tables/service-events/insertAll"

    /// A row that the events table takes, with other members in place of some.
    nonisolated static func row(insertId: String, replacing: [String: String] = [:], adding: String = "")
        -> String
    {
        var members = [
            "datetime": #""2024-04-11T09:26:39.144818+00:00""#, "event": #""{}""#,
            "other_attributes": #""{}""#,
            "backend_metadata": #""{}""#,
        ]
        for name in [
            "uuid", "kind", "originator", "parent", "sender", "sender_type", "sender_sdk_version",
            "recipient",
            "originator_question_uuid", "question_uuid", "backend",
        ] { members[name] = #""x""# }
        for (name, value) in replacing { members[name] = value }
        let text = members.sorted { $0.key < $1.key }.map { #""\#($0.key)":\#($0.value)"# }.joined(
            separator: ",")
        return #"{"rows":[{"insertId":"\#(insertId)","json":{\#(text)\#(adding)}}]}"#
    }
}
