import JSON
import Net

/// What the control port sets about the cluster's inside.
struct KubernetesState {
    var namespaces: Set<String> = ["default", "kube-system", "kueue-system"]
    var quotas: [String: Int] = [:]
    /// `verb resource`, for example `create jobs`.
    var denied: Set<String> = []
    var serviceAccounts: Set<String> = ["default", "main-octue-twined-kubernetes-service-account"]
    var localQueues: Set<String> = ["local-queue"]
    /// LocalQueues whose ClusterQueue admits nothing.
    var inactiveLocalQueues: Set<String> = []
    var priorityClasses: Set<String> = []
    /// The version of Kueue's API; nil: it is not installed.
    var kueueVersion: String? = "v1beta2"
    var user: String
}

/// The Kubernetes API server, as far as Jobs go (batch/v1), in the words of the recorded one.
@EventLoopActor
final class KubernetesAPI: Service {
    static let bodyBytesMax = 3_145_728
    private static let compressedAboveBytes = 131_072
    private static let preservedWarning =
        "299 - \"child pods are preserved by default when jobs are deleted; set "
        + "propagationPolicy=Background to "
        + "remove them or set propagationPolicy=Orphan to suppress this warning\""

    private let cloud: Cloud
    let jobs: JobStore
    var state: KubernetesState

    init(cloud: Cloud) {
        self.cloud = cloud
        jobs = JobStore(cloud: cloud)
        state = Self.initialState(cloud)
    }

    static func initialState(_ cloud: Cloud) -> KubernetesState {
        KubernetesState(user: "service-account@\(cloud.project).iam.gserviceaccount.com")
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let user: String
        switch cloud.tokens.standing(of: request) {
        case .valid: user = state.user
        case .missing: user = "system:anonymous"
        case .invalid: return KubernetesStatus.unauthorized
        }
        let segments = Target.segments(of: request.path)
        guard let first = segments.first, !first.isEmpty else { return KubernetesStatus.noSuchPage }
        if segments.count >= 6, segments.count <= 7, first.equals("apis"), segments[1].equals("batch"),
            segments[2].equals("v1"), segments[3].equals("namespaces"), segments[5].equals("jobs")
        {
            let namespace = Target.decodedText(segments[4])
            let name = segments.count == 7 ? Target.decode(segments[6]) : []
            let answer = answerJobs(request, namespace: namespace, name: name, user: user)
            return Self.compressed(answer, for: request)
        }
        return KubernetesDiscovery.answer(request, segments, state: state, user: user)
    }

    private func answerJobs(
        _ request: HTTPRequest, namespace: String, name: [UInt8], user: String
    ) -> HTTPResponse {
        guard Self.isAcceptable(request) else { return KubernetesStatus.notAcceptable }
        if name.contains(UInt8(ascii: "/")) { return KubernetesStatus.noSuchResource }
        let text = String(decoding: name, as: UTF8.self)
        if text == "." || text == ".." {
            return KubernetesStatus.badRequest(
                "Name parameter invalid: \(FieldError.quoted(text)): may not be '\(text)'")
        }
        let verb: String
        switch request.method {
        case .post where name.isEmpty: verb = "create"
        case .get: verb = name.isEmpty ? "list" : "get"
        case .delete: verb = name.isEmpty ? "deletecollection" : "delete"
        default: return KubernetesStatus.methodNotAllowed
        }
        if user == "system:anonymous" || state.denied.contains("\(verb) jobs")
            || (verb == "deletecollection" && state.denied.contains("delete jobs"))
        {
            return KubernetesStatus.forbidden(
                user: user, verb: verb, resource: "jobs", group: "batch", namespace: namespace, name: text)
        }
        switch verb {
        case "create": return create(request, in: namespace)
        case "get": return get(text, in: namespace)
        case "list": return list(request, in: namespace)
        case "delete": return delete(request, text, in: namespace)
        default: return deleteAll(request, in: namespace)
        }
    }

    // MARK: Reading

    private func get(_ name: String, in namespace: String) -> HTTPResponse {
        guard let job = jobs.job(name, in: namespace) else { return KubernetesStatus.notFound(name) }
        return KubernetesStatus.object(200, job.text.write())
    }

