import JSON
import Net

@testable import Functions

/// What the services do, and what they hold.
extension World {
    private static let collection = "/apis/batch/v1/namespaces/default/jobs"

    // MARK: Recognising

    /// Which call a request is; nil where it is none of the known forms, byte for byte.
    func recognise(_ request: HTTPRequest, _ origin: Origin) -> KnownRequest? {
        let target = String(decoding: request.target, as: UTF8.self)
        let hasToken = request.fields["authorization"] != nil
        if origin.scheme == .http {
            guard origin.host == "169.254.169.254", origin.port == 80, request.method == .get, !hasToken,
                request.body.isEmpty, request.fields["metadata-flavor"]?.equals("Google") ?? false
            else { return nil }
            let scope = "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
            switch target {
            case "/computeMetadata/v1/instance/service-accounts/default/token?scopes=\(scope)":
                return KnownRequest(call: .token)
            case "/computeMetadata/v1/project/project-id": return KnownRequest(call: .project)
            default: return nil
            }
        }
        guard hasToken, origin.port == 443 else { return nil }
        if case .certificateAuthority = origin.trust { return recogniseCluster(request, target) }
        switch (request.method, origin.host, target) {
        case (.post, "bigquery.googleapis.com", let target)
        where target == "/bigquery/v2/projects/p-1/datasets/d/tables/t/insertAll?prettyPrint=false":
            return KnownRequest(call: .insert)
        case (.get, "container.googleapis.com", let target)
        where target.utf8.starts(with: "/v1/projects/p-1/locations/l/clusters/c?fields=endpoint,".utf8):
            return KnownRequest(call: .cluster)
        case (.post, "pubsub.googleapis.com", "/v1/projects/p-1/topics/twined:publish"):
            return KnownRequest(call: .tell)
        case (.post, "pubsub.googleapis.com", "/v1/projects/p-1/topics/dead:publish"):
            return KnownRequest(call: .bury)
        default: return nil
        }
    }

