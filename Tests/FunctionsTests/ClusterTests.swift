import JSON
import Net
import Testing

@testable import Functions

private let authority = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

/// What GKE says of a cluster, with one part replaced.
private func description(
    endpoint: String? = "\"203.0.113.7\"", control: String = "{}", privateCluster: String = "null"
) throws(ClusterError) -> ClusterDescription {
    let certificate = String(decoding: Base64.encode(Array(authority.utf8)), as: UTF8.self)
    var members = [#""masterAuth":{"clusterCaCertificate":"\#(certificate)"}"#]
    if let endpoint { members.append(#""endpoint":\#(endpoint)"#) }
    members.append(#""controlPlaneEndpointsConfig":\#(control)"#)
    members.append(#""privateClusterConfig":\#(privateCluster)"#)
    return try ClusterDescription(parsing: Array("{\(members.joined(separator: ","))}".utf8))
}

private let everyEndpoint = """
    {"dnsEndpointConfig":{"endpoint":"gke-1.europe-west1.gke.goog","allowExternalTraffic":true},
     "ipEndpointsConfig":{"enabled":true,"enablePublicEndpoint":true,
                          "publicEndpoint":"203.0.113.8","privateEndpoint":"10.0.0.2"}}
    """

@Suite("The cluster's endpoint")
struct ClusterTests {
    private static let ownAuthority = TrustAnchors.certificateAuthority(
        CertificateAuthority(pem: Array(authority.utf8)))

    @Test("auto is the endpoint as GKE gives it, verified against the cluster's own authority by address")
    func auto() throws {
        let origin = try description(control: everyEndpoint).origin(.auto)
        #expect(origin.host == "203.0.113.7" && origin.port == 443 && origin.scheme == .https)
        #expect(origin.trust == Self.ownAuthority)
        #expect(origin.idleMilliseconds == 80_000)
    }

    @Test(
        "each choice takes exactly its own endpoint, with the trust that it asks for",
        arguments: [
            (EventHandlerConfiguration.ClusterEndpoint.dns, "gke-1.europe-west1.gke.goog", true),
            (.public, "203.0.113.8", false), (.private, "10.0.0.2", false),
        ])
    func choices(choice: EventHandlerConfiguration.ClusterEndpoint, host: String, isPublic: Bool) throws {
        let origin = try description(control: everyEndpoint).origin(choice)
        #expect(origin.host == host)
        #expect(origin.trust == (isPublic ? .system : Self.ownAuthority))
        #expect(origin.idleMilliseconds == 80_000)
    }

    @Test("where the endpoint is empty, auto takes the public, then the DNS, then the private one")
    func autoWithoutEndpoint() throws {
        for endpoint in [nil, "\"\"", "null"] as [String?] {
            #expect(
                try description(endpoint: endpoint, control: everyEndpoint).origin(.auto).host
                    == "203.0.113.8")
        }
        let withoutPublic = everyEndpoint.replacing(
            "\"enablePublicEndpoint\":true", "\"enablePublicEndpoint\":false")
        #expect(
            try description(endpoint: nil, control: withoutPublic).origin(.auto).host
                == "gke-1.europe-west1.gke.goog")
        let withoutDNS = withoutPublic.replacing(
            "\"allowExternalTraffic\":true", "\"allowExternalTraffic\":false")
        #expect(try description(endpoint: nil, control: withoutDNS).origin(.auto).host == "10.0.0.2")
    }

    @Test("where a cluster's addresses are switched off, neither the public nor the private one is taken")
    func withoutAddresses() throws {
        let control = everyEndpoint.replacing("\"enabled\":true", "\"enabled\":false")
        let old = #"{"privateEndpoint":"10.1.0.2","publicEndpoint":"203.0.113.9"}"#
        let cluster = try description(endpoint: nil, control: control, privateCluster: old)
        #expect(try cluster.origin(.auto).host == "gke-1.europe-west1.gke.goog")
        for choice in [EventHandlerConfiguration.ClusterEndpoint.public, .private] {
            let error = #expect(throws: ClusterError.self) { try cluster.origin(choice) }
            #expect(error?.description.hasSuffix("KUBERNETES_ENDPOINT can be one of: dns") ?? false)
        }
    }

    @Test("an endpoint that holds a DNS name has a public certificate; a port and IPv6 are understood")
    func forms() throws {
        let name = try description(endpoint: "\"gke-2.europe-west1.gke.goog\"").origin(.auto)
        #expect(name.trust == .system)
        let same = try description(
            endpoint: "\"control.example\"", control: #"{"dnsEndpointConfig":{"endpoint":"control.example"}}"#
        ).origin(.auto)
        #expect(same.trust == .system)
        let port = try description(endpoint: "\"127.0.0.1:16443\"").origin(.auto)
        #expect(port.port == 16_443 && port.trust == Self.ownAuthority)
        for text in ["\"2001:db8::1\"", "\"[2001:db8::1]\""] {
            let v6 = try description(endpoint: text).origin(.auto)
            #expect(
                v6.host == "2001:db8::1" && v6.hostField == "[2001:db8::1]" && v6.trust == Self.ownAuthority)
        }
    }

    @Test("an older cluster's private configuration names its addresses")
    func privateClusterConfig() throws {
        let privateCluster = #"{"privateEndpoint":"10.1.0.2","publicEndpoint":"203.0.113.9"}"#
        #expect(try description(privateCluster: privateCluster).origin(.private).host == "10.1.0.2")
        #expect(try description(privateCluster: privateCluster).origin(.public).host == "203.0.113.9")
    }

    @Test("a cluster without the chosen endpoint is an error that names the ones it has")
    func missing() throws {
        let error = #expect(throws: ClusterError.self) { try description().origin(.dns) }
        #expect(error?.description.contains("no dns endpoint") ?? false)
        #expect(error?.description.contains("auto") ?? false)
        let none = #expect(throws: ClusterError.self) { try description(endpoint: nil).origin(.auto) }
        #expect(none?.description.contains("no endpoint at all") ?? false)
    }

    @Test(
        "an answer that says no usable endpoint is an error, never a guess",
        arguments: ["\"https://203.0.113.7\"", "\"203.0.113.7/path\"", "\"a b\"", "\"u@h\"", "7", "[]"])
    func unusable(endpoint: String) {
        #expect(throws: ClusterError.self) { try description(endpoint: endpoint).origin(.auto) }
    }

    /// A cluster that GKE says to be at one address after another.
    @EventLoopActor
    private struct Bench {
        let exchange: FakeExchange
        let cluster: Cluster

        init(_ addresses: [String]) throws {
            var rest = addresses[...]
            exchange = FakeExchange { _, _ in
                guard let address = rest.popFirst() else { return .failure(.connectionLost) }
                let certificate = text(Base64.encode(Array(authority.utf8)))
                let members =
                    #""endpoint":"\#(address)","masterAuth":{"clusterCaCertificate":"\#(certificate)"}"#
                return .success(.json(200, "{\(members)}"))
            }
            let log = Log.silent()
            let caller = UpstreamCaller(exchange: exchange, log: log)
            let parts = ServiceParts(
                exchange: exchange, caller: caller, token: .fixed,
                project: ProjectLookup(known: "p", credentials: nil, caller: caller, log: log), log: log)
            let endpoint = Endpoint(service: "container", universeDomain: "googleapis.com")
            let id = try #require(ClusterID("projects/p/locations/l/clusters/c".utf8))
            cluster = Cluster(
                id: id, choice: .auto, api: GoogleAPI(endpoint, parts, quotaProjectID: nil), log: log)
        }

        func origin() async throws -> Origin {
            try await cluster.origin(deadline: .after(milliseconds: 10_000))
        }
    }

    @Test("a cluster that has moved is left: connections to where it was are closed, once")
    func moved() async throws {
        let addresses = ["203.0.113.7", "203.0.113.7", "203.0.113.9", "203.0.113.9"]
        let (hosts, forgotten) = try await LoopSupport.run {
            let bench = try Bench(addresses)
            var hosts: [String] = []
            for _ in addresses {
                let origin = try await bench.origin()
                hosts.append(origin.host)
                bench.cluster.forget(origin)
            }
            return (hosts, bench.exchange.forgotten.map(\.host))
        }
        #expect(hosts == addresses)
        #expect(forgotten == ["203.0.113.7"])
    }

    @Test("who finds an endpoint dead that was replaced meanwhile takes the new one, and GKE is not asked")
    func replacedMeanwhile() async throws {
        let (hosts, asked) = try await LoopSupport.run {
            let bench = try Bench(["203.0.113.7", "203.0.113.9", "203.0.113.10"])
            let old = try await bench.origin()
            var hosts: [String] = []
            for _ in 0..<3 {
                bench.cluster.forget(old)
                hosts.append(try await bench.origin().host)
            }
            return (hosts, bench.exchange.sent.count)
        }
        #expect(hosts == ["203.0.113.9", "203.0.113.9", "203.0.113.9"])
        #expect(asked == 2)
    }

    @Test("an address without the cluster's authority is an error, and so is an authority that is no base64")
    func authorityMissing() {
        for body in [
            #"{"endpoint":"203.0.113.7"}"#, #"{"endpoint":"203.0.113.7","masterAuth":{}}"#,
            #"{"endpoint":"203.0.113.7","masterAuth":{"clusterCaCertificate":"!"}}"#, "[]", "nonsense",
        ] {
            #expect(throws: ClusterError.self) {
                try ClusterDescription(parsing: Array(body.utf8)).origin(.auto)
            }
        }
    }
}

extension String {
    fileprivate func replacing(_ text: String, _ other: String) -> String {
        var result = ""
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            result += rest[..<range.lowerBound] + other
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
}
