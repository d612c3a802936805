internal import Glibc
internal import Net

/// Answers Prometheus, on a listener of its own.
@EventLoopActor
final class MetricsHandler: Handler {
    private let metrics: Metrics
    private let kind: FunctionKind
    private let read: @EventLoopActor () -> Readings

    /// `read` is asked at each scrape for what is not counted in `metrics`.
    init(_ metrics: Metrics, _ kind: FunctionKind, read: @escaping @EventLoopActor () -> Readings) {
        self.metrics = metrics
        self.kind = kind
        self.read = read
    }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        switch request.method {
        case .get, .head: break
        default:
            var response = HTTPResponse.text(405, "Metrics are read.\n")
            response.fields.append("Allow", "GET, HEAD")
            return response
        }
        guard request.path.equals("/metrics") else { return .text(404, "See /metrics.\n") }
        var response = HTTPResponse(status: 200, body: Array(metrics.text(read(), kind).utf8))
        response.fields.append("Content-Type", PrometheusText.contentType)
        return response
    }
}

extension Readings {
    /// What the kernel says of this process.
    mutating func readProcess() {
        residentBytes = Self.residentBytes()
        var time = timespec()
        if unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 {
            processorNanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
    }

    /// The second number of /proc/self/statm, in pages (proc_pid_statm(5)); nil where there is no /proc.
    private static func residentBytes() -> Int? {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
        }
        guard count > 0 else { return nil }
        let words = buffer[..<count].split(separator: UInt8(ascii: " "))
        guard words.count > 1, let pages = Int(String(decoding: words[1], as: UTF8.self)) else { return nil }
        return pages * sysconf(CInt(_SC_PAGESIZE))
    }
}

extension Service {
    /// The listener of METRICS_PORT, serving already; nil where there is none to be.
    @EventLoopActor
    static func serveMetrics(
        _ settings: ServiceConfiguration, _ parts: ServiceParts, server: HTTPServer, client: HTTPClient
    ) throws(ListenError) -> HTTPServer? {
        guard let port = settings.metricsPort else { return nil }
        let startSeconds = WallClock.now.seconds
        let handler = MetricsHandler(parts.metrics, settings.kind) {
            var readings = Readings(
                connections: server.connectionCount, connectionsAccepted: server.connectionsAccepted,
                refused: server.refused, upstreamConnectionsOpened: client.connectionsOpened,
                logLinesDropped: parts.log.droppedLines,
                startSeconds: startSeconds)
            readings.readProcess()
            return readings
        }
        let metricsServer = HTTPServer(
            handler: handler, configuration: .init(host: settings.host, port: port, isForFew: true))
        try metricsServer.listen()
        // It goes on while what is in flight is finished, and ends with the program.
        EventLoop.shared.start { await metricsServer.run() }
        return metricsServer
    }
}
