import JSON
import Net

/// What the control port changes.
@EventLoopActor
struct ControlChanges {
    let owner: LocalCloud

    private var cloud: Cloud { owner.cloud }

    // MARK: Reset

    func reset(_ body: JSONDocument.Value) async throws(ControlError) {
        let object = try ControlObject(body, allowed: ["keep"])
        let kept = Set(try object.strings("keep") ?? [])
        let known: Set<String> = ["settings", "images", "cluster", "tokens", "subscriptions"]
        guard kept.isSubset(of: known) else {
            throw ControlError(message: "keep knows \(known.sorted().joined(separator: ", "))")
        }
        cloud.faults.clear(nil)
        for listener in owner.listeners.values where listener.name != .control { try await restore(listener) }
        owner.bigQuery.reset()
        owner.kubernetes.jobs.reset()
        owner.pubSub.reset(keepsSubscriptions: kept.contains("subscriptions"))
        cloud.recorder.reset()
        if !kept.contains("settings") {
            cloud.settings = Settings(project: cloud.project)
            cloud.settings.isRecording = owner.recordsFromStart
        }
        if !kept.contains("images") { owner.artifactRegistry.reset() }
        if !kept.contains("tokens") { cloud.tokens.reset() }
        if !kept.contains("cluster") {
            owner.kubernetes.state = KubernetesAPI.initialState(cloud)
            owner.container.cluster = owner.initialCluster()
        }
        cloud.counters.reset()
    }

    /// Gives a listener its own certificate back, and opens it.
    private func restore(_ listener: ManagedListener) async throws(ControlError) {
        do throws(LocalCloudError) {
            if listener.isForeign, let certificate = try owner.certificates.initial(for: listener.name) {
                try await listener.present(certificate, isForeign: false)
            }
            try listener.open()
        } catch {
            throw ControlError(message: error.description, status: 500)
        }
    }

    // MARK: Settings and tokens

    func settings(_ body: JSONDocument.Value) throws(ControlError) {
        let object = try ControlObject(
            body,
            allowed: [
                "recording", "recordedRequestsMax", "recordedBodyBytesMax", "recordedBytesMax", "jobsMax",
                "podsPerJob", "latencyMilliseconds", "bigQueryTooLargeStatus", "deduplicationSeconds",
                "imagesPageSizeMax", "imagesPageSizeDefault", "tables", "topics", "deniedPermissions",
            ])
        var new = cloud.settings
        new.isRecording = try object.flag("recording") ?? new.isRecording
        new.recordedRequestsMax = try object.integer("recordedRequestsMax") ?? new.recordedRequestsMax
        new.recordedBodyBytesMax = try object.integer("recordedBodyBytesMax") ?? new.recordedBodyBytesMax
        new.recordedBytesMax = try object.integer("recordedBytesMax") ?? new.recordedBytesMax
        new.jobsMax = try object.integer("jobsMax", 1...10_000_000) ?? new.jobsMax
        new.podsPerJob = try object.integer("podsPerJob", 0...100) ?? new.podsPerJob
        new.bigQueryTooLargeStatus =
            try object.integer("bigQueryTooLargeStatus", 400...413) ?? new.bigQueryTooLargeStatus
        new.deduplicationSeconds = try object.integer("deduplicationSeconds") ?? new.deduplicationSeconds
        new.imagesPageSizeMax = try object.integer("imagesPageSizeMax", 1...100_000) ?? new.imagesPageSizeMax
        new.imagesPageSizeDefault =
            try object.integer("imagesPageSizeDefault", 1...100_000) ?? new.imagesPageSizeDefault
        new.tables = try object.strings("tables") ?? new.tables
        if let topics = try object.strings("topics") { new.topics = Set(topics.map { owner.topicName($0) }) }
        if let denied = try object.strings("deniedPermissions") { new.deniedPermissions = Set(denied) }
        if let latency = object.any("latencyMilliseconds") {
            new.latencyMilliseconds = try self.latency(latency)
        }
        cloud.settings = new
    }

    private func latency(_ value: JSONDocument.Value) throws(ControlError) -> [String: Int] {
        let object = try ControlObject(value, allowed: ["*"] + ServiceName.allCases.map { $0.rawValue })
        var latency: [String: Int] = [:]
        for (key, _) in value.members {
            guard let name = key.string else { continue }
            latency[name] = try object.integer(name)
        }
        return latency
    }