    private func recogniseCluster(_ request: HTTPRequest, _ target: String) -> KnownRequest? {
        if request.method == .post, target == Self.collection { return KnownRequest(call: .create) }
        let prefix = Self.collection + "/question-"
        let uuid = target.utf8.dropFirst(prefix.utf8.count)
        guard target.utf8.starts(with: prefix.utf8), !uuid.isEmpty,
            uuid.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D })
        else { return nil }
        let name = "question-" + String(decoding: Array(uuid), as: UTF8.self)
        switch request.method {
        case .get where request.body.isEmpty: return KnownRequest(call: .read, jobName: name)
        case .delete where request.body.equals(#"{"propagationPolicy":"Background"}"#):
            return KnownRequest(call: .delete, jobName: name)
        default: return nil
        }
    }

    // MARK: Acting

    /// Does what a request asks. Returns the name of the answer, as the table has it, and the answer.
    func act(_ known: KnownRequest, _ request: HTTPRequest, _ delivery: Delivery?) -> (String, HTTPResponse) {
        let now = EventLoop.shared.nowNanoseconds
        if !known.call.isMetadata {
            guard let isAccepted = tokens.accepts(request.fields["authorization"], now: now) else {
                violate("\(known.call.title): a token that was never issued")
                return ("401", HTTPResponse(status: 401))
            }
            if !isAccepted {
                meetTrouble(known.call, isAboutToken: true)
                return ("401", HTTPResponse(status: 401, body: Array("{}".utf8)))
            }
        }
        let answer =
            switch known.call {
            case .token, .project: metadata(known.call, now)
            case .insert: insert(request.body)
            case .cluster: describeCluster(now)
            case .create: create(request.body, now)
            case .read: read(known.jobName ?? "", delivery)
            case .delete: delete(known.jobName ?? "")
            case .tell: tell(request.body)
            case .bury: bury(request.body)
            }
        transcript.note(
            3, known.call.rawValue, answer.1.status, text: "    \(known.call.title) does it: \(answer.0)")
        return answer
    }

    private func json(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, body: Array(text.utf8))
    }

    private func metadata(_ call: Call, _ now: UInt64) -> (String, HTTPResponse) {
        var response: HTTPResponse
        if call == .project {
            response = json(200, "p-1")
        } else {
            let token = tokens.current(lifetimeSeconds: setting.tokenLifetimeSeconds, now: now)
            response = json(
                200,
                #"{"access_token":"\#(token.text)","expires_in":\#(token.seconds),"token_type":"Bearer"}"#)
        }
        response.fields.append("Metadata-Flavor", Array("Google".utf8))
        return ("200", response)
    }

    private func describeCluster(_ now: UInt64) -> (String, HTTPResponse) {
        let place = places.told(now: now)
        let authority = String(decoding: Base64.encode(Array(place.authority.utf8)), as: UTF8.self)
        return (
            "200",
            json(
                200, #"{"endpoint":"\#(place.host)","masterAuth":{"clusterCaCertificate":"\#(authority)"}}"#)
        )
    }

    // MARK: BigQuery

    private func insert(_ body: [UInt8]) -> (String, HTTPResponse) {
        let stored = json(200, #"{"kind":"bigquery#tableDataInsertAllResponse"}"#)
        guard let document = try? JSONDocument(parsing: body), let row = document.root["rows"]?.onlyElement,
            let insertID = row["insertId"]?.stringBytes, let json = row["json"],
            let uuid = json["uuid"]?.string
        else {
            violate("an insertAll request is not one row")
            return ("200 row invalid", self.json(400, "{}"))
        }
        if let refusal = rowRefusals[uuid] { return refused(refusal) }
        checkRow(uuid, insertID, json)
        insertIDs[uuid, default: []].insert(insertID)
        let content = Self.content(of: body)
        if let known = self.rows[insertID] {
            if known.content != content { violate("the row of event \(uuid) is another than before") }
            return ("200 stored already", stored)
        }
        self.rows[insertID] = StoredRow(uuid: uuid, content: content)
        ledger.rows += 1
        return ("200 stored", stored)
    }

    private func refused(_ refusal: RowRefusal) -> (String, HTTPResponse) {
        switch refusal {
        case .invalid:
            (
                "200 row invalid",
                json(200, #"{"insertErrors":[{"index":0,"errors":[{"reason":"invalid","message":"no"}]}]}"#)
            )
        case .payloadTooLarge:
            (
                "400 payload too large",
                json(400, #"{"error":{"message":"Request payload size exceeds the limit: 10485760 bytes."}}"#)
            )
        case .contentTooLarge: ("413", json(413, "<html>"))
        }
    }

    /// What is the same for every message of an event: all that stands before the backend's own data.
    private static func content(of body: [UInt8]) -> [UInt8] {
        let mark = Array(#""backend":"#.utf8)
        guard let start = body.indices.last(where: { body[$0...].starts(with: mark) }) else { return body }
        return Array(body[..<start])
    }

    private func checkRow(_ uuid: String, _ insertID: [UInt8], _ row: JSONDocument.Value) {
        guard let messages = messagesByUUID[uuid], messages[0].isStorable else {
            return violate("a row is stored that no event has: uuid \(uuid)")
        }
        if !insertID.elementsEqual(uuid.utf8) { violate("event \(uuid) has the insertId of something else") }
        let metadata = row["backend_metadata"]?.stringBytes ?? []
        let isKnown = messages.contains { metadata.starts(with: Array("{\"message_id\": \"\($0.id)\"".utf8)) }
        if !isKnown { violate("the row of event \(uuid) names a message of another event") }
        let message = messages[0]
        if !(row["kind"]?.equals(text: message.kind) ?? false) {
            violate("the row of event \(uuid) has another kind")
        }
        if !(row["question_uuid"]?.equals(text: message.questionUUID) ?? false) {
            violate("the row of event \(uuid) has another question")
        }
    }

    // MARK: The cluster

    private func create(_ body: [UInt8], _ now: UInt64) -> (String, HTTPResponse) {
        guard let document = try? JSONDocument(parsing: body),
            let name = document.root["metadata"]?["name"]?.string,
            let uuid = Kubernetes.eventUUID(inJob: body).map({ String(decoding: $0, as: UTF8.self) })
        else {
            violate("a Job without a name or an event's uuid is asked for")
            return ("422", json(422, "{}"))
        }
        let question = String(decoding: Array(name.utf8.dropFirst("question-".utf8.count)), as: UTF8.self)
        let askers = questions[question] ?? []
        if name != "question-\(question)" || !askers.contains(where: { $0.uuid == uuid }) {
            violate("a Job \(name) for event \(uuid), which is no question of that name")
        }
        if insertIDs[uuid] == nil { violate("a Job for event \(uuid) is asked for before its row is stored") }
        if let status = jobRefusals[question] {
            return ("\(status)", json(status, #"{"kind":"Status","message":"Job is invalid"}"#))
        }
        if askers.contains(where: { $0.fate != .dispatched }) {
            violate("a Job for question \(question), which can have none")
        }
        if jobs[name] != nil {
            return ("409 AlreadyExists", json(409, #"{"kind":"Status","reason":"AlreadyExists"}"#))
        }
        jobs[name] = StoredJob(eventUUID: uuid, body: body, createdNanoseconds: now)
        creations[name, default: 0] += 1
        ledger.jobs += 1
        return ("201", HTTPResponse(status: 201, body: body))
    }

    private func read(_ name: String, _ delivery: Delivery?) -> (String, HTTPResponse) {
        if setting.readIsForbidden { return ("403 forbidden", json(403, #"{"kind":"Status"}"#)) }
        guard let job = jobs[name] else { return ("404", json(404, #"{"kind":"Status"}"#)) }
        let isOwn = job.eventUUID == delivery?.message.uuid
        delivery?.readOwner = job.eventUUID
        return (isOwn ? "200 own" : "200 another event's", HTTPResponse(status: 200, body: job.body))
    }

    private func delete(_ name: String) -> (String, HTTPResponse) {
        guard jobs.removeValue(forKey: name) != nil else { return ("404", json(404, #"{"kind":"Status"}"#)) }
        deletions[name, default: 0] += 1
        return ("200", json(200, #"{"kind":"Status","status":"Success"}"#))
    }
}
