import JSON
import Net

/// Everything the services share: settings, tokens, faults, and what is remembered.
@EventLoopActor
final class Cloud {
    let project: String
    let clusterIdentifier: String
    let repositoryIdentifier: String
    let counters = Counters()
    let recorder = Recorder()
    let faults = FaultTable()
    let connections = Connections()
    let tokens = Tokens()
    let identity: IdentityTokens
    var settings: Settings

    init(project: String) {
        self.project = project
        clusterIdentifier = "projects/\(project)/locations/europe-west1/clusters/main-octue-twined-cluster"
        repositoryIdentifier = "projects/\(project)/locations/europe-west1/repositories/octue-twined-services"
        identity = IdentityTokens(project: project)
        settings = Settings(project: project)
        tokens.reset()
    }

    /// The answer to testIamPermissions: what was asked about, less what is denied.
    func testPermissions(_ request: HTTPRequest) -> HTTPResponse {
        guard let document = try? JSONDocument(parsing: request.body),
            let asked = document.root["permissions"],
            asked.isArray
        else { return .googleInvalid("Invalid JSON payload received.") }
        let allowed = asked.elements.compactMap { $0.string }.filter {
            !settings.deniedPermissions.contains($0)
        }
        return .json { json in
            json.beginObject()
            if !allowed.isEmpty {
                json.key("permissions")
                json.beginArray()
                for permission in allowed { json.string(permission) }
                json.endArray()
            }
            json.endObject()
        }
    }
}