    func tokens(_ body: JSONDocument.Value) throws(ControlError) {
        let object = try ControlObject(
            body, allowed: ["metadata", "expiresInSeconds", "revoke", "revokeAll", "valid", "keys"])
        if try object.flag("revokeAll") == true { cloud.tokens.revokeAll() }
        for token in try object.strings("revoke") ?? [] { cloud.tokens.revoke(token) }
        if let token = try object.string("metadata") { cloud.tokens.setMetadata(token) }
        if let seconds = try object.integer("expiresInSeconds") { cloud.tokens.expiresInSeconds = seconds }
        cloud.tokens.accept(try object.strings("valid") ?? [])
        guard let keys = object.any("keys") else { return }
        for element in keys.elements {
            let key = try ControlObject(element, allowed: ["issuer", "n", "e"])
            guard let modulus = CredentialsService.decodeURLSafe(Array(try key.required("n").utf8)),
                let exponent = CredentialsService.decodeURLSafe(Array(try key.required("e").utf8)),
                let made = RSAPublicKey(modulus: modulus, exponent: exponent)
            else { throw ControlError(message: "n and e are no RSA key in base64url") }
            cloud.tokens.keys[try key.required("issuer")] = made
        }
    }

    // MARK: Cluster

    func cluster(_ body: JSONDocument.Value) async throws(ControlError) {
        let object = try ControlObject(
            body,
            allowed: [
                "endpoint", "clusterCaCertificate", "controlPlaneEndpointsConfig", "privateClusterConfig",
                "exists",
                "rotate",
            ])
        if try object.flag("rotate") == true {
            do {
                try await owner.rotateClusterAuthority()
            } catch {
                throw ControlError(message: "\(error)", status: 500)
            }
        }
        if let exists = try object.flag("exists") { owner.container.cluster.exists = exists }
        if object.any("endpoint") != nil { owner.container.cluster.endpoint = try object.string("endpoint") }
        if object.any("clusterCaCertificate") != nil {
            owner.container.cluster.clusterCaCertificate = try object.string("clusterCaCertificate")
        }
        if let config = object.any("controlPlaneEndpointsConfig") {
            owner.container.cluster.controlPlaneEndpointsConfig =
                config.isNull ? nil : object.raw("controlPlaneEndpointsConfig")
        }
        if let config = object.any("privateClusterConfig") {
            owner.container.cluster.privateClusterConfig =
                config.isNull ? nil : object.raw("privateClusterConfig")
        }
    }

    func kubernetes(_ body: JSONDocument.Value) throws(ControlError) {
        let object = try ControlObject(
            body,
            allowed: [
                "namespaces", "quota", "denied", "serviceAccounts", "localQueues", "inactiveLocalQueues",
                "priorityClasses", "kueueVersion", "user", "finish",
            ])
        var state = owner.kubernetes.state
        if let names = try object.strings("namespaces") { state.namespaces = Set(names) }
        if let denied = try object.strings("denied") { state.denied = Set(denied) }
        if let names = try object.strings("serviceAccounts") { state.serviceAccounts = Set(names) }
        if let names = try object.strings("localQueues") { state.localQueues = Set(names) }
        if let names = try object.strings("inactiveLocalQueues") { state.inactiveLocalQueues = Set(names) }
        if let names = try object.strings("priorityClasses") { state.priorityClasses = Set(names) }
        if let version = object.any("kueueVersion") {
            state.kueueVersion = version.isNull ? nil : try object.string("kueueVersion")
        }
        if let user = try object.string("user") { state.user = user }
        if let quota = object.any("quota") {
            guard quota.isObject else { throw ControlError(message: "quota must be an object") }
            for (key, value) in quota.members {
                guard value.isNull || value.integer != nil else {
                    throw ControlError(message: "a quota is an integer or null")
                }
                state.quotas[key.string ?? ""] = value.integer
            }
        }
        owner.kubernetes.state = state
        let finished = Set(try object.strings("finish") ?? [])
        if finished.isEmpty { return }
        for job in owner.kubernetes.jobs.all() where finished.contains(job.name) {
            owner.kubernetes.jobs.finish(job)
        }
    }

    // MARK: Images

