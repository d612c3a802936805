import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL

/// An answer that says no.
struct StatusError: Error, CustomStringConvertible {
    let status: Int
    let body: ByteBuffer
    var description: String { "status \(status)" }
}

enum Limits {
    static let answerBytes = 16 << 20
    static let bodyBytes = 16 << 20
    static let connectionsPerHost = 256
    static let googleIdle = TimeAmount.seconds(240)
    static let kubernetesIdle = TimeAmount.seconds(80)
    static let connect = TimeAmount.seconds(10)
    /// A token is fetched anew so long before it expires.
    static let tokenAheadSeconds = 225.0
}

extension HTTPClient {
    /// A client that keeps connections, enough of them for every event in flight.
    static func keeping(idle: TimeAmount, trusting roots: NIOSSLTrustRoots) -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = roots
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: Limits.connect))
        configuration.connectionPool.idleTimeout = idle
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Limits.connectionsPerHost
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Sends a request and reads the whole answer; once more when a kept connection had gone.
    func call(_ request: HTTPClientRequest, deadline: NIODeadline) async throws -> ByteBuffer {
        let response: HTTPClientResponse
        do {
            response = try await execute(request, deadline: deadline)
        } catch let error as HTTPClientError where error == .remoteConnectionClosed {
            response = try await execute(request, deadline: deadline)
        }
        let body = try await response.body.collect(upTo: Limits.answerBytes)
        guard (200..<300).contains(response.status.code) else {
            throw StatusError(status: Int(response.status.code), body: body)
        }
        return body
    }
}

/// Google's services, asked with the metadata server's token, which is kept until it is about to expire.
actor Google {
    private struct Token: Decodable {
        let access_token: String
        let expires_in: Double
    }

    nonisolated let client: HTTPClient
    private nonisolated let metadata: String
    private var current: (token: String, expires: Date)?
    private var fetch: Task<String, any Error>?

    init(_ settings: Settings) {
        let host = settings.optional("GCE_METADATA_HOST") ?? "metadata.google.internal"
        metadata = "http://\(host)/computeMetadata/v1/"
        let roots = settings.optional("SSL_CERT_FILE").map { NIOSSLTrustRoots.file($0) } ?? .default
        client = .keeping(idle: Limits.googleIdle, trusting: roots)
    }

    /// A value of the metadata server.
    nonisolated func metadata(_ path: String, deadline: NIODeadline) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: metadata + path)
        request.headers.add(name: "Metadata-Flavor", value: "Google")
        return try await client.call(request, deadline: deadline)
    }

    /// The token; fetched once for all who wait.
    func token(deadline: NIODeadline) async throws -> String {
        if let current, current.expires.timeIntervalSinceNow > Limits.tokenAheadSeconds {
            return current.token
        }
        if let fetch { return try await fetch.value }
        let task = Task { try await fetchToken(deadline: deadline) }
        fetch = task
        defer { fetch = nil }
        return try await task.value
    }

    private func fetchToken(deadline: NIODeadline) async throws -> String {
        let scope = "https://www.googleapis.com/auth/cloud-platform"
        let body = try await metadata(
            "instance/service-accounts/default/token?scopes=\(scope)", deadline: deadline)
        let answer = try JSONDecoder().decode(Token.self, from: body)
        current = (answer.access_token, Date(timeIntervalSinceNow: answer.expires_in))
        return answer.access_token
    }

    private func forgetToken() { current = nil }

    /// Sends one request with the token, through the client of the service.
    nonisolated func call(
        _ method: HTTPMethod, _ url: String, body: Data? = nil, through client: HTTPClient? = nil,
        deadline: NIODeadline
    ) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers.add(name: "Accept", value: "application/json")
        if url.hasPrefix("https://") {
            request.headers.add(name: "Authorization", value: "Bearer \(try await token(deadline: deadline))")
        }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        do {
            return try await (client ?? self.client).call(request, deadline: deadline)
        } catch let error as StatusError where error.status == 401 {
            await forgetToken()
            throw error
        }
    }
}
