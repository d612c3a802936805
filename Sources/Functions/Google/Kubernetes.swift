internal import JSON
internal import Net

/// The cluster's Jobs (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/).
@EventLoopActor
final class Kubernetes {
    /// What came of asking for a Job.
    enum Creation: Sendable {
        /// The Job is there now, or was there already for this very event.
        case created
        /// A Job of this name belongs to another event of the same question, whose uuid is given where it is
        /// known.
        case takenByOther(eventUUID: [UInt8])
        /// The cluster will never take this Job: its status, and its own words where it had some.
        case refused(status: Int, message: String?)
        /// Not now: why, for the log.
        case failed(CallFailure)
    }

    private let collection: [UInt8]
    /// What stands before a question's id in the target of its Job.
    private let jobs: [UInt8]
    private let cluster: Cluster
    private let caller: UpstreamCaller
    private let exchange: any HTTPExchange
    private let token: AccessToken
    private let log: Log
    private let prepared = PreparedFields(accept: "application/json")

    init(
        namespace: KubernetesLabel, cluster: Cluster, caller: UpstreamCaller, exchange: any HTTPExchange,
        token: AccessToken, log: Log
    ) {
        collection = Array("/apis/batch/v1/namespaces/\(namespace.text)/jobs".utf8)
        jobs = collection + Array("/\(QuestionUUID.jobNamePrefix)".utf8)
        self.cluster = cluster
        self.caller = caller
        self.exchange = exchange
        self.token = token
        self.log = log
    }

    /// Gets what a call will need: the endpoint, a connection. Nothing is asked of the cluster itself.
    func prepare(deadline: Deadline) async {
        guard let origin = try? await cluster.origin(deadline: deadline) else { return }
        await exchange.prepareConnection(to: origin, deadline: deadline)
    }

    /// Whether a call would find endpoint and connection.
    var isPrepared: Bool {
        guard let origin = cluster.current else { return false }
        return exchange.hasIdleConnection(to: origin)
    }

    // MARK: Create

    /// Creates `job`, unless it is there already.
    @inline(__always)  // As BigQuery's `insert`.
    func create(_ job: Job, deadline: Deadline, context: LogContext) async -> Creation {
        let result = await call(.kubernetesCreate, deadline, context) { authorization in
            self.request(.post, self.collection, body: job.body, authorization)
        }
        switch result {
        case .failure(let failure): return .failed(failure)
        case .success(let answer):
            switch answer.reaction {
            case .done: return .created
            case .alreadyExists: return await identify(job, isQuota: false, answer, deadline, context)
            case .quotaExceeded: return await identify(job, isQuota: true, answer, deadline, context)
            case .undispatchable:
                let message = answer.response.flatMap { Explanation.message(of: $0, token: token) }
                return .refused(
                    status: answer.status ?? 0, message: message.map { String(decoding: $0, as: UTF8.self) })
            default: return .failed(CallFailure(answer))
            }
        }
    }

    /// Reads the Job of this name, to tell whose it is.
    ///
    /// Where it may not be read (a role that can only create) or is gone again, a 409 still says that this
    /// question had its Job.
    private func identify(
        _ job: Job, isQuota: Bool, _ refusal: UpstreamResult, _ deadline: Deadline, _ context: LogContext
    ) async -> Creation {
        let target = target(job.question)
        let result = await call(.kubernetesGet, deadline, context) { authorization in
            self.request(.get, target, authorization)
        }
        let answer: UpstreamResult
        switch result {
        case .failure(let failure): return .failed(failure)
        case .success(let read): answer = read
        }
        if answer.reaction == .done, let body = answer.response?.body,
            let owner = Self.eventUUID(inJob: body, comparing: job)
        {
            if owner == job.eventUUID {
                caller.metrics.redeliveriesRecognised += 1
                return .created
            }
            // A quota that is used up says nothing about another event's Job: ours was not made.
            return isQuota ? .failed(CallFailure(refusal)) : .takenByOther(eventUUID: owner)
        }
        if isQuota { return .failed(CallFailure(refusal)) }
        switch answer.status {
        case 403, 404: return .created
        // What is no object says nothing of whose Job it is.
        case 200 where answer.response.map { Self.isObject($0.body) } ?? false:
            return .takenByOther(eventUUID: [])
        default: return .failed(CallFailure(answer))
        }
    }