    private func list(_ request: HTTPRequest, in namespace: String) -> HTTPResponse {
        var found = jobs.all(in: namespace)
        if let selector = Target.parameter("labelSelector", of: request) {
            for term in selector.split(separator: ",") {
                let parts = term.split(separator: "=").map(String.init)
                found = found.filter { job in
                    job.text.job.labels.contains {
                        $0.name == parts[0] && (parts.count < 2 || $0.value == parts[1])
                    }
                }
            }
        }
        if let selector = Target.parameter("fieldSelector", of: request), selector.hasPrefix("metadata.name=")
        {
            let name = selector.dropFirst("metadata.name=".count)
            found = found.filter { $0.name == name.drop { $0 == "=" } }
        }
        if let limit = Target.parameter("limit", of: request).flatMap(Int.init), limit > 0 {
            found = Array(found.prefix(limit))
        }
        return KubernetesStatus.object(200, listText(found.map { $0.text.write(isListItem: true) }))
    }

    private func listText(_ items: [[UInt8]]) -> [UInt8] {
        var json = JSONWriter(capacity: items.reduce(256) { $0 + $1.count })
        json.beginObject()
        json.member("kind", "JobList")
        json.member("apiVersion", "batch/v1")
        json.key("metadata")
        json.beginObject()
        json.member("resourceVersion", String(jobs.resourceVersion))
        json.endObject()
        json.key("items")
        json.beginArray()
        for item in items { json.raw(item) }
        json.endArray()
        json.endObject()
        return json.finish()
    }

    // MARK: Creating

    private func create(_ request: HTTPRequest, in namespace: String) -> HTTPResponse {
        guard Self.hasAcceptedType(request) else { return KubernetesStatus.unsupportedMediaType }
        if request.body.count > Self.bodyBytesMax { return KubernetesStatus.tooLarge }
        let document: JSONDocument
        switch KubernetesBody.parse(request.body) {
        case .document(let parsed): document = parsed
        case .refused(let why): return refused(KubernetesStatus.badRequest(why))
        }
        let job: JobBody
        do throws(DecodingFailure) {
            job = try JobReader.read(document.root)
        } catch {
            return refused(KubernetesStatus.cannotBeHandled(error.message))
        }
        if let refusal = refusal(of: job, request, in: namespace) { return refused(refusal) }
        return store(job, request, in: namespace)
    }

    private func refused(_ response: HTTPResponse) -> HTTPResponse {
        cloud.counters.add(to: .jobsInvalid)
        return response
    }

