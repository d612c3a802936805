@testable import Functions
@testable import JSON
@testable import Net

/// What becomes of a request: message, event, row, Job, dead letter; and the files and tokens that are read.
enum FuzzEvent {
    /// Heads that lead into each of the five forms.
    private static let heads: [[(String, String)]] = [
        [("Content-Type", "application/json")],
        [("Content-Type", "application/cloudevents+json")],
        [
            ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t"), ("ce-specversion", "1.0"),
            ("Content-Type", "application/json"),
        ],
        [
            ("x-goog-pubsub-message-id", "7"), ("x-goog-pubsub-subscription-name", "s\u{E9}"),
            ("datetime", "2024"), ("uuid", "u"), ("parent", "a/b:1"), ("originator", "a/b:1"),
            ("sender", "a/b:1"),
            ("sender_type", "P\u{F1}"), ("sender_sdk_version", "1"), ("recipient", "a/c:1"),
            ("question_uuid", "q"),
            ("originator_question_uuid", "q"), ("x_other", "\\\""),
        ],
        [("Content-Type", "text/plain")],
    ]

    static func fields(_ lines: [(String, String)]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in lines {
            // Latin-1, so that bytes stand in it that are no UTF-8.
            let bytes = value.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
            check(fields.append(name: Array(name.utf8), value: bytes), "a field of the test's own")
        }
        return fields
    }

    /// A row and a Job are JSON that holds the event unchanged, whatever it is; a Job names its event; a
    /// refusal and a log line hold nothing of it.
    static func event(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let body = Array(input.dropFirst())
        let message: PubSubMessage
        do throws(NotAnEvent) {
            message = try CloudEvent.message(fields(heads[Int(first) % heads.count]), body: body)
        } catch {
            check(error.status == 400 || error.status == 415, "a request that is none is refused")
            return
        }
        if let letter = DeadLetter.message(of: message, requestBody: body, reason: "reason") {
            let size = letter.attributes.reduce(letter.data.count) { $0 + $1.name.count + $1.value.count }
            check(size <= EventLimits.messageBytesMax, "a dead letter that Pub/Sub takes")
            check(letter.attributes.count <= 100, "no more attributes than Pub/Sub takes")
        }
        do throws(MalformedEvent) {
            let event = try Event(message)
            checkRow(event)
            checkJob(event)
            let exception = ExceptionEvent.message(answering: event, reason: "reason")
            check(SlowJSON.accepts(exception.data), "an exception event is JSON")
        } catch {
            check(error.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "a reason is plain text")
        }
    }

    private static func checkRow(_ event: Event) {
        let body = required(Row.insertAllBody(of: event), "a small event has a row")
        check(SlowJSON.accepts(body), "a row is JSON: \(shown(body))")
        guard let root = try? JSONDocument(parsing: body).root,
            let row = root["rows"]?.elements.first(where: { _ in true }), let columns = row["json"]
        else { return check(false, "a row can be read") }
        check((row["insertId"]?.stringBytes?.count ?? 0) <= 4 * InsertID.bytesMax, "a short insertId")
        var text: [UInt8] = []
        check(event.document.root.appendPythonText(to: &text, omitting: ["kind"]), "the event's text")
        check(columns["event"]?.stringBytes == text, "the column holds the event's text")
        check(SlowJSON.accepts(text), "which is JSON itself")
        for name in ["other_attributes", "backend_metadata"] {
            check(SlowJSON.accepts(columns.member(named: name)?.stringBytes ?? []), "\(name) holds JSON")
        }
    }

    private static let settings: JobSettings = {
        let environment = Environment([
            "K_SERVICE": "event-handler", "GOOGLE_CLOUD_PROJECT": "p-1", "BIGQUERY_EVENTS_TABLE": "d.t",
            "TWINED_SERVICES_TOPIC_NAME": "twined", "KUBERNETES_SERVICE_ACCOUNT_NAME": "account",
            "KUBERNETES_CLUSTER_ID": "projects/p-1/locations/l/clusters/c",
            "KUEUE_LOCAL_QUEUE": "local-queue",
            "ARTIFACT_REGISTRY_REPOSITORY_URL": "europe-west1-docker.pkg.dev/p-1/services",
            "QUESTION_DEFAULT_CPUS": "1", "QUESTION_DEFAULT_MEMORY": "512Mi",
            "QUESTION_DEFAULT_EPHEMERAL_STORAGE": "1Gi",
        ])
        guard case .eventHandler(let own)? = try? Configuration(.eventHandler, environment: environment)
        else {
            preconditionFailure("the configuration is valid")
        }
        return JobSettings(own)
    }()

