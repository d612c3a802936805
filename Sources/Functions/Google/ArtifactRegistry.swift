internal import JSON
internal import Net

/// The reads of Artifact Registry that a look-up needs (REST API v1), each of a cost that does not grow with the
/// repository.
@EventLoopActor
final class ArtifactRegistry {
    /// Why a question has no answer.
    enum Failure: Error, Equatable, Sendable {
        /// The time was up before an answer came.
        case timedOut
        /// The service could not be asked, or refused; the result says how.
        case refused
        /// The repository itself does not exist.
        case repositoryMissing
    }

    private let repository: RepositoryID
    private let endpoint: Endpoint
    private let token: AccessToken
    private let quotaProjectID: ProjectID?
    private let caller: UpstreamCaller
    private let log: Log
    private var seenUntilNanoseconds: UInt64 = 0

    init(
        repository: RepositoryID, endpoint: Endpoint, token: AccessToken, quotaProjectID: ProjectID?,
        caller: UpstreamCaller, log: Log
    ) {
        self.repository = repository
        self.endpoint = endpoint
        self.token = token
        self.quotaProjectID = quotaProjectID
        self.caller = caller
        self.log = log
    }

    /// Where it answers, for a connection that is opened ahead.
    var origin: Origin { endpoint.origin }

    /// Whether its calls carry the token.
    var needsToken: Bool { endpoint.carriesToken }

    /// Whether an image has a tag. One call; one more on a miss, unless the repository was seen of late.
    func hasTag(
        _ tag: ImageTag, of name: ServiceName, deadline: Deadline, context: LogContext
    ) async throws(Failure) -> Bool {
        let path = "packages/\(URLPath.encodeTwice(name))/tags/\(URLPath.encode(tag.text))"
        if try await get(path, deadline, context) != nil { return true }
        try await checkRepository(deadline, context)
        return false
    }

    /// The tag of a service's default revision: of the image tagged `default`, the first tag that says more than
    /// `default` and `latest`, else `default`. Nil when no image is. Two calls.
    func defaultTag(
        of name: ServiceName, deadline: Deadline, context: LogContext
    ) async throws(Failure) -> ImageTag? {
        let package = URLPath.encode(name.text)
        guard
            let tag = try await get("packages/\(URLPath.encodeTwice(name))/tags/default", deadline, context),
            let digest = try digest(tag, context),
            let image = try await get(
                "dockerImages/\(URLPath.encode("\(package)@\(digest)"))", deadline, context)
        else {
            try await checkRepository(deadline, context)
            return nil
        }
        guard let document = try? JSONDocument(parsing: image.body), document.root.isObject else {
            throw unusable("dockerImages.get", context)
        }
        let tags =
            document.root["tags"]?.elements.compactMap { $0.stringBytes.flatMap { ImageTag($0) } } ?? []
        return tags.first { $0.text != "default" && $0.text != "latest" } ?? ImageTag("default")
    }

    /// The digest that a tag stands at, from the end of its `version`.
    private func digest(_ tag: HTTPResponse, _ context: LogContext) throws(Failure) -> String? {
        guard let document = try? JSONDocument(parsing: tag.body),
            let version = document.root["version"]?.stringBytes,
            let slash = version.lastIndex(of: UInt8(ascii: "/"))
        else { throw unusable("tags.get", context) }
        let digest = version[(slash + 1)...]
        // algorithm ":" encoded (OCI image specification, digests).
        guard digest.count <= 512, digest.contains(UInt8(ascii: ":")),
            digest.first.map(ASCII.isAlphanumeric) == true,
            digest.allSatisfy({ ASCII.isAlphanumeric($0) || ":+._=-".utf8.contains($0) })
        else { throw unusable("tags.get", context) }
        return String(decoding: digest, as: UTF8.self)
    }

    /// Tells "no such image" from "no such repository": the first is an answer, the second a fault of the
    /// deployment's. A repository that was seen is taken for being there for a while.
    private func checkRepository(_ deadline: Deadline, _ context: LogContext) async throws(Failure) {
        if EventLoop.shared.nowNanoseconds < seenUntilNanoseconds { return }
        guard try await get("", deadline, context) == nil else { return }
        log.write(.error, "the Artifact Registry repository does not exist", context) {
            $0.field("repository", repository.text)
        }
        throw .repositoryMissing
    }

    /// The answer to a GET below the repository; nil when there is no such thing.
    private func get(
        _ path: String, _ deadline: Deadline, _ context: LogContext
    ) async throws(Failure) -> HTTPResponse? {
        let slash = path.isEmpty ? "" : "/"
        let target = endpoint.basePath + Array("/v1/\(repository.text)\(slash)\(path)".utf8)
        let result = await caller.call(
            .artifactRegistry, at: endpoint.origin, deadline: deadline,
            token: endpoint.carriesToken ? token : nil,
            context: context
        ) { authorization in
            var fields = HTTPFields()
            if let authorization {
                fields.append("Authorization", authorization)
                if let quotaProjectID { fields.append("X-Goog-User-Project", quotaProjectID.text) }
            }
            return HTTPRequest(method: .get, target: target, fields: fields)
        }
        switch (result.reaction, result.response) {
        case (.done, let response?):
            seenUntilNanoseconds =
                EventLoop.shared.nowNanoseconds + ServiceLimits.repositorySeenMilliseconds * 1_000_000
            return response
        case (.notFound, _): return nil
        default: throw failure(result, deadline, context)
        }
    }

    private func failure(_ result: UpstreamResult, _ deadline: Deadline, _ context: LogContext) -> Failure {
        let mayPass = result.mayPass
        log.write(mayPass ? .warning : .error, "Artifact Registry could not be asked", context) { line in
            line.field("upstream", Upstream.artifactRegistry.rawValue)
            result.describe(in: &line)
        }
        return result.isTimeout || deadline.hasPassed ? .timedOut : .refused
    }

    private func unusable(_ method: StaticString, _ context: LogContext) -> Failure {
        log.write(.error, "Artifact Registry's answer is not what its API says", context) {
            $0.field("method", literal: method)
        }
        return .refused
    }
}
