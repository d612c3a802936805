import Net

/// One service's listener, which can be closed, opened again on its port, and given another certificate.
@EventLoopActor
final class ManagedListener {
    let name: ServiceName
    let handler: any Handler
    private let host: String
    private(set) var port: UInt16
    private var certificate: CertificateIdentity?
    private var server: HTTPServer?
    private var acceptedByEarlierServers = 0
    /// Whether it presents a certificate that a test has asked for.
    private(set) var isForeign = false
    private let connections: Connections

    init(
        name: ServiceName, handler: any Handler, host: String, port: UInt16,
        certificate: CertificateIdentity?,
        connections: Connections
    ) {
        self.name = name
        self.handler = handler
        self.host = host
        self.port = port
        self.certificate = certificate
        self.connections = connections
    }

    var isOpen: Bool { server != nil }

    /// Connections accepted so far, those without a request or a finished handshake as well.
    var connectionsAccepted: Int { acceptedByEarlierServers + (server?.connectionsAccepted ?? 0) }

    /// Listens, and serves in a task of its own until `close`.
    func open() throws(LocalCloudError) {
        if server != nil { return }
        let tls = try certificate.map { certificate throws(LocalCloudError) in try context(certificate) }
        // A handler that hangs on purpose must not be cut off: a day.
        let server = HTTPServer(
            handler: handler,
            configuration: .init(host: host, port: port, tls: tls, requestTimeoutMilliseconds: 86_400_000))
        do throws(ListenError) {
            try server.listen()
        } catch {
            throw LocalCloudError(description: "\(name.rawValue): \(error.description)")
        }
        port = server.port
        self.server = server
        EventLoop.shared.start { await server.run() }
    }

    private func context(_ certificate: CertificateIdentity) throws(LocalCloudError) -> TLSServerContext {
        guard
            let context = TLSServerContext(
                certificateChainPEM: certificate.chainPEM, privateKeyPEM: certificate.keyPEM,
                requestsClientCertificate: name == .kubernetes, allowsWeakCertificates: true)
        else {
            throw LocalCloudError(
                description:
                    "\(name.rawValue): OpenSSL will not present this certificate"
            )
        }
        return context
    }

    /// Stops listening, and closes the connections that have brought requests; returns once the port is free.
    func close() async {
        guard let server else { return }
        self.server = nil
        server.stop()
        connections.close(of: name)
        while server.port != 0 { await EventLoop.shared.sleep(until: .after(milliseconds: 1)) }
        acceptedByEarlierServers += server.connectionsAccepted
    }

    /// Presents another certificate to new connections; those that are open are closed.
    func present(_ certificate: CertificateIdentity, isForeign: Bool) async throws(LocalCloudError) {
        _ = try context(certificate)
        self.certificate = certificate
        self.isForeign = isForeign
        guard isOpen else { return }
        await close()
        try open()
    }
}
