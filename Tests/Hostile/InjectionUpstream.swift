import TestSupport

@testable import Functions
@testable import JSON
@testable import Net

/// Every form that a request to an upstream may have.
enum UpstreamForm: CaseIterable {
    case token, project, insert, cluster, create, read, delete, publish, tag, defaultTag, image, repository

    /// The form of a request line and where it goes; nil where it is none. Each target is compared byte by
    /// byte, with a set of characters where a proven name stands.
    static func of(_ method: String, _ target: [UInt8], _ origin: Origin) -> UpstreamForm? {
        let place = (origin.scheme == .https ? "https://" : "http://") + origin.hostField
        switch (place, method) {
        case ("http://169.254.169.254", "GET"), ("http://metadata.google.internal", "GET"):
            if matches(target, ["/computeMetadata/v1/project/project-id"]) { return .project }
            let tokens = "/computeMetadata/v1/instance/service-accounts/default/token"
            let scope = "?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
            return matches(target, [.text(tokens + scope)]) ? .token : nil
        case ("https://bigquery.googleapis.com", "POST"):
            let path = "/bigquery/v2/projects/p-1/datasets/d/tables/t/insertAll?prettyPrint=false"
            return matches(target, [.text(path)]) ? .insert : nil
        case ("https://container.googleapis.com", "GET"):
            let path =
                "/v1/projects/p-1/locations/l/clusters/c?fields=endpoint,masterAuth/clusterCaCertificate,"
                + "controlPlaneEndpointsConfig,privateClusterConfig"
            return matches(target, [.text(path)]) ? .cluster : nil
        case ("https://pubsub.googleapis.com", "POST"):
            let isKnown = ["twined", "dead"].contains {
                matches(target, [.text("/v1/projects/p-1/topics/\($0):publish")])
            }
            return isKnown ? .publish : nil
        case ("https://artifactregistry.googleapis.com", "GET"): return registry(target)
        case ("https://10.0.0.1", _): return kubernetes(method, target)
        default: return nil
        }
    }

    private static func kubernetes(_ method: String, _ target: [UInt8]) -> UpstreamForm? {
        let collection = "/apis/batch/v1/namespaces/default/jobs"
        if method == "POST" { return matches(target, [.text(collection)]) ? .create : nil }
        let label = "abcdefghijklmnopqrstuvwxyz0123456789-"
        guard matches(target, [.text(collection + "/question-"), .some(of: label, max: 54)]),
            target.last != UInt8(ascii: "-")
        else { return nil }
        return method == "GET" ? .read : method == "DELETE" ? .delete : nil
    }

    private static let lower = "abcdefghijklmnopqrstuvwxyz0123456789._-"
    private static let letters = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    /// Of what stands for a name nothing but its own slashes is an escape, `%252F`.
    private static func registry(_ target: [UInt8]) -> UpstreamForm? {
        let repository = "/v1/projects/p-1/locations/l/repositories/r"
        if matches(target, [.text(repository)]) { return .repository }
        let text = String(decoding: target, as: UTF8.self)
        let segments = text.split(separator: "/", omittingEmptySubsequences: false)
        let parts = segments.dropFirst(8).map(String.init)
        guard text.hasPrefix(repository + "/") else { return nil }
        if parts.count == 4, parts[0] == "packages", parts[2] == "tags" {
            guard isName(parts[1], slash: "%252F"), isOf(letters, parts[3], max: 128) else { return nil }
            return parts[3] == "default" ? .defaultTag : .tag
        }
        let halves = (parts.last ?? "").split(separator: "%40", omittingEmptySubsequences: false).map(
            String.init)
        guard parts.count == 2, parts[0] == "dockerImages", halves.count == 2,
            isName(halves[0], slash: "%252F")
        else { return nil }
        let digest = halves[1].split(separator: "%3A", omittingEmptySubsequences: false).map(String.init)
        return digest.count == 2 && digest.allSatisfy { isOf(letters, $0, max: 256) } ? .image : nil
    }

