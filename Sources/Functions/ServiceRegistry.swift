internal import JSON
internal import Net

/// Answers whether a service revision exists, and which revision is a service's default.
@EventLoopActor
final class ServiceRegistry: ServiceHandler {
    /// What is asked; equal queries at the same time share one answer.
    enum Query: Hashable, Sendable {
        case exists(ServiceName, ImageTag)
        case defaultTag(ServiceName)

        var name: ServiceName {
            switch self {
            case .exists(let name, _), .defaultTag(let name): name
            }
        }
    }

    /// What came of a query.
    enum Answer: Sendable, Equatable {
        case found(ImageTag)
        case missing
        case failed(ArtifactRegistry.Failure)
    }

    /// A query on its way: what others wait at who ask the same, if any do, and what came of it.
    @EventLoopActor
    private final class Lookup {
        var gate: Gate?
        var answer: Answer?

        func wait(until deadline: Deadline) async -> Answer {
            let gate = gate ?? Gate()
            self.gate = gate
            _ = await gate.wait(until: deadline)
            return answer
                ?? .failed(.init(kind: .timedOut, reason: "no time was left to wait", mayPass: true))
        }

        func end(with answer: Answer) {
            self.answer = answer
            gate?.open()
        }
    }

    let needsToken: Bool
    private let registry: ArtifactRegistry
    private let pathPrefix: [UInt8]?
    private let timeoutMilliseconds: UInt64
    private let log: Log
    private let metrics: Metrics
    private var lookups: [Query: Lookup] = [:]

    init(_ configuration: ServiceRegistryConfiguration, _ parts: ServiceParts) {
        let endpoint = configuration.service.endpoints.artifactRegistry
        registry = ArtifactRegistry(
            repository: configuration.repository,
            api: GoogleAPI(endpoint, parts, quotaProjectID: configuration.service.quotaProjectID))
        needsToken = endpoint.carriesToken
        pathPrefix = configuration.pathPrefix
        timeoutMilliseconds = configuration.lookupTimeoutMilliseconds
        log = parts.log
        metrics = parts.metrics
    }