    func images(_ body: JSONDocument.Value) throws(ControlError) {
        let object = try ControlObject(body, allowed: ["clear", "images", "generate", "repositoryExists"])
        if try object.flag("clear") == true { owner.artifactRegistry.clear() }
        if let exists = try object.flag("repositoryExists") { owner.artifactRegistry.exists = exists }
        if let images = object.any("images") {
            guard images.isArray else { throw ControlError(message: "images must be an array") }
            for element in images.elements {
                let image = try ControlObject(element, allowed: ["package", "tags", "digest"])
                owner.artifactRegistry.add(
                    package: try image.required("package"), digest: try image.string("digest"),
                    tags: try image.strings("tags") ?? [])
            }
        }
        if let generate = object.any("generate") {
            let members = try ControlObject(generate, allowed: ["count", "prefix", "tagsPerImage"])
            owner.artifactRegistry.generate(
                count: try members.integer("count", 0...1_000_000) ?? 0,
                prefix: try members.string("prefix") ?? "load/service-",
                tagsPerImage: try members.integer("tagsPerImage", 0...1_000) ?? 2)
        }
    }

    // MARK: Listeners

    private func listener(of object: ControlObject) throws(ControlError) -> ManagedListener {
        let name = try object.required("service")
        guard let service = ServiceName(rawValue: name), service != .control,
            let listener = owner.listeners[service]
        else { throw ControlError(message: "unknown service \(name)") }
        return listener
    }

    func listener(_ body: JSONDocument.Value) async throws(ControlError) {
        let object = try ControlObject(body, allowed: ["service", "open", "forMilliseconds"])
        let listener = try listener(of: object)
        if try object.flag("open") ?? true {
            try open(listener)
            return
        }
        let milliseconds = try object.integer("forMilliseconds", 1...86_400_000)
        await listener.close()
        guard let milliseconds else { return }
        EventLoop.shared.start {
            await EventLoop.shared.sleep(until: .after(milliseconds: UInt64(milliseconds)))
            // Whoever wants to know whether it worked connects; there is nobody to tell here.
            try? listener.open()
        }
    }

    private func open(_ listener: ManagedListener) throws(ControlError) {
        do throws(LocalCloudError) {
            try listener.open()
        } catch {
            throw ControlError(message: error.description, status: 500)
        }
    }

    func certificate(_ body: JSONDocument.Value) async throws(ControlError) {
        let object = try ControlObject(
            body,
            allowed: [
                "service", "restore", "issuer", "commonName", "subjectAlternativeNames", "notBeforeSeconds",
                "notAfterSeconds", "key", "digest", "isCertificateAuthority", "extendedKeyUsage",
                "nameConstraints",
            ])
        let listener = try listener(of: object)
        guard listener.name.isSecure else {
            throw ControlError(message: "\(listener.name.rawValue) speaks no TLS")
        }
        if try object.flag("restore") == true {
            try await restore(listener)
            return
        }
        let request = try certificateRequest(object)
        let issuerName = try object.string("issuer") ?? (listener.name == .kubernetes ? "cluster" : "public")
        guard let issuer = Certificates.Issuer(rawValue: issuerName) else {
            throw ControlError(message: "issuer cannot be \(issuerName)")
        }
        do {
            try await listener.present(try owner.certificates.issue(request, by: issuer), isForeign: true)
        } catch {
            throw ControlError(message: "\(error)")
        }
    }

    private func certificateRequest(_ object: ControlObject) throws(ControlError) -> CertificateRequest {
        let span = -4_000_000_000...4_000_000_000
        var request = CertificateRequest(
            commonName: try object.string("commonName") ?? "localhost",
            subjectAlternativeNames: try object.strings("subjectAlternativeNames")
                ?? ["DNS:localhost", "IP:127.0.0.1"],
            notBeforeSeconds: try object.integer("notBeforeSeconds", span) ?? -3_600,
            notAfterSeconds: try object.integer("notAfterSeconds", span) ?? 86_400)
        if let name = try object.string("key") {
            guard let key = CertificateRequest.Key(rawValue: name) else {
                throw ControlError(message: "key cannot be \(name)")
            }
            request.key = key
        }
        if let name = try object.string("digest") {
            guard let digest = CertificateRequest.Digest(rawValue: name) else {
                throw ControlError(message: "digest cannot be \(name)")
            }
            request.digest = digest
        }
        request.isCertificateAuthority = try object.flag("isCertificateAuthority") ?? false
        request.extendedKeyUsage = try object.strings("extendedKeyUsage") ?? ["serverAuth"]
        request.nameConstraints = try object.string("nameConstraints")
        return request
    }
}
