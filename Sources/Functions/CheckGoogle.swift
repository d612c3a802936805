internal import JSON
internal import Net

extension Check {
    // MARK: Service registry

    /// Looks at the token and the repository.
    func look(atNeedsOf configuration: ServiceRegistryConfiguration) async {
        let endpoint = service.endpoints.artifactRegistry
        if endpoint.carriesToken { guard await lookAtToken() else { return } }
        let repository = configuration.repository
        let api = api(endpoint)
        let role = "grant roles/artifactregistry.reader on the repository \(repository.text) to \(identity)"
        let meanings = Meanings(
            origin: endpoint.origin, service: "artifactregistry.googleapis.com", forbidden: role,
            notFound: "create the repository \(repository.text) (format Docker), or set "
                + "ARTIFACT_REGISTRY_REPOSITORY_ID to the one there is")
        let target = Array("/v1/\(repository.text)".utf8)
        let result = await api.call(.artifactRegistry, .get, target, deadline: deadline)
        guard result.status == 200 else {
            return add("artifact registry", repository.text, result, meanings)
        }
        add("artifact registry", repository.text, "the repository is there")
        let needed = ["artifactregistry.tags.get", "artifactregistry.dockerimages.get"]
        await look(
            atPermissions: needed, "look-ups", repository.text, .artifactRegistry, api, target, role: role)
    }

    // MARK: Token

    /// Gets a token and the name of whom it is for. False where there is none, and nothing else can be asked.
    func lookAtToken() async -> Bool {
        let source = Self.source(of: service.credentials)
        do throws(TokenError) {
            _ = try await parts.token.value(deadline: deadline)
        } catch {
            add(
                "access token", source, .failed, error.description,
                remedy: Credentials.remedy(service.credentials))
            return false
        }
        if let email = await email() { identity = email }
        add("access token", source, "for \(identity)")
        return true
    }

    private static func source(of credentials: Credentials?) -> String {
        switch credentials?.kind {
        case .serviceAccount: "service account key"
        case .authorizedUser: "gcloud's user credentials"
        case .externalAccount: "workload identity federation"
        case .impersonated: "impersonated service account"
        case .metadataServer(let server): "metadata server \(server.origin.hostField)"
        case nil: "no credentials"
        }
    }

    /// The e-mail that roles are granted to, where the credentials or the metadata server tell it.
    private func email() async -> String? {
        switch service.credentials?.kind {
        case .serviceAccount(let key): return Self.email(key.email.utf8)
        case .metadataServer(let server):
            let result = await parts.caller.call(
                .metadata, at: server.origin, deadline: deadline,
                attemptMillisecondsMax: server.timeoutMilliseconds
            ) { _ in
                MetadataServer.request("instance/service-accounts/default/email")
            }
            guard let response = result.response, response.status == 200 else { return nil }
            return Self.email(response.body)
        case .authorizedUser, .externalAccount, .impersonated, nil: return nil
        }
    }

