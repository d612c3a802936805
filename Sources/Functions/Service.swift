internal import Glibc
package import Net

/// What a function is built from.
@EventLoopActor
struct ServiceParts {
    let exchange: any HTTPExchange
    let caller: UpstreamCaller
    let token: AccessToken
    let project: ProjectLookup
    let log: Log
    /// How long a fetch may take that is made on behalf of several events: less than any one of them has,
    /// so that one stalled attempt leaves time for another.
    let sharedFetchMilliseconds: UInt64

    /// What the program counts.
    var metrics: Metrics { caller.metrics }

    /// These parts.
    init(
        exchange: any HTTPExchange, caller: UpstreamCaller, token: AccessToken, project: ProjectLookup,
        log: Log, sharedFetchMilliseconds: UInt64 = ServiceLimits.tokenFetchMilliseconds
    ) {
        self.sharedFetchMilliseconds = sharedFetchMilliseconds
        self.exchange = exchange
        self.caller = caller
        self.token = token
        self.project = project
        self.log = log
    }

    /// The parts of a program with this configuration.
    init(
        _ configuration: ServiceConfiguration, environment: Environment, exchange: any HTTPExchange, log: Log,
        random: @escaping @EventLoopActor () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        self.exchange = exchange
        self.log = log
        caller = UpstreamCaller(exchange: exchange, log: log, random: random)
        sharedFetchMilliseconds = min(
            ServiceLimits.tokenFetchMilliseconds, configuration.eventTimeoutMilliseconds)
        token = AccessToken(
            credentials: configuration.credentials, absence: configuration.credentialsAbsence,
            environment: environment, caller: caller, log: log,
            timing: .init(fetchMilliseconds: sharedFetchMilliseconds))
        project = ProjectLookup(
            known: configuration.projectID?.text, credentials: configuration.credentials, caller: caller,
            log: log, fetchMilliseconds: sharedFetchMilliseconds)
    }
}

/// The program: from its arguments to its exit status.
public enum Service {
    /// Exit statuses (sysexits.h).
    enum ExitStatus {
        static let success: Int32 = 0
        static let checkFailed: Int32 = 1
        static let usage: Int32 = 64
        static let cannotListen: Int32 = 71
        static let outputError: Int32 = 74
        static let configuration: Int32 = 78
    }

    /// Runs the program. `arguments` are those of the process, its name first. Returns the exit status.
    public static func run(_ arguments: [String], environment: Environment = .process) -> Int32 {
        run(arguments, environment: environment) { $0 }
    }

    /// What stands between the server and the function's handler.
    package typealias Wrapping = @EventLoopActor @Sendable (any Handler) -> any Handler

    /// The same with something in between: a bench proves with it that it notices what is dearer on purpose.
    package static func run(
        _ arguments: [String], environment: Environment = .process, wrapping wrap: @escaping Wrapping
    ) -> Int32 {
        occupyStandardDescriptors()
        switch Command(Array(arguments.dropFirst()), environment: environment) {
        case .version:
            return answer(Array("twined-functions \(Version.current)\n".utf8), ExitStatus.success)
        case .help:
            return answer(Array(Usage.help.utf8), ExitStatus.success)
        case .misused(let reason):
            return refuse("twined-functions: \(reason)\n\(Usage.summary)", ExitStatus.usage)
        case .wrongTarget(let target):
            let problem = ConfigurationError.Problem(
                wrong: "FUNCTION_TARGET", target, expected: "handle_event or handle_request")
            return refuse(
                "twined-functions: 1 setting is wrong\n  \(problem.text)\n", ExitStatus.configuration)
        case .check(let kind, let asJSON):
            Process.forbidCoreDumps()
            Process.letSignalsEndIt()
            return check(kind, asJSON: asJSON, environment)
        case .run(let kind):
            return run(kind, environment, wrap)
        }
    }