    private static func isName(_ text: String, slash: String) -> Bool {
        text.split(separator: slash, omittingEmptySubsequences: false).allSatisfy {
            isOf(lower, String($0), max: 255) && $0.first != "." && $0.last != "."
        }
    }

    private static func isOf(_ set: String, _ text: String, max most: Int) -> Bool {
        (1...most).contains(text.utf8.count) && text.utf8.allSatisfy { set.utf8.contains($0) }
    }

    private enum Segment: ExpressibleByStringLiteral {
        case text(String)
        /// As many as there are of these characters, at least one.
        case some(of: String, max: Int)

        init(stringLiteral value: String) { self = .text(value) }
    }

    private static func matches(_ target: [UInt8], _ segments: [Segment]) -> Bool {
        matches(target[...], segments[...])
    }

    private static func matches(_ target: ArraySlice<UInt8>, _ segments: ArraySlice<Segment>) -> Bool {
        guard let first = segments.first else { return target.isEmpty }
        switch first {
        case .text(let text):
            return target.starts(with: text.utf8)
                && matches(target.dropFirst(text.utf8.count), segments.dropFirst())
        case .some(let set, let most):
            let set = set.utf8
            let run = target.prefix { set.contains($0) }
            return (1...most).contains(run.count) && matches(target[run.endIndex...], segments.dropFirst())
        }
    }
}

/// Upstreams that check what they are asked, and now and then answer with hostile words of their own.
@EventLoopActor
final class HostileUpstream: HTTPExchange {
    /// Stands in every token.
    static let tokenMark = "ya29.HOSTILE"

    private(set) var tally = Tally()
    private var chance: SeededGenerator
    private var words: HostileWords

    init(seed: UInt64) {
        chance = SeededGenerator(seed: seed ^ 0xABCD)
        words = HostileWords(seed: seed ^ 0x1234)
    }

    func prepareConnection(to origin: Origin, deadline: Deadline) async {}

    func send(
        _ request: HTTPRequest, to origin: Origin, deadline: Deadline
    ) async throws(HTTPClientError) -> HTTPResponse {
        let bytes =
            HTTPSerializer.requestHead(request, hostLine: HTTPSerializer.hostLine(of: origin)) + request.body
        checkMessage(bytes, request, origin)
        let method = request.method.name
        guard let form = UpstreamForm.of(method, Array(request.target), origin) else {
            check(false, "a known request: \(method) \(shown(request.target)) at \(origin.hostField)")
            throw .connectionLost
        }
        tally.add("form \(form)")
        if !request.body.isEmpty {
            check(SlowJSON.accepts(request.body), "a body is JSON: \(shown(request.body))")
        }
        return try answer(form, request)
    }

    private static let fieldNames: Set<String> = [
        "host", "content-type", "content-length", "accept", "authorization", "x-goog-user-project",
        "metadata-flavor",
    ]

    /// A server reads exactly this one request, with known fields; a token only goes out over TLS.
    private func checkMessage(_ bytes: [UInt8], _ request: HTTPRequest, _ origin: Origin) {
        var server = HTTPServerStateMachine(budget: RequestBudget(bytesMax: 1 << 30))
        server.receive(bytes.span)
        guard case .handle(let read) = server.next() else {
            return check(false, "a server can read it: \(shown(bytes))")
        }
        check(
            read.method == request.method && read.target == request.target, "a request line reads as itself")
        check(read.body == request.body, "a body reads as itself")
        for index in 0..<read.fields.count {
            let name = String(decoding: read.fields[index].name, as: UTF8.self).lowercased()
            check(Self.fieldNames.contains(name), "a known field: \(name)")
            check(!HostileWords.isIn(read.fields[index].value), "no field holds what came in")
        }
        _ = server.answer(HTTPResponse(status: 200), date: [])
        guard case .read(.idle) = server.next() else { return check(false, "one request, nothing after it") }
        if origin.scheme == .http { check(!read.fields.contains("authorization"), "no token in clear") }
    }

