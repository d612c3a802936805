public import Net

/// The project that calls are made in, where no name says another: looked up once.
@EventLoopActor
public final class ProjectLookup {
    private let server: MetadataServer?
    private let caller: UpstreamCaller
    private let log: Log
    private let fetchMilliseconds: UInt64
    private var known: String?
    private let asking = SingleFlight()
    private var failure = TokenError.failed("no project is known: set GOOGLE_CLOUD_PROJECT")

    /// GOOGLE_CLOUD_PROJECT, GCLOUD_PROJECT or the key file's project is `known`; else the metadata server is
    /// asked when it is first needed. Lines of `log` name their traces in it from when it is known.
    public init(
        known: String?, credentials: Credentials?, caller: UpstreamCaller, log: Log,
        fetchMilliseconds: UInt64 = ServiceLimits.tokenFetchMilliseconds
    ) {
        self.fetchMilliseconds = fetchMilliseconds
        self.known = known ?? credentials?.projectID
        self.caller = caller
        self.log = log
        log.projectID = self.known
        if case .metadataServer(let server)? = credentials?.kind {
            self.server = server
        } else {
            server = nil
        }
    }

    /// The project's id, proven to be one.
    public func value(deadline: Deadline) async throws(TokenError) -> String {
        if let known { return known }
        guard let server else { throw failure }
        let answered = asking.begin { [self] in await ask(server) }
        guard await answered.wait(until: deadline) else { throw .timedOut }
        guard let known else { throw failure }
        return known
    }

    private func ask(_ server: MetadataServer) async {
        let deadline = Deadline.after(milliseconds: fetchMilliseconds)
        let result = await caller.call(
            .metadata, at: server.origin, deadline: deadline,
            attemptMillisecondsMax: server.timeoutMilliseconds
        ) { _ in
            MetadataServer.request("project/project-id")
        }
        take(result)
    }

    private func take(_ result: UpstreamResult) {
        guard case .answer(let response) = result.last, response.status == 200,
            MetadataServer.isAnswer(response)
        else {
            failure = .failed(
                "the metadata server did not name the project (\(result.summary)); set GOOGLE_CLOUD_PROJECT")
            return
        }
        guard let text = String(validating: response.body.trimmingWhitespace, as: UTF8.self),
            ProjectID(text) != nil
        else {
            failure = .failed("the metadata server's project is no project id; set GOOGLE_CLOUD_PROJECT")
            return
        }
        known = text
        log.projectID = text
    }
}
