internal import JSON
internal import Net

/// The reads of Artifact Registry that a look-up needs (REST API v1), each of a cost that does not grow with
/// the repository.
@EventLoopActor
final class ArtifactRegistry {
    /// Why a look-up has no answer.
    struct Failure: Error, Equatable, Sendable {
        /// What an asker is told.
        enum Kind: Sendable {
            /// The time was up before an answer came.
            case timedOut
            /// The service could not be asked, refused, or said something else than its API.
            case refused
            /// The repository itself does not exist.
            case repositoryMissing
        }

        let kind: Kind
        /// What a log says besides.
        let reason: String
        /// Whether it may pass by itself.
        let mayPass: Bool
        /// The call that failed, where it was one.
        var call: CallFailure?
    }

    private let repository: RepositoryID
    private let repositoryTarget: [UInt8]
    private let api: GoogleAPI
    private var seenUntilNanoseconds: UInt64 = 0

    init(repository: RepositoryID, api: GoogleAPI) {
        self.repository = repository
        repositoryTarget = Array("/v1/\(repository.text)".utf8)
        self.api = api
    }

    /// Opens a connection, so that a look-up that follows finds one.
    func prepare(deadline: Deadline) async {
        await api.prepare(deadline: deadline)
    }

    /// Whether an image has a tag. One call; one more on a miss, unless the repository was seen of late.
    func hasTag(
        _ tag: ImageTag, of name: ServiceName, deadline: Deadline, context: LogContext
    ) async throws(Failure) -> Bool {
        if try await get(target(of: tag.text, name), deadline, context) != nil { return true }
        try await checkRepository(deadline, context)
        return false
    }

    /// The tag of a service's default revision: of the image tagged `default`, the first tag that says more
    /// than `default` and `latest`, else `default`. Nil when no image is. Two calls.
    func defaultTag(
        of name: ServiceName, deadline: Deadline, context: LogContext
    ) async throws(Failure) -> ImageTag? {
        guard
            let tag = try await get(target(of: "default", name), deadline, context),
            let digest = try digest(tag),
            let image = try await get(target(of: digest, imageOf: name), deadline, context)
        else {
            try await checkRepository(deadline, context)
            return nil
        }
        guard let document = try? JSONDocument(parsing: image.body), document.root.isObject else {
            throw Self.unusable("dockerImages.get")
        }
        let tags =
            document.root["tags"]?.elements.compactMap { $0.stringBytes.flatMap { ImageTag($0) } } ?? []
        return tags.first { $0.text != "default" && $0.text != "latest" } ?? ImageTag("default")
    }

    /// The digest that a tag stands at, from the end of its `version`.
    private func digest(_ tag: HTTPResponse) throws(Failure) -> String? {
        guard let document = try? JSONDocument(parsing: tag.body),
            let version = document.root["version"]?.stringBytes,
            let slash = version.lastIndex(of: UInt8(ascii: "/"))
        else { throw Self.unusable("tags.get") }
        let digest = version[(slash + 1)...]
        // algorithm ":" encoded (OCI image specification, digests).
        guard digest.count <= 512, digest.contains(UInt8(ascii: ":")),
            digest.first.map(ASCII.isAlphanumeric) == true,
            digest.allSatisfy({ ASCII.isAlphanumeric($0) || ":+._=-".utf8.contains($0) })
        else { throw Self.unusable("tags.get") }
        return String(decoding: digest, as: UTF8.self)
    }

    /// Tells "no such image" from "no such repository": the first is an answer, the second a fault of the
    /// deployment's. A repository that was seen is taken for being there for a while.
    private func checkRepository(_ deadline: Deadline, _ context: LogContext) async throws(Failure) {
        if EventLoop.shared.nowNanoseconds < seenUntilNanoseconds { return }
        guard try await get(repositoryTarget, deadline, context) == nil else { return }
        throw Failure(
            kind: .repositoryMissing,
            reason: "the repository \(repository.text) does not exist",
            mayPass: false)
    }

    /// Where a tag of an image is.
    private func target(of tag: String, _ name: ServiceName) -> [UInt8] {
        var target = repositoryTarget
        target.reserveCapacity(target.count + 2 * name.text.utf8.count + tag.utf8.count + 64)
        target.append(contentsOf: "/packages/".utf8)
        URLPath.appendTwice(name, to: &target)
        target.append(contentsOf: "/tags/".utf8)
        URLPath.append(tag.utf8, to: &target)
        return target
    }

    /// Where the image is whose manifest has a digest.
    private func target(of digest: String, imageOf name: ServiceName) -> [UInt8] {
        var target = repositoryTarget
        target.append(contentsOf: "/dockerImages/".utf8)
        URLPath.appendTwice(name, to: &target)
        URLPath.append("@\(digest)".utf8, to: &target)
        return target
    }

    /// The answer to a GET of the repository, or of what is below it; nil when there is no such thing.
    private func get(
        _ target: [UInt8], _ deadline: Deadline, _ context: LogContext
    ) async throws(Failure) -> HTTPResponse? {
        let result = await api.call(.artifactRegistry, .get, target, deadline: deadline, context: context)
        switch (result.reaction, result.response) {
        case (.done, let response?):
            seenUntilNanoseconds =
                EventLoop.shared.nowNanoseconds + ServiceLimits.repositorySeenMilliseconds * 1_000_000
            return response
        case (.notFound, _): return nil
        default:
            throw Failure(
                kind: result.isTimeout || deadline.hasPassed ? .timedOut : .refused,
                reason: result.summary, mayPass: result.mayPass, call: CallFailure(result))
        }
    }

    private static func unusable(_ method: String) -> Failure {
        Failure(kind: .refused, reason: "the answer of \(method) is not what its API says", mayPass: false)
    }
}
