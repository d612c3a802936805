import Foundation
import Hummingbird
import NIOCore
import NIOFoundationCompat

/// Answers whether a service revision exists, and which is a service's default.
actor ServiceRegistry {
    private struct Tag: Decodable { let version: String }
    private struct Image: Decodable { let tags: [String]? }

    private static let lookupSeconds = 10
    private static let repositorySeen = TimeAmount.minutes(5)

    private nonisolated let google: Google
    private nonisolated let repository: String
    private nonisolated let seconds: Int
    private var seenUntil = NIODeadline.distantPast

    init?(_ settings: inout Settings) {
        google = Google(settings)
        let id = settings.required("ARTIFACT_REGISTRY_REPOSITORY_ID").split(separator: "/")
        repository = "\(settings.endpoint("artifactregistry"))/v1/\(id.joined(separator: "/"))"
        seconds = min(Self.lookupSeconds, settings.eventSeconds)
        guard settings.problems.isEmpty else { return nil }
        Task { [google, seconds] in
            do {
                _ = try await google.token(deadline: .now() + .seconds(Int64(seconds)))
            } catch {
                LogLine(severity: "WARNING", message: "there is no token yet", reason: "\(error)").write()
            }
        }
    }

    nonisolated func handle(_ request: Request) async -> Response {
        let path = request.uri.path.removingPercentEncoding ?? request.uri.path
        if ["/robots.txt", "/favicon.ico"].contains(path) { return answer(.notFound, "Not Found") }
        let name = path.split(separator: "/", omittingEmptySubsequences: true).joined(separator: "/")
        let tag = request.uri.queryParameters.get("revision_tag").flatMap { $0.isEmpty ? nil : $0 }
        let deadline = NIODeadline.now() + .seconds(Int64(seconds))
        do {
            let found = try await lookUp(name, tag, deadline)
            switch (found, tag) {
            case (let found?, nil):
                let body = String(decoding: try encode(["revision_tag": found]), as: UTF8.self)
                return answer(.ok, body + "\n", type: "application/json")
            case (nil, nil): return answer(.notFound, "No default service revision found for '\(name)'.")
            case (_?, _): return answer(.ok, "Service revision found")
            case (nil, _): return answer(.notFound, "Service revision does not exist")
            }
        } catch {
            LogLine(severity: "ERROR", message: "a look-up failed", reason: "\(error)").write()
            return deadline < .now()
                ? answer(.gatewayTimeout, "Artifact Registry did not answer in time")
                : answer(.badGateway, "Artifact Registry could not be asked")
        }
    }

    /// The tag, or without one the default's; nil where there is none.
    private nonisolated func lookUp(
        _ name: String, _ tag: String?, _ deadline: NIODeadline
    ) async throws -> String? {
        guard Self.isServiceName(name), tag.map({ isImageTag($0) }) ?? true else { return nil }
        // The identifier holds an escaped slash, and is escaped again as a part of the path.
        let image = name.split(separator: "/").joined(separator: "%252F")
        guard let body = try await get("/packages/\(image)/tags/\(tag ?? "default")", deadline) else {
            return nil
        }
        if let tag { return tag }
        let version = try JSONDecoder().decode(Tag.self, from: body).version
        let digest = version.split(separator: "/").last ?? ""
        guard let details = try await get("/dockerImages/\(image)@\(digest)", deadline) else { return nil }
        let tags = try JSONDecoder().decode(Image.self, from: details).tags ?? []
        return tags.first { $0 != "default" && $0 != "latest" } ?? "default"
    }

    /// Segments of letters and digits, with separators only between them.
    private static func isServiceName(_ name: String) -> Bool {
        !name.isEmpty
            && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
                guard let first = segment.utf8.first, let last = segment.utf8.last else { return false }
                return isLower(first) && isLower(last)
                    && segment.utf8.allSatisfy { isLower($0) || "._-".utf8.contains($0) }
            }
    }

    /// The answer to a GET below the repository; nil when there is no such thing in a repository that exists.
    private func get(_ path: String, _ deadline: NIODeadline) async throws -> ByteBuffer? {
        do {
            let body = try await google.call(.GET, repository + path, deadline: deadline)
            seenUntil = .now() + Self.repositorySeen
            return body
        } catch let error as StatusError where error.status == 404 {
            if seenUntil < .now() {
                _ = try await google.call(.GET, repository, deadline: deadline)
                seenUntil = .now() + Self.repositorySeen
            }
            return nil
        }
    }
}