    /// In the order of a real server: what the object is, its namespace, its fields.
    private func refusal(of job: JobBody, _ request: HTTPRequest, in namespace: String) -> HTTPResponse? {
        if !job.apiVersion.isEmpty, job.apiVersion != "batch/v1" {
            let version = job.apiVersion.split(separator: "/").last.map(String.init) ?? ""
            return KubernetesStatus.cannotBeHandled(
                version: version,
                "no kind \(FieldError.quoted(job.kind)) is registered for version "
                    + "\(FieldError.quoted(job.apiVersion)) in scheme \"pkg/api/legacyscheme/scheme.go:30\"")
        }
        if !job.kind.isEmpty, job.kind != "Job" {
            return KubernetesStatus.cannotBeHandled(
                kind: job.kind, "converting (v1.\(job.kind)) to (batch.Job): unknown conversion")
        }
        if !job.unknownFields.isEmpty, Target.parameter("fieldValidation", of: request) == "Strict" {
            let list = job.unknownFields.map { "unknown field \(FieldError.quoted($0))" }.joined(
                separator: ", ")
            return KubernetesStatus.cannotBeHandled("strict decoding error: \(list)")
        }
        if !job.namespace.isEmpty, job.namespace != namespace {
            return KubernetesStatus.badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
        if !job.resourceVersion.isEmpty {
            return KubernetesStatus.failure(
                500, "", "resourceVersion should not be set on objects to be created")
        }
        guard state.namespaces.contains(namespace) else {
            return KubernetesStatus.notFound(kind: "namespaces", namespace)
        }
        let errors = JobValidation.errors(of: job)
        return errors.isEmpty ? nil : KubernetesStatus.invalidJob(job.name, errors)
    }

    private func store(_ job: JobBody, _ request: HTTPRequest, in namespace: String) -> HTTPResponse {
        let name =
            job.name.isEmpty
            ? job.generateName + Identifier.hexadecimal(Crypto.randomBytes(3)).prefix(5) : job.name
        // The quota is asked before the name, so a full one refuses a duplicate too.
        if let limit = state.quotas[namespace], jobs.count(in: namespace) >= limit {
            return refused(
                KubernetesStatus.quotaExceeded(name, limit: limit, used: jobs.count(in: namespace)))
        }
        if jobs.job(name, in: namespace) != nil {
            jobs.addAttempt(name, in: namespace)
            return KubernetesStatus.alreadyExists(name)
        }
        let text = JobText(
            job: job, name: name, namespace: namespace, uid: Identifier.uuid(),
            resourceVersion: jobs.nextResourceVersion(),
            creationTimestamp: WallClock.now.rfc3339(fractionDigits: 0))
        let body = text.write()
        if body.count > JobValidation.storedBytesMax {
            return refused(
                KubernetesStatus.invalidJob(
                    name,
                    [
                        .invalid(
                            "spec.selector",
                            value:
                                "{\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"\(text.uid)\"}}",
                            "`selector` not auto-generated")
                    ]))
        }
        if Target.parameter("dryRun", of: request) != "All" { jobs.add(text) }
        var response = KubernetesStatus.object(201, body)
        if Target.parameter("fieldValidation", of: request) != "Ignore" {
            for field in job.unknownFields {
                let warning = "299 - \(FieldError.quoted("unknown field \(FieldError.quoted(field))"))"
                if HTTPFields.isFieldValue(Array(warning.utf8)[...]) {
                    response.fields.append("Warning", warning)
                }
            }
        }
        return response
    }

    // MARK: Deleting

    private func delete(_ request: HTTPRequest, _ name: String, in namespace: String) -> HTTPResponse {
        let options: DeleteOptions
        switch DeleteOptions.read(request) {
        case .options(let read): options = read
        case .refused(let answer): return answer
        }
        guard let job = jobs.job(name, in: namespace) else {
            return warned(KubernetesStatus.notFound(name), options)
        }
        if let why = options.mismatch(with: job) {
            return KubernetesStatus.failure(
                409, "Conflict",
                "Operation cannot be fulfilled on Job.batch \(FieldError.quoted(name)): \(why)",
                details: .init(name: name, group: "batch", kind: "Job"))
        }
        let policy = options.policy ?? "Orphan"
        jobs.delete(job, policy: policy)
        if policy == "Background" { return KubernetesStatus.deleted(name, uid: job.uid) }
        let text = job.text.write(
            deletionTimestamp: WallClock.now.rfc3339(fractionDigits: 0),
            finalizer: policy == "Orphan" ? "orphan" : "foregroundDeletion")
        return warned(KubernetesStatus.object(200, text), options)
    }

    /// Every Job of the namespace, as a real server does for `…/jobs` and for `…/jobs/`.
    private func deleteAll(_ request: HTTPRequest, in namespace: String) -> HTTPResponse {
        let options: DeleteOptions
        switch DeleteOptions.read(request) {
        case .options(let read): options = read
        case .refused(let answer): return answer
        }
        let all = jobs.all(in: namespace)
        for job in all { jobs.delete(job, policy: options.policy ?? "Orphan") }
        return warned(
            KubernetesStatus.object(200, listText(all.map { $0.text.write(isListItem: true) })), options)
    }

    private func warned(_ response: HTTPResponse, _ options: DeleteOptions) -> HTTPResponse {
        guard options.policy == nil else { return response }
        var response = response
        response.fields.append("Warning", Self.preservedWarning)
        return response
    }

    /// Whether the answer's type, JSON, is among those that the request accepts.
    private static func isAcceptable(_ request: HTTPRequest) -> Bool {
        guard let accept = request.fields["accept"], !accept.isEmpty else { return true }
        return accept.containsBytes(Array("json".utf8)) || accept.containsBytes(Array("*/*".utf8))
            || accept.containsBytes(Array("application/*".utf8))
    }

    /// An answer over 128 KiB is compressed for those who ask for it.
    private static func compressed(_ response: HTTPResponse, for request: HTTPRequest) -> HTTPResponse {
        guard response.body.count > compressedAboveBytes, let accepted = request.fields["accept-encoding"],
            accepted.containsBytes(Array("gzip".utf8))
        else { return response }
        var response = response
        response.body = WireScript.gzip(response.body)
        response.fields.append("Content-Encoding", "gzip")
        response.fields.append("Vary", "Accept-Encoding")
        return response
    }

    /// JSON, YAML (which JSON is too), or no type at all.
    nonisolated static func hasAcceptedType(_ request: HTTPRequest) -> Bool {
        guard let type = request.fields["content-type"] else { return true }
        let plain = type.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        return plain.equalsIgnoringCase("application/json") || plain.equalsIgnoringCase("application/yaml")
    }
}
