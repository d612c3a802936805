public import Net

/// Why the local cloud cannot start, in one line.
public struct LocalCloudError: Error, CustomStringConvertible, Sendable {
    /// One line.
    public let description: String
}

/// The pretend Google: all services, their listeners and certificates, and the control port.
@EventLoopActor
public final class LocalCloud {
    private let options: LocalCloudOptions
    let cloud: Cloud
    let certificates: Certificates
    let bigQuery: BigQuery
    let container: ContainerService
    let kubernetes: KubernetesAPI
    let artifactRegistry: ArtifactRegistry
    let pubSub: PubSub
    let directory: String
    private(set) var listeners: [ServiceName: ManagedListener] = [:]
    private var front: HTTPServer?
    private let stopped = Gate()

    /// Makes certificates, writes them, and prepares every service; nothing listens yet.
    public init(options: LocalCloudOptions) throws {
        self.options = options
        if let given = options.directory {
            directory = given
            try Files.makeDirectory(given)
        } else {
            directory = try Files.makeTemporaryDirectory()
        }
        cloud = Cloud(project: options.project)
        cloud.settings.isRecording = options.isRecording
        certificates = try Certificates(address: options.address)
        bigQuery = BigQuery(cloud: cloud)
        container = ContainerService(cloud: cloud, cluster: ClusterDescription())
        kubernetes = KubernetesAPI(cloud: cloud)
        artifactRegistry = ArtifactRegistry(cloud: cloud)
        pubSub = PubSub(cloud: cloud)
        try Files.write(certificates.publicAuthority.certificatePEM, to: "\(directory)/ca.pem")
        try Files.write(certificates.clusterAuthority.certificatePEM, to: "\(directory)/cluster-ca.pem")
    }

    /// Opens every listener.
    public func start() throws(LocalCloudError) {
        for service in ServiceName.allCases {
            let listener = ManagedListener(
                name: service,
                handler: service == .control
                    ? ControlHandler(owner: self)
                    : ServiceHandler(cloud: cloud, name: service, service: make(service)),
                host: options.address, port: options.ports[service] ?? 0,
                certificate: try certificates.initial(for: service), connections: cloud.connections)
            try listener.open()
            listeners[service] = listener
        }
        container.cluster = initialCluster()
        cloud.counters.accepted = { [weak self] service in self?.listeners[service]?.connectionsAccepted ?? 0
        }
        try openFront()
        do throws(FileError) {
            try Files.write(
                Readiness.lines(readiness.eventHandler), to: "\(directory)/event-handler.env")
            try Files.write(
                Readiness.lines(readiness.serviceRegistry), to: "\(directory)/service-registry.env")
        } catch {
            throw LocalCloudError(description: error.description)
        }
    }

    /// The line that says it is ready, with a line feed.
    public var readinessLine: [UInt8] { readiness.json() + [10] }

    /// Returns after `stop()`.
    public func waitUntilStopped() async {
        while !(await stopped.wait(until: .after(milliseconds: 3_600_000))) {}
    }

    /// Lets `waitUntilStopped()` return.
    public func stop() {
        stopped.open()
    }

    /// Ends every listener and connection, lets go what hangs, and removes the folder if it was a
    /// temporary one.
    public func close() async {
        cloud.faults.clear(nil)
        pubSub.push.reset(keepsSubscriptions: false)
        front?.stop()
        for listener in listeners.values { await listener.close() }
        if options.directory == nil {
            Files.remove(
                directory, ["ca.pem", "cluster-ca.pem", "event-handler.env", "service-registry.env"])
        }
    }

    /// Whether requests are kept from the start.
    var recordsFromStart: Bool { options.isRecording }

    var readiness: Readiness {
        Readiness(
            address: options.address, directory: directory, project: cloud.project,
            clusterIdentifier: cloud.clusterIdentifier, repositoryIdentifier: cloud.repositoryIdentifier,
            ports: listeners.mapValues { $0.port }, frontPort: front?.port)
    }

    private func make(_ service: ServiceName) -> any Service {
        switch service {
        case .control, .metadata: MetadataServer(cloud: cloud)
        case .bigquery: bigQuery
        case .container: container
        case .kubernetes: kubernetes
        case .artifactregistry: artifactRegistry
        case .pubsub: pubSub
        case .pubsubEmulator: PubSubEmulator(pubSub: pubSub)
        case .credentials: CredentialsService(cloud: cloud)
        }
    }

    /// The cluster as clusters.get describes it at start: the Kubernetes listener, and the cluster's CA.
    func initialCluster() -> ClusterDescription {
        let endpoint = readiness.address(of: .kubernetes)
        let quoted = FieldError.quoted(endpoint)
        var cluster = ClusterDescription()
        cluster.endpoint = endpoint
        cluster.clusterCaCertificate = certificates.clusterAuthorityBase64
        cluster.controlPlaneEndpointsConfig = Array(
            (#"{"dnsEndpointConfig":{"allowExternalTraffic":false},"ipEndpointsConfig":{"enabled":true,"#
                + #""enablePublicEndpoint":true,"publicEndpoint":\#(quoted),"privateEndpoint":\#(quoted)}}"#)
                .utf8)
        cluster.privateClusterConfig = Array(
            #"{"privateEndpoint":\#(quoted),"publicEndpoint":\#(quoted)}"#.utf8)
        return cluster
    }

    /// Begins the cluster's certificate authority anew, as a rotation of credentials does.
    func rotateClusterAuthority() async throws {
        try certificates.rotateClusterAuthority()
        try Files.write(certificates.clusterAuthority.certificatePEM, to: "\(directory)/cluster-ca.pem")
        container.cluster.clusterCaCertificate = certificates.clusterAuthorityBase64
        if let certificate = try certificates.initial(for: .kubernetes) {
            try await listeners[.kubernetes]?.present(certificate, isForeign: false)
        }
    }

    private func openFront() throws(LocalCloudError) {
        guard let port = options.frontPort, let certificate = try certificates.initial(for: .bigquery) else {
            return
        }
        let handlers = listeners.compactMapValues { $0.handler.transmitter }
        let server = HTTPServer(
            handler: FrontHandler(handlers: handlers),
            configuration: .init(
                host: options.address, port: port,
                tls: TLSServerContext(
                    certificateChainPEM: certificate.chainPEM, privateKeyPEM: certificate.keyPEM),
                requestTimeoutMilliseconds: 86_400_000))
        do throws(ListenError) {
            try server.listen()
        } catch {
            throw LocalCloudError(description: "front: \(error.description)")
        }
        front = server
        EventLoop.shared.start { await server.run() }
    }
}

/// Gives each request to the service whose host it names.
@EventLoopActor
final class FrontHandler: TransmittingHandler {
    private let handlers: [ServiceName: any TransmittingHandler]
    /// Whose answers are on their way, by the number of the request.
    private var answering: [Int: any TransmittingHandler] = [:]

    init(handlers: [ServiceName: any TransmittingHandler]) { self.handlers = handlers }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        guard let host = request.fields["host"], let service = ServiceName.ofHost(Array(host)),
            let handler = handlers[service]
        else { return .googleNoMethod }
        let response = await handler.handle(request, deadline: deadline)
        answering[response.annotation] = handler
        return response
    }

    func transmit(
        _ bytes: [UInt8], of response: HTTPResponse, over stream: ByteStream, deadline: Deadline
    ) async throws(StreamError) {
        if let handler = answering.removeValue(forKey: response.annotation) {
            try await handler.transmit(bytes, of: response, over: stream, deadline: deadline)
        } else {
            try await stream.write(bytes, deadline: deadline)
        }
    }
}