    func warmUp(deadline: Deadline, letRequestsPass: () async -> Void) async {
        // A failure shows, and is logged, when a request needs what is prepared here.
        await registry.prepare(deadline: deadline)
    }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        switch request.method {
        case .get, .head: break
        default:
            var response = Self.text(405, "Method Not Allowed")
            response.fields.append("Allow", "GET, HEAD")
            return response
        }
        // The server's grammar refuses it before; a handler does not lean on that.
        guard !request.target.contains(UInt8(ascii: "#")) else { return Self.text(400, "Bad Request") }
        let name = serviceName(request.path)
        if name.equals("health") { return Self.text(200, "OK") }
        if name.equals("robots.txt") || name.equals("favicon.ico") {
            return Self.text(404, "Not Found")
        }
        let tag = request.query.flatMap { URLForm.firstValue(of: "revision_tag", in: $0) } ?? []
        let query = Self.query(name, tag)
        let context = log.context(of: request.fields)
        guard let query else { return Self.missing(name, isDefault: tag.isEmpty) }
        let ownDeadline = min(deadline, .after(milliseconds: timeoutMilliseconds))
        let start = EventLoop.shared.nowNanoseconds
        let answer = await self.answer(query, ownDeadline, context)
        metrics.count(query, answer, nanoseconds: EventLoop.shared.nowNanoseconds - start)
        return Self.response(to: answer, of: name, isDefault: tag.isEmpty)
    }

    /// The path, decoded once, without the slashes at its ends, and without the prefix.
    private func serviceName(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let name = Self.trimmed(URLPath.decode(path)[...])
        guard let pathPrefix, name.starts(with: pathPrefix) else { return name }
        let rest = name.dropFirst(pathPrefix.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/") ? Self.trimmed(rest) : name
    }

    private static func trimmed(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var path = path
        while path.first == UInt8(ascii: "/") { path.removeFirst() }
        while path.last == UInt8(ascii: "/") { path.removeLast() }
        return path
    }

    /// The query, or nil where it names what cannot exist.
    private static func query(_ name: ArraySlice<UInt8>, _ tag: [UInt8]) -> Query? {
        guard let name = ServiceName(name) else { return nil }
        if tag.isEmpty { return .defaultTag(name) }
        guard let tag = ImageTag(tag) else { return nil }
        return .exists(name, tag)
    }

    // MARK: Looking up

    /// Looks up on behalf of all who ask the same meanwhile.
    ///
    /// What fails may have failed for want of its asker's time alone: who waited for it has it made anew,
    /// once.
    private func answer(_ query: Query, _ deadline: Deadline, _ context: LogContext) async -> Answer {
        var hasWaited = false
        while let known = lookups[query] {
            let answer = await known.wait(until: deadline)
            guard case .failed(let failure) = answer, failure.mayPass, !deadline.hasPassed, !hasWaited else {
                return answer
            }
            hasWaited = true
        }
        let lookup = Lookup()
        set(lookup, of: query)
        let answer = await lookUp(query, deadline, context)
        set(nil, of: query)
        lookup.end(with: answer)
        return answer
    }

    /// The look-ups are taken out while they change: then the compiler knows that nobody looks at them.
    private func set(_ lookup: Lookup?, of query: Query) {
        var all = lookups
        lookups = [:]
        all[query] = lookup
        lookups = all
    }

    private func lookUp(_ query: Query, _ deadline: Deadline, _ context: LogContext) async -> Answer {
        let start = EventLoop.shared.nowNanoseconds
        do throws(ArtifactRegistry.Failure) {
            switch query {
            case .exists(let name, let tag):
                return try await registry.hasTag(tag, of: name, deadline: deadline, context: context)
                    ? .found(tag) : .missing
            case .defaultTag(let name):
                return try await registry.defaultTag(of: name, deadline: deadline, context: context)
                    .map { .found($0) } ?? .missing
            }
        } catch {
            log.write(error.mayPass ? .warning : .error, "a look-up failed", context) { line in
                line.field("service", query.name.text)
                if case .exists(_, let tag) = query { line.field("tag", tag.text) }
                if let call = error.call {
                    call.append(to: &line, upstream: "artifact registry")
                } else {
                    line.field("upstream", Upstream.artifactRegistry.rawValue)
                    line.field("reason", error.reason)
                }
                if error.kind == .repositoryMissing {
                    line.field(
                        "remedy",
                        "create it, or set ARTIFACT_REGISTRY_REPOSITORY_ID to the repository there is")
                }
                line.field("ms", milliseconds: EventLoop.shared.nowNanoseconds - start)
            }
            return .failed(error)
        }
    }

    // MARK: Answers

    private static func response(
        to answer: Answer, of name: ArraySlice<UInt8>, isDefault: Bool
    ) -> HTTPResponse {
        switch answer {
        case .found(let tag) where isDefault: json(tag)
        case .found: found
        case .missing: missing(name, isDefault: isDefault)
        case .failed(let failure) where failure.kind == .timedOut:
            text(504, "Artifact Registry did not answer in time")
        case .failed: text(502, "Artifact Registry could not be asked")
        }
    }

    private static let found = text(200, "Service revision found")
    private static let doesNotExist = text(404, "Service revision does not exist")

    private static func missing(_ name: ArraySlice<UInt8>, isDefault: Bool) -> HTTPResponse {
        guard isDefault else { return doesNotExist }
        return text(404, "No default service revision found for \(PythonText.representation(of: name)).")
    }

    private static func json(_ tag: ImageTag) -> HTTPResponse {
        var writer = JSONWriter(capacity: 64)
        writer.beginObject()
        writer.member("revision_tag", tag.text)
        writer.endObject()
        var response = HTTPResponse(status: 200, body: writer.finish() + [0x0A])
        response.fields.append("Content-Type", "application/json")
        response.fields.append("X-Content-Type-Options", "nosniff")
        return response
    }

    /// Plain text that no browser takes for a page: names from outside stand in it.
    private static func text(_ status: Int, _ text: String) -> HTTPResponse {
        var response = HTTPResponse.text(status, text)
        response.fields.append("X-Content-Type-Options", "nosniff")
        return response
    }
}
