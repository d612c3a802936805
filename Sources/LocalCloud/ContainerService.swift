import JSON
import Net

/// What clusters.get says about the cluster.
struct ClusterDescription {
    var exists = true
    /// Nil leaves the member out.
    var endpoint: String?
    /// Base64 of PEM; nil leaves the member out.
    var clusterCaCertificate: String?
    /// JSON text, given back as it is.
    var controlPlaneEndpointsConfig: [UInt8]?
    /// JSON text, given back as it is.
    var privateClusterConfig: [UInt8]?
}

/// GKE, the container API v1: `clusters.get` of one cluster.
@EventLoopActor
final class ContainerService: Service {
    private let cloud: Cloud
    private let path: [UInt8]
    var cluster: ClusterDescription

    init(cloud: Cloud, cluster: ClusterDescription) {
        self.cloud = cloud
        self.cluster = cluster
        path = Array("/v1/\(cloud.clusterIdentifier)".utf8)
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard cloud.tokens.accepts(request) else { return .googleUnauthorized }
        guard request.method == .get else { return .googleNoMethod }
        guard cluster.exists, request.path.elementsEqual(path) else {
            let asked = Target.decodedText(request.path.dropFirst(4))
            guard asked.hasPrefix("projects/"), asked.contains("/clusters/") else { return .googleNoMethod }
            return .googleNotFound("Not found: \(asked).")
        }
        return .json(capacity: 4_096) { json in
            json.beginObject()
            json.member("name", String(cloud.clusterIdentifier.split(separator: "/").last ?? ""))
            if let certificate = cluster.clusterCaCertificate {
                json.key("masterAuth")
                json.beginObject()
                json.member("clusterCaCertificate", certificate)
                json.endObject()
            }
            if let endpoint = cluster.endpoint { json.member("endpoint", endpoint) }
            if let config = cluster.privateClusterConfig {
                json.key("privateClusterConfig")
                json.raw(config)
            }
            if let config = cluster.controlPlaneEndpointsConfig {
                json.key("controlPlaneEndpointsConfig")
                json.raw(config)
            }
            json.member("status", "RUNNING")
            json.member("location", "europe-west1")
            json.endObject()
        }
    }
}
