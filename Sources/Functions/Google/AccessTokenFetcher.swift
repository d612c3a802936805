internal import JSON
internal import Net

/// Fetches a token by whatever credentials there are: one to three requests.
@EventLoopActor
final class TokenFetcher {
    private let credentials: Credentials
    private let environment: Environment
    private let caller: UpstreamCaller
    private var hasFoundMetadataServer = false

    init(credentials: Credentials, environment: Environment, caller: UpstreamCaller) {
        self.credentials = credentials
        self.environment = environment
        self.caller = caller
    }

    func fetch(deadline: Deadline) async -> Result<FetchedToken, TokenError> {
        do throws(TokenError) {
            return .success(try await fetch(credentials.kind, .cloudPlatform, deadline))
        } catch {
            return .failure(error)
        }
    }

    private func fetch(
        _ kind: Credentials.Kind, _ scope: TokenScope, _ deadline: Deadline
    ) async throws(TokenError) -> FetchedToken {
        switch kind {
        case .serviceAccount(let key):
            if key.signsOwnTokens {
                guard let token = key.selfSignedToken(scope: scope, now: .now) else {
                    throw .failed("the service account's key cannot sign")
                }
                return token
            }
            guard let request = key.tokenRequest(scope: scope, now: .now) else {
                throw .failed("the service account's key cannot sign")
            }
            return try await token(request, deadline)
        case .authorizedUser(let user):
            return try await token(user.tokenRequest(), deadline)
        case .externalAccount(let account):
            return try await exchange(account, scope, deadline)
        case .impersonated(let source, let impersonation):
            let own = try await fetch(source, .iam, deadline)
            return try await impersonate(impersonation, with: own, scope, deadline)
        case .metadataServer(let server):
            try await find(server, deadline)
            let response = try await send(
                server.tokenRequest(scope: scope), .metadata, deadline,
                attemptMillisecondsMax: server.timeoutMilliseconds)
            guard MetadataServer.isAnswer(response) else {
                throw .failed("what answers at the metadata server's address is none: no Metadata-Flavor")
            }
            guard let token = FetchedToken(answer: response.body) else {
                throw .failed("the metadata server's answer holds no usable token")
            }
            return token
        }
    }

    // MARK: Workload identity federation

    private func exchange(
        _ account: ExternalAccount, _ scope: TokenScope, _ deadline: Deadline
    ) async throws(TokenError) -> FetchedToken {
        let subject = try await subjectToken(account, deadline)
        // A token that only serves to act as another account is asked for with no more rights than that.
        let own = try await token(
            account.tokenRequest(subjectToken: subject, scope: account.impersonation == nil ? scope : .iam),
            deadline)
        guard let impersonation = account.impersonation else { return own }
        return try await impersonate(impersonation, with: own, scope, deadline)
    }

    private func subjectToken(_ account: ExternalAccount, _ deadline: Deadline) async throws(TokenError)
        -> [UInt8]
    {
        let content: [UInt8]
        switch account.source {
        case .file(let path):
            switch environment.contents(of: path) {
            case .success(let bytes): content = bytes
            case .failure(let error): throw .failed("the subject token's file \(path) \(error)")
            }
        case .url:
            guard let request = account.subjectTokenRequest else {
                preconditionFailure("a source with a URL has a request")
            }
            let response = try await send(request, .tokenEndpoint, deadline)
            content = response.body
        }
        guard content.count <= ServiceLimits.credentialsBytesMax,
            let token = account.subjectToken(in: content)
        else {
            throw .failed("the credential source holds no subject token")
        }
        return token
    }

    private func impersonate(
        _ impersonation: Impersonation, with own: FetchedToken, _ scope: TokenScope, _ deadline: Deadline
    ) async throws(TokenError) -> FetchedToken {
        let request = impersonation.tokenRequest(
            authorization: Array("Bearer ".utf8) + own.bytes, scope: scope)
        let response = try await send(request, .tokenEndpoint, deadline)
        guard let token = FetchedToken(impersonationAnswer: response.body, now: .now) else {
            throw .failed("the answer of generateAccessToken holds no usable token")
        }
        return token
    }

    // MARK: Requests

    /// Looks once whether there is a metadata server, so that a machine elsewhere gets a helpful error.
    private func find(_ server: MetadataServer, _ deadline: Deadline) async throws(TokenError) {
        if hasFoundMetadataServer || !server.needsProbing { return }
        do throws(TokenError) {
            let response = try await send(
                TokenRequest(server.origin, MetadataServer.probe), .metadata, deadline,
                attemptMillisecondsMax: server.timeoutMilliseconds)
            guard MetadataServer.isAnswer(response) else { throw TokenError.failed("no Metadata-Flavor") }
        } catch {
            throw .failed(
                "no credentials: GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud's file is not there, "
                    + "and there is no metadata server: \(error)")
        }
        hasFoundMetadataServer = true
    }

    private func token(_ request: TokenRequest, _ deadline: Deadline) async throws(TokenError) -> FetchedToken
    {
        let response = try await send(request, .tokenEndpoint, deadline)
        guard let token = FetchedToken(answer: response.body) else {
            throw .failed("the token endpoint's answer holds no usable token")
        }
        return token
    }

    /// The answer to a request, which is a 200.
    private func send(
        _ request: TokenRequest, _ upstream: Upstream, _ deadline: Deadline,
        attemptMillisecondsMax: UInt64 = .max
    ) async throws(TokenError) -> HTTPResponse {
        let result = await caller.call(
            upstream, at: request.origin, deadline: deadline, attemptMillisecondsMax: attemptMillisecondsMax
        ) { _ in
            request.request
        }
        switch result.last {
        case .answer(let response) where response.status == 200: return response
        case .answer(let response):
            throw .failed("\(Self.name(upstream)) answered \(response.status)\(Self.errorCode(response))")
        case .failure: throw .failed("\(Self.name(upstream)) \(result.summary)")
        case .noToken(let error): throw error
        case .notSent: throw .timedOut
        }
    }

    private static func name(_ upstream: Upstream) -> String {
        upstream == .metadata ? "the metadata server" : "the token endpoint"
    }

    /// The `error` of an answer (RFC 6749 section 5.2), which is one of a few words: everything else stays
    /// unsaid.
    private static func errorCode(_ response: HTTPResponse) -> String {
        guard response.body.count <= ServiceLimits.explainedBodyBytesMax,
            let document = try? JSONDocument(parsing: response.body),
            let code = document.root["error"]?.string, (1...64).contains(code.utf8.count),
            code.utf8.allSatisfy({ $0 &- 0x61 < 26 || $0 == UInt8(ascii: "_") })
        else { return "" }
        return " (\(code))"
    }
}