    private nonisolated static func isObject(_ body: [UInt8]) -> Bool {
        (try? JSONDocument(parsing: body))?.root.isObject ?? false
    }

    /// The `uuid` inside a Job's `--attributes`; nil when it has none. Attributes that are those of `ours` to
    /// the byte are not read: their event is ours.
    nonisolated static func eventUUID(inJob body: [UInt8], comparing ours: Job? = nil) -> [UInt8]? {
        guard let attributes = attributes(inJob: body) else { return nil }
        if let ours, let range = attributes.contentRange {
            let source = attributes.document.source
            let own = ours.body.span.extracting(ours.attributes)
            if source.span.extracting(range).equals(own) { return ours.eventUUID }
        }
        guard let text = attributes.stringBytes, let root = try? JSONDocument(parsing: text).root else {
            return nil
        }
        return root["uuid"]?.stringBytes
    }

    /// What stands behind the first `--attributes` of a Job.
    private nonisolated static func attributes(inJob body: [UInt8]) -> JSONDocument.Value? {
        guard let job = try? JSONDocument(parsing: body).root,
            let containers = job["spec"]?["template"]?["spec"]?["containers"]
        else { return nil }
        for container in containers.elements {
            guard let arguments = container["args"] else { continue }
            var isNext = false
            for argument in arguments.elements {
                if isNext { return argument }
                isNext = argument.equals("--attributes")
            }
        }
        return nil
    }

    // MARK: Delete

    private static let deletion = Array(#"{"propagationPolicy":"Background"}"#.utf8)

    /// Deletes the question's Job and its Pods. Nil: it is gone, or going.
    ///
    /// Without the propagation policy batch/v1 orphans the Pods, and the question runs on.
    @inline(__always)  // As BigQuery's `insert`.
    func delete(_ question: QuestionUUID, deadline: Deadline, context: LogContext) async -> CallFailure? {
        let target = target(question)
        let result = await call(.kubernetesDelete, deadline, context) { authorization in
            self.request(.delete, target, body: Self.deletion, authorization)
        }
        switch result {
        case .failure(let failure): return failure
        case .success(let answer): return answer.reaction == .done ? nil : CallFailure(answer)
        }
    }

    // MARK: Calls

    private func call(
        _ upstream: Upstream, _ deadline: Deadline, _ context: LogContext,
        _ request: (_ authorization: [UInt8]?) -> HTTPRequest
    ) async -> Result<UpstreamResult, CallFailure> {
        let origin: Origin
        if let current = cluster.current {
            origin = current
        } else {
            do throws(ClusterError) {
                origin = try await cluster.origin(deadline: deadline)
            } catch {
                return .failure(CallFailure(error))
            }
        }
        let result = await caller.call(
            upstream, at: origin, deadline: deadline, token: token, context: context,
            renewOrigin: { origin in
                self.cluster.forget(origin)
                return try? await self.cluster.origin(deadline: deadline)
            }, request)
        return .success(result)
    }

    private func target(_ question: QuestionUUID) -> [UInt8] {
        var target: [UInt8] = []
        target.reserveCapacity(jobs.count + QuestionUUID.lengthMax)
        target.append(contentsOf: jobs)
        target.append(contentsOf: question.text.utf8)
        return target
    }

    private func request(
        _ method: HTTPMethod, _ target: [UInt8], body: [UInt8] = [], _ authorization: [UInt8]?
    ) -> HTTPRequest {
        HTTPRequest(
            method: method, target: target,
            fields: prepared.fields(authorization, hasBody: !body.isEmpty), body: body)
    }
}