    /// It is printed, so nothing but what an address may be made of.
    private static func email(_ bytes: some Collection<UInt8>) -> String? {
        guard (3...254).contains(bytes.count), bytes.contains(UInt8(ascii: "@")),
            bytes.allSatisfy({ ASCII.isAlphanumeric($0) || "@.-_+:".utf8.contains($0) })
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: BigQuery

    /// The columns of a row.
    static let columns = [
        "datetime", "uuid", "kind", "event", "other_attributes", "parent", "originator", "sender",
        "sender_type", "sender_sdk_version", "recipient", "question_uuid", "parent_question_uuid",
        "originator_question_uuid", "backend", "backend_metadata",
    ]

    func lookAtTable(_ table: TableID) async {
        guard let project = await project(table.project, "bigquery table", table.text) else { return }
        let name = "\(project).\(table.dataset).\(table.table)"
        let endpoint = service.endpoints.bigQuery
        let api = api(endpoint)
        let role = "grant roles/bigquery.dataEditor on the table \(name) to \(identity)"
        let meanings = Meanings(
            origin: endpoint.origin, service: "bigquery.googleapis.com", forbidden: role,
            notFound: "create the table \(name) (the core Terraform module does), or set "
                + "BIGQUERY_EVENTS_TABLE to the one there is")
        let target = Array(
            "/bigquery/v2/projects/\(project)/datasets/\(table.dataset)/tables/\(table.table)".utf8)
        let result = await api.call(
            .bigQuery, .get, target + Array("?prettyPrint=false".utf8), deadline: deadline)
        guard result.status == 200, let body = result.response?.body else {
            return add("bigquery table", name, result, meanings)
        }
        let missing = Self.missingColumns(inTable: body)
        if missing.isEmpty {
            add("bigquery table", name, "the table is there, with every column")
        } else {
            add(
                "bigquery table", name, .failed, "columns are missing: \(missing.joined(separator: ", "))",
                remedy: "add these columns to the table, as the core Terraform module has them")
        }
        await look(
            atPermissions: ["bigquery.tables.updateData"], "storing events", name, .bigQuery, api, target,
            role: role)
    }

    /// The columns of ours that a `tables.get` answer does not have.
    private static func missingColumns(inTable body: [UInt8]) -> [String] {
        guard let fields = (try? JSONDocument(parsing: body).root)?["schema"]?["fields"] else {
            return columns
        }
        let names = fields.elements.compactMap { $0["name"]?.string?.lowercased() }
        return columns.filter { !names.contains($0) }
    }

    // MARK: Pub/Sub

    func lookAtTopic(_ topic: TopicName, _ setting: String, _ what: String) async {
        guard let project = await project(topic.project, what, topic.text) else { return }
        let name = "projects/\(project)/topics/\(topic.id)"
        let endpoint = service.endpoints.pubSub
        let api = api(endpoint)
        let role = "grant roles/pubsub.publisher on the topic \(name) to \(identity)"
        let meanings = Meanings(
            origin: endpoint.origin, service: "pubsub.googleapis.com", forbidden: role,
            notFound: "create the topic \(name), or set \(setting) to the one there is")
        var target = Array("/v1/projects/\(project)/topics/".utf8)
        URLPath.append(topic.id.utf8, to: &target)
        let (missing, result) = await missing(["pubsub.topics.publish"], .pubSub, api, target)
        guard let missing else { return add(what, name, result, meanings) }
        if missing.isEmpty { return add(what, name, "we may publish") }
        // A topic that is not there is answered with no permissions too.
        let read = await api.call(.pubSub, .get, target, deadline: deadline)
        if read.status == 404 { return add(what, name, read, meanings) }
        let alternative = read.status == 200 ? "" : ", or create it where it does not exist"
        add(
            what, name, .failed, "the permission pubsub.topics.publish is missing",
            remedy: role + alternative)
    }

    // MARK: Parts

    /// The project that a name is in; nil, with a finding, where no project is known.
    private func project(_ own: ProjectID?, _ what: String, _ subject: String) async -> String? {
        if let own { return own.text }
        do throws(TokenError) {
            return try await parts.project.value(deadline: deadline)
        } catch {
            add(
                what, subject, .failed, error.description,
                remedy: "set GOOGLE_CLOUD_PROJECT, or put the project into the name")
            return nil
        }
    }

    /// Adds a line on permissions that are tested by name.
    private func look(
        atPermissions needed: [String], _ what: String, _ subject: String, _ upstream: Upstream,
        _ api: GoogleAPI, _ target: [UInt8], role: String
    ) async {
        let (missing, result) = await missing(needed, upstream, api, target)
        switch missing {
        case let missing? where missing.isEmpty: add(what, subject, "we have every permission")
        case let missing?:
            let list = missing.joined(separator: ", ")
            add(what, subject, .failed, "permissions are missing: \(list)", remedy: role)
        case nil:
            add(
                what, subject, .unknown, "permissions could not be tested: \(result.summary)",
                remedy: "where events fail, \(role)")
        }
    }
}

extension Check {
    /// Whether the keys that push tokens are checked against can be obtained, where PUSH_AUDIENCE is set.
    func lookAtPushKeys() async {
        let origin = PushVerifier.standardOrigin
        let result = await parts.caller.call(.tokenEndpoint, at: origin, deadline: deadline) { _ in
            HTTPRequest(method: .get, target: PushVerifier.target)
        }
        guard result.status == 200, let body = result.response?.body,
            let keys = try? JSONDocument(parsing: body).root["keys"],
            keys.elements.first(where: { _ in true }) != nil
        else {
            let reach =
                "let the function reach \(origin.hostField): without its keys every push is answered 503"
            return add(
                "push keys", origin.host, result,
                Meanings(origin: origin, service: "www.googleapis.com", forbidden: reach, notFound: reach))
        }
        add("push keys", origin.host, "they can be obtained")
    }
}

extension Credentials {
    /// What to do where no token can be had with these.
    static func remedy(_ credentials: Credentials?) -> String {
        switch credentials?.kind {
        case .serviceAccount:
            "see that the key is neither deleted nor disabled, and that the clock is right"
        case .authorizedUser: "run: gcloud auth application-default login"
        case .externalAccount:
            "see the subject token's source, the pool's provider, and that the pool's principal has "
                + "roles/iam.workloadIdentityUser on the service account"
        case .impersonated:
            "grant roles/iam.serviceAccountTokenCreator on the impersonated service account to the source "
                + "credentials"
        case .metadataServer:
            "give the function a service account that is enabled, and let it reach the metadata server "
                + "(port 80 of 169.254.169.254); off Google Cloud set GOOGLE_APPLICATION_CREDENTIALS"
        case nil: "set GOOGLE_APPLICATION_CREDENTIALS"
        }
    }
}
