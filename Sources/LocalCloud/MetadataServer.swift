import JSON
import Net

/// The metadata server, as a Cloud Run instance or a virtual machine sees it.
@EventLoopActor
final class MetadataServer: Service {
    private let cloud: Cloud
    private let email: String

    init(cloud: Cloud) {
        self.cloud = cloud
        email = "service-account@\(cloud.project).iam.gserviceaccount.com"
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard let flavor = request.fields["metadata-flavor"], flavor.equals("Google") else {
            return text(403, "Missing Metadata-Flavor:Google header.\n", type: "text/html; charset=UTF-8")
        }
        guard request.method == .get else { return text(405, "", type: "text/html; charset=UTF-8") }
        let path = String(decoding: request.path, as: UTF8.self)
        switch path {
        case "/": return text(200, "computeMetadata/\n")
        case "/computeMetadata/v1/project/project-id": return text(200, cloud.project)
        case "/computeMetadata/v1/project/numeric-project-id": return text(200, "123456789012")
        case "/computeMetadata/v1/universe/universe-domain", "/computeMetadata/v1/universe/universe_domain":
            return text(200, "googleapis.com")
        case "/computeMetadata/v1/instance/region":
            return text(200, "projects/123456789012/regions/europe-west1")
        default: break
        }
        let prefix = "/computeMetadata/v1/instance/service-accounts/"
        guard path.hasPrefix(prefix) else { return text(404, "", type: "text/html; charset=UTF-8") }
        let rest = path.dropFirst(prefix.count)
        for name in ["default", email] where rest.hasPrefix(name) {
            return account(String(rest.dropFirst(name.count)), request)
        }
        return text(404, "", type: "text/html; charset=UTF-8")
    }

    private func account(_ rest: String, _ request: HTTPRequest) -> HTTPResponse {
        switch rest {
        case "", "/":
            guard Target.parameter("recursive", of: request)?.lowercased() == "true" else {
                return text(200, "aliases\nemail\nidentity\nscopes\ntoken\n")
            }
            return described { json in
                json.beginObject()
                json.key("aliases")
                json.beginArray()
                json.string("default")
                json.endArray()
                json.member("email", email)
                json.key("scopes")
                json.beginArray()
                json.string("https://www.googleapis.com/auth/cloud-platform")
                json.endArray()
                json.endObject()
            }
        case "/email": return text(200, email)
        case "/scopes": return text(200, "https://www.googleapis.com/auth/cloud-platform\n")
        case "/token":
            let token = cloud.tokens.giveMetadata(counters: cloud.counters)
            return described { json in
                json.beginObject()
                json.member("access_token", token)
                json.member("expires_in", cloud.tokens.expiresInSeconds)
                json.member("token_type", "Bearer")
                json.endObject()
            }
        case "/identity":
            guard let audience = Target.parameter("audience", of: request), !audience.isEmpty else {
                return text(400, "non-empty audience parameter required\n")
            }
            return text(200, cloud.identity.token(audience: audience, email: email))
        default: return text(404, "", type: "text/html; charset=UTF-8")
        }
    }

    private func text(_ status: Int, _ text: String, type: String = "application/text") -> HTTPResponse {
        var response = HTTPResponse(status: status, body: Array(text.utf8))
        response.fields.append("Metadata-Flavor", "Google")
        response.fields.append("Content-Type", type)
        response.fields.append("Server", "Metadata Server for VM")
        return response
    }

    private func described(_ write: (inout JSONWriter) -> Void) -> HTTPResponse {
        var writer = JSONWriter()
        write(&writer)
        var response = text(200, "", type: "application/json")
        response.body = writer.finish()
        return response
    }
}