    private static func run(
        _ kind: FunctionKind, _ environment: Environment, _ wrap: @escaping Wrapping
    ) -> Int32 {
        Process.forbidCoreDumps()
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try Configuration(kind, environment: environment)
        } catch {
            return refuse("\(error)\n", ExitStatus.configuration)
        }
        return EventLoop.shared.runProcess { await serve(configuration, environment, wrap) }
    }

    /// Listens and serves until a signal asks for the end.
    @EventLoopActor
    private static func serve(
        _ configuration: Configuration, _ environment: Environment, _ wrap: Wrapping
    ) async -> Int32 {
        let settings = configuration.service
        let sink = StandardErrorSink()
        let log = Log(
            level: settings.logLevel, sink: sink,
            form: sink.isTerminal ? .text(isColoured: wantsColours(environment)) : .json,
            service: environment["K_SERVICE"] ?? settings.kind.rawValue,
            writesExecutionIDs: settings.logsExecutionIDs)
        defer { log.drain() }
        if !Process.reportCrash(log.crashReport()) { log.write(.warning, "a crash would not be reported") }
        let signals: SignalSource
        do throws(Errno) {
            signals = try SignalSource()
        } catch {
            log.write(.error, "signals cannot be watched") { $0.field("reason", error.description) }
            return ExitStatus.cannotListen
        }
        let client = HTTPClient()
        let parts = ServiceParts(settings, environment: environment, exchange: client, log: log)
        let handler: any ServiceHandler
        let timeoutMilliseconds: UInt64
        switch configuration {
        case .serviceRegistry(let configuration):
            handler = ServiceRegistry(configuration, parts)
            timeoutMilliseconds = configuration.lookupTimeoutMilliseconds
        case .eventHandler(let configuration):
            handler = EventHandler(configuration, parts)
            timeoutMilliseconds = settings.eventTimeoutMilliseconds
        }
        let server = HTTPServer(
            handler: wrap(handler),
            configuration: .init(
                host: settings.host, port: settings.port, requestTimeoutMilliseconds: timeoutMilliseconds))
        let metricsServer: HTTPServer?
        do throws(ListenError) {
            try server.listen()
            metricsServer = try serveMetrics(settings, parts, server: server, client: client)
        } catch {
            log.write(.error, "cannot listen") { $0.field("reason", error.description) }
            return ExitStatus.cannotListen
        }
        log.write(.info, "listening") { line in
            line.field("function", settings.kind.rawValue)
            line.field("version", Version.current)
            line.field("host", settings.host)
            line.field("port", Int(server.port))
            if let metricsServer { line.field("metrics_port", Int(metricsServer.port)) }
        }
        await serve(server, handler, parts, signals)
        return ExitStatus.success
    }

    @EventLoopActor
    private static func serve(
        _ server: HTTPServer, _ handler: any ServiceHandler, _ parts: ServiceParts, _ signals: SignalSource
    ) async {
        EventLoop.shared.start {
            let signal = await signals.next()
            parts.log.write(.info, "stopping, what is in flight is finished") {
                $0.field("signal", literal: signal == .terminate ? "SIGTERM" : "SIGINT")
            }
            server.stop()
        }
        EventLoop.shared.start {
            await EventLoop.shared.sleep(
                until: .after(milliseconds: ServiceLimits.warmUpDelayMilliseconds))
            await warmUp(handler, parts, server)
            await EventLoop.shared.sleep(
                until: .after(milliseconds: ServiceLimits.handshakesSettledMilliseconds))
            parts.exchange.giveBackBuffers()
            EventLoop.shared.giveBackMemoryAtRest()
        }
        await server.run()
        parts.log.write(.info, "stopped")
    }

    /// What the first request would otherwise wait for, while nobody waits yet.
    @EventLoopActor
    private static func warmUp(
        _ handler: any ServiceHandler, _ parts: ServiceParts, _ server: HTTPServer
    ) async {
        let deadline = Deadline.after(milliseconds: ServiceLimits.warmUpMilliseconds)
        // The token's own failure is logged where it happens; the first request asks again.
        if handler.needsToken {
            EventLoop.shared.start { _ = try? await parts.token.value(deadline: deadline) }
        }
        EventLoop.shared.start {
            // Where it is not known, lines of the log do without, and what needs it asks again.
            _ = try? await parts.project.value(deadline: deadline)
        }
        await handler.warmUp(deadline: deadline) {
            await server.waitUntilQuiet(until: .after(milliseconds: ServiceLimits.warmUpPauseMilliseconds))
        }
    }

    // MARK: The process

    /// Where the starter closed standard input, output or error, nothing takes their place: else a socket
    /// would have the number that lines of the log are written to.
    private static func occupyStandardDescriptors() {
        for descriptor: CInt in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }

    /// Whether people read what is written to a descriptor.
    static func isTerminal(_ descriptor: CInt) -> Bool { isatty(descriptor) == 1 }

    /// Whether a terminal gets colours: unless NO_COLOR is set, and not empty (https://no-color.org).
    static func wantsColours(_ environment: Environment) -> Bool { environment["NO_COLOR"] == nil }

    /// Says why the program does not begin. Signals end it again: whoever reads may take his time.
    private static func refuse(_ text: String, _ status: Int32) -> Int32 {
        Process.letSignalsEndIt()
        write(Array(text.utf8), to: 2)
        return status
    }

    /// Writes what was asked for to standard output. Returns `status`, or that it could not be written: a
    /// script must not take half of it for all.
    static func answer(_ bytes: [UInt8], _ status: Int32) -> Int32 {
        if write(bytes, to: 1) { return status }
        write(Array("twined-functions: standard output cannot be written to\n".utf8), to: 2)
        return ExitStatus.outputError
    }

    /// Returns whether all of it was written.
    @discardableResult
    private static func write(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno != EINTR { return false }
            rest = rest.dropFirst(max(0, count))
        }
        return true
    }
}
