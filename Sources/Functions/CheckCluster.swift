internal import JSON
internal import Net

extension Check {
    // MARK: Event handler

    /// Looks at the token, the table, the cluster and the topics.
    func look(atNeedsOf configuration: EventHandlerConfiguration) async {
        guard await lookAtToken() else { return }
        await lookAtTable(configuration.eventsTable)
        if let origin = await lookAtCluster(configuration) {
            await ClusterCheck(self, configuration, origin).run()
        }
        if configuration.push != nil { await lookAtPushKeys() }
        if configuration.reportsUndispatchableQuestions {
            await lookAtTopic(configuration.topic, "TWINED_SERVICES_TOPIC_NAME", "network topic")
        }
        if let topic = configuration.deadLetterTopic {
            await lookAtTopic(topic, "DEAD_LETTER_TOPIC_NAME", "dead-letter topic")
        }
    }

    /// GKE's `clusters.get`, and the endpoint that it leads to.
    private func lookAtCluster(_ configuration: EventHandlerConfiguration) async -> Origin? {
        let id = configuration.clusterID
        let endpoint = service.endpoints.container
        let meanings = Meanings(
            origin: endpoint.origin, service: "container.googleapis.com",
            forbidden: "grant roles/container.clusterViewer on the project \(id.project.text) to \(identity)",
            notFound: "create the cluster \(id.text), or set KUBERNETES_CLUSTER_ID to the one there is")
        let result = await api(endpoint).call(
            .clusterManager, .get, Cluster.target(id), deadline: deadline)
        guard result.status == 200, let body = result.response?.body else {
            add("gke cluster", id.text, result, meanings)
            return nil
        }
        do throws(ClusterError) {
            let origin = try ClusterDescription(parsing: body).origin(configuration.clusterEndpoint)
            add("gke cluster", id.text, "its endpoint is \(origin.hostField)")
            return origin
        } catch {
            add(
                "gke cluster", id.text, .failed, error.description,
                remedy: "set KUBERNETES_ENDPOINT to one that the cluster has, or enable that endpoint")
            return nil
        }
    }
}

/// What is asked of the cluster's API server itself.
@EventLoopActor
struct ClusterCheck {
    let check: Check
    let configuration: EventHandlerConfiguration
    private let origin: Origin
    let namespace: String
    let meanings: Meanings
    private let role: String

    init(_ check: Check, _ configuration: EventHandlerConfiguration, _ origin: Origin) {
        self.check = check
        self.configuration = configuration
        self.origin = origin
        namespace = configuration.jobNamespace.text
        role =
            "grant roles/container.developer on the project \(configuration.clusterID.project.text) to "
            + "\(check.identity), or bind a Role with batch jobs create, get, delete in the namespace "
            + "\(namespace) to it"
        // Google's front end stands before an endpoint with a public name, and has a permission of its own.
        let forbidden =
            origin.trust == .system
            ? "\(role); the DNS endpoint itself wants the permission container.clusters.connect too" : role
        meanings = Meanings(
            origin: origin, service: nil, forbidden: forbidden,
            notFound: "see that \(origin.hostField) is the cluster's API server")
    }

    func run() async {
        for verb in ["create", "get", "delete"] {
            guard await review(verb) else { return }
        }
        await lookAt(
            "namespace", namespace, "/api/v1/namespaces/\(namespace)",
            missing: "run: kubectl create namespace \(namespace), or set JOB_NAMESPACE to one there is")
        let account = configuration.kubernetesServiceAccountName.text
        await lookAt(
            "service account", account, "/api/v1/namespaces/\(namespace)/serviceaccounts/\(account)",
            missing: "run: kubectl -n \(namespace) create serviceaccount \(account), or set "
                + "KUBERNETES_SERVICE_ACCOUNT_NAME to one there is; without it no Pod of a Job starts")
        await lookAtKueue()
    }

    /// Asks whether we may do `verb` to Jobs. False where the cluster does not answer, and no more need be
    /// asked.
    private func review(_ verb: String) async -> Bool {
        let what = "kubernetes \(verb)"
        let subject = "jobs in \(namespace)"
        let result = await call(
            .post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: reviewBody(verb))
        guard let status = result.status, status == 200 || status == 201, let body = result.response?.body
        else {
            check.add(what, subject, result, meanings)
            return result.status != nil && result.status != 401
        }
        let answer = try? JSONDocument(parsing: body).root
        switch answer?["status"]?["allowed"]?.bool {
        case true: check.add(what, subject, "allowed")
        case false:
            check.add(what, subject, .failed, "not allowed to \(verb) Jobs", remedy: role)
        case nil:
            check.add(
                what, subject, .failed, "the access review has no answer", remedy: meanings.notFound)
        }
        return true
    }

    private func reviewBody(_ verb: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.member("apiVersion", "authorization.k8s.io/v1")
        writer.member("kind", "SelfSubjectAccessReview")
        writer.key("spec")
        writer.beginObject()
        writer.key("resourceAttributes")
        writer.beginObject()
        writer.member("namespace", namespace)
        writer.member("verb", verb)
        writer.member("group", "batch")
        writer.member("resource", "jobs")
        writer.endObject()
        writer.endObject()
        writer.endObject()
        return writer.finish()
    }

    /// Reads an object that Jobs need. A function need not be allowed to read it, so a 403 proves nothing.
    /// Returns what was read.
    @discardableResult
    func read(
        _ what: String, _ name: String, _ path: String, missing: String
    ) async -> JSONDocument? {
        let result = await call(.get, path)
        switch result.status {
        case 200:
            guard let body = result.response?.body, let document = try? JSONDocument(parsing: body) else {
                check.add(what, name, .failed, "the answer is no JSON", remedy: meanings.notFound)
                return nil
            }
            return document
        case 403:
            check.add(
                what, name, .unknown, "not allowed to read it",
                remedy: "see for yourself that it is there; roles/container.viewer lets this check look")
        case 404: check.add(what, name, .failed, "it does not exist", remedy: missing)
        default: check.add(what, name, result, meanings)
        }
        return nil
    }

    /// Looks whether an object is there.
    func lookAt(_ what: String, _ name: String, _ path: String, missing: String) async {
        if await read(what, name, path, missing: missing) != nil { check.add(what, name, "it is there") }
    }

    private func call(_ method: HTTPMethod, _ path: String, body: [UInt8] = []) async -> UpstreamResult {
        await check.parts.caller.call(
            .kubernetesGet, at: origin, deadline: check.deadline, token: check.parts.token
        ) { authorization in
            var request = HTTPRequest(method: method, target: Array(path.utf8), body: body)
            request.fields.append("Accept", "application/json")
            if !body.isEmpty { request.fields.append("Content-Type", "application/json") }
            if let authorization { request.fields.append("Authorization", authorization) }
            return request
        }
    }
}