    private static func checkJob(_ event: Event) {
        guard let job = try? Job(of: event, settings: settings) else { return }
        check(SlowJSON.accepts(job.body), "a Job is JSON")
        guard let root = try? JSONDocument(parsing: job.body).root else { return }
        check(root["metadata"]?["name"]?.equals(text: job.name) ?? false, "a Job has its name")
        let containers = root["spec"]?["template"]?["spec"]?["containers"]
        let texts =
            containers?.elements.first { _ in true }?["args"]?.elements.map { $0.stringBytes ?? [] } ?? []
        check(texts.count >= 2 && texts[0].elementsEqual("--attributes".utf8), "the attributes come first")
        for text in texts {
            check(text.count <= EventLimits.argumentBytesMax, "an argument that Linux can execute")
            check(text.starts(with: "--".utf8) || SlowJSON.accepts(text), "an argument is JSON")
        }
        let owner = (try? JSONDocument(parsing: texts[1]).root)?["uuid"]?.stringBytes
        check(owner == job.eventUUID || hasReplacement(job), "a Job says whose it is")
    }

    /// A uuid that is no UTF-8, as a field of an unwrapped push may be, is replaced where text is written.
    private static func hasReplacement(_ job: Job) -> Bool {
        String(validating: job.eventUUID, as: UTF8.self) == nil
    }

    // MARK: Credentials

    private static let reasons = [
        "is not JSON", "is not a JSON object", "is missing", "is not a", "is not an", "has a", "is none of",
        "is nested", "has neither", "has both", "is neither", "does not end in", "is not https",
    ]

    /// A credentials file is read or refused with one line that names the field and never quotes a value.
    static func credentials(_ input: [UInt8]) {
        do throws(CredentialsError) {
            let credentials = try Credentials(parsing: input, file: "file")
            check(
                SlowJSON.accepts(input.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(input.dropFirst(3)) : input),
                "credentials are JSON")
            if let project = credentials.projectID { check(ProjectID(project) != nil, "a proven project") }
            if case .externalAccount(let account) = credentials.kind,
                case .url(let url, let fields) = account.source
            {
                checkURL(url)
                for index in 0..<fields.count {
                    check(!fields[index].value.contains { $0 < 0x20 && $0 != 0x09 }, "a value is one line")
                }
            }
        } catch {
            check(reasons.contains { error.reason.hasPrefix($0) }, "a reason of our own: \(error.reason)")
            check(error.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "one line of plain text")
        }
        _ = checkToken(input)
    }

    /// A token that was taken can stand in a field, whatever answer it came in.
    private static func checkToken(_ input: [UInt8]) -> Bool {
        let now = WallClock(seconds: 1_700_000_000)
        for token in [FetchedToken(answer: input), FetchedToken(impersonationAnswer: input, now: now)] {
            guard let token else { continue }
            check(token.bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a token is visible ASCII")
            var fields = HTTPFields()
            fields.append("Authorization", Array("Bearer ".utf8) + token.bytes)
        }
        return true
    }

    static func checkURL(_ url: AbsoluteURL) {
        check(url.target.first == UInt8(ascii: "/"), "a target begins with a slash")
        check(
            url.target.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") },
            "a target is sent as it is")
        let scheme = url.origin.scheme == .https ? "https" : "http"
        let again = AbsoluteURL(
            "\(scheme)://\(url.origin.hostField)\(String(decoding: url.target, as: UTF8.self))")
        check(again == url, "a URL reads as what it is")
    }

    // MARK: Push tokens

    /// A push token is taken apart only where all three parts are base64url, the head names RS256 and a key;
    /// the keys' lifetime is read or left out.
    static func pushToken(_ input: [UInt8]) {
        if let seconds = CacheControl.maxAgeSeconds(input[...]) {
            check(seconds < 1_000_000_000, "a lifetime")
        }
        let authorization = Array("Bearer ".utf8) + input
        guard let token = try? PushToken(authorization: authorization[...]) else { return }
        check(!token.keyID.isEmpty, "a token names its key")
        let parts = input.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        check(parts.count == 3, "a token has three parts")
        for part in parts {
            check(part.allSatisfy { ASCII.isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F }, "base64url alone")
        }
        guard let head = Base64URL.decode(parts[0]) else { return check(false, "a head can be decoded") }
        check(SlowJSON.accepts(head, depthMax: 8), "a head is JSON")
    }
}
