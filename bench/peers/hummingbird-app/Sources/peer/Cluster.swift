import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL

/// The cluster's API server, with a client that trusts the cluster's CA alone.
actor Cluster {
    private struct Answer: Decodable {
        struct MasterAuth: Decodable { let clusterCaCertificate: Data }
        let endpoint: String
        let masterAuth: MasterAuth
    }

    private struct Known {
        let base: String
        let certificate: Data
        let client: HTTPClient
        let expires: NIODeadline
    }

    private static let kept = TimeAmount.minutes(10)

    private let google: Google
    private let url: String
    private let namespace: String
    private var known: Known?
    private var question: Task<Known, any Error>?

    init(_ settings: inout Settings, google: Google) {
        self.google = google
        namespace = settings.optional("JOB_NAMESPACE") ?? "default"
        let id = settings.required("KUBERNETES_CLUSTER_ID")
        url = "\(settings.endpoint("container"))/v1/\(id)?fields=endpoint,masterAuth/clusterCaCertificate"
    }

    /// Asks for the endpoint beforehand.
    func prepare(deadline: NIODeadline) async throws { _ = try await locate(deadline: deadline) }

    private func locate(deadline: NIODeadline) async throws -> Known {
        if let known, known.expires > .now() { return known }
        if let question { return try await question.value }
        let task = Task { try await ask(deadline: deadline) }
        question = task
        defer { question = nil }
        return try await task.value
    }

    private func ask(deadline: NIODeadline) async throws -> Known {
        let body = try await google.call(.GET, url, deadline: deadline)
        let answer = try JSONDecoder().decode(Answer.self, from: body)
        let certificate = answer.masterAuth.clusterCaCertificate
        let client: HTTPClient
        if let known, known.certificate == certificate {
            client = known.client
        } else {
            let roots = try NIOSSLCertificate.fromPEMBytes(Array(certificate))
            client = .keeping(idle: Limits.kubernetesIdle, trusting: .certificates(roots))
            if let old = known?.client { Task { try await old.shutdown() } }
        }
        let found = Known(
            base: "https://\(answer.endpoint)/apis/batch/v1/namespaces/\(namespace)/jobs",
            certificate: certificate, client: client, expires: .now() + Self.kept)
        known = found
        return found
    }

    /// It may have moved; the event's redelivery asks anew.
    private func expire() {
        guard let old = known else { return }
        known = Known(base: old.base, certificate: old.certificate, client: old.client, expires: .distantPast)
    }

    private nonisolated func call(
        _ method: HTTPMethod, _ name: String, _ body: Data, deadline: NIODeadline
    ) async throws {
        let known = try await locate(deadline: deadline)
        do {
            _ = try await google.call(
                method, known.base + name, body: body, through: known.client, deadline: deadline)
        } catch let error as StatusError {
            throw error
        } catch {
            await expire()
            throw error
        }
    }

    /// Makes the Job; one that is there already is a success, since its name is the question's.
    nonisolated func create(_ job: Data, deadline: NIODeadline) async throws {
        do {
            try await call(.POST, "", job, deadline: deadline)
        } catch let error as StatusError where error.status == 409 {
            guard String(buffer: error.body).contains("AlreadyExists") else { throw error }
        }
    }

    /// Deletes the question's Job and its Pods; one that is gone is a success.
    nonisolated func delete(question: String, deadline: NIODeadline) async throws {
        do {
            let policy = Data(#"{"propagationPolicy":"Background"}"#.utf8)
            try await call(.DELETE, "/question-\(question)", policy, deadline: deadline)
        } catch let error as StatusError where error.status == 404 {
            return
        }
    }
}