    // MARK: Answers

    private func answer(_ form: UpstreamForm, _ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse
    {
        if chance.below(60) == 0 {
            throw chance.pick([.connectionLost, .notConnected(.connectionRefused), .timedOut])
        }
        if chance.below(40) == 0 { return hostile(form) }
        switch form {
        case .token:
            let token = chance.below(20) == 0 ? "x\\r\\nInjected: 1" : "\(Self.tokenMark)\(chance.next())"
            return json(200, #"{"access_token":"\#(token)","expires_in":3599,"token_type":"Bearer"}"#)
        case .project:
            var response = HTTPResponse(
                status: 200,
                body: chance.below(3) == 0 ? Array("../p?".utf8) + words.value() : Array("p-1".utf8))
            response.fields.append("Metadata-Flavor", "Google")
            return response
        case .insert:
            if chance.below(12) == 0 {
                let reason = chance.pick(["invalid", "stopped", HostileWords.mark])
                return json(
                    200,
                    #"{"insertErrors":[{"index":0,"errors":[{"reason":"\#(reason)","message":"\#(HostileWords.mark)"}]}]}"#
                )
            }
            return json(200, "{}")
        case .cluster:
            let endpoint = chance.below(4) == 0 ? "evil\\r\\n/#?@\(HostileWords.mark)" : "10.0.0.1"
            return json(200, #"{"endpoint":"\#(endpoint)","masterAuth":{"clusterCaCertificate":"UEVN"}}"#)
        case .create:
            switch chance.below(12) {
            case 0: return json(409, #"{"reason":"AlreadyExists","message":"\#(HostileWords.mark)"}"#)
            case 1: return json(422, #"{"reason":"Invalid","message":"\#(HostileWords.mark)\r\n\u2028\"}"}"#)
            case 2:
                return json(403, #"{"reason":"Forbidden","message":"exceeded quota \#(HostileWords.mark)"}"#)
            default: return json(201, "{}")
            }
        case .read:
            let owner = #"{\"uuid\":\"\#(HostileWords.mark)\\r\\n\"}"#
            return json(
                200, #"{"spec":{"template":{"spec":{"containers":[{"args":["--attributes","\#(owner)"]}]}}}}"#
            )
        case .delete: return json(chance.pick([200, 404]), "{}")
        case .publish: return json(200, #"{"messageIds":["1"]}"#)
        case .tag, .defaultTag:
            if chance.below(3) == 0 { return json(404, "{}") }
            let digest = chance.below(4) == 0 ? "sha256:0a..%2f?#\(HostileWords.mark)" : "sha256:0a1b"
            return json(
                200, #"{"version":"projects/p-1/locations/l/repositories/r/packages/x/versions/\#(digest)"}"#)
        case .image: return json(200, #"{"tags":["default","\#(HostileWords.mark)/\r\n","0.1.0"]}"#)
        case .repository: return json(chance.pick([200, 200, 404]), "{}")
        }
    }

    private func json(_ status: Int, _ text: String) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: Array(text.utf8))
        response.fields.append("Content-Type", "application/json")
        response.fields.append("Metadata-Flavor", "Google")
        return response
    }

    /// Anything at all; but what the metadata server gives as a project, if it can be one, is believed.
    private func hostile(_ form: UpstreamForm) -> HTTPResponse {
        let status = chance.pick([200, 200, 301, 302, 307, 308, 400, 401, 403, 404, 409, 413, 429, 500, 503])
        var response = HTTPResponse(status: status, body: words.value())
        if form == .project { response.body = Array("../".utf8) + response.body }
        response.fields.append("Location", "http://evil.example/")
        response.fields.append("Retry-After", "\(HostileWords.mark)")
        response.fields.append("Metadata-Flavor", "Google")
        return response
    }
}
