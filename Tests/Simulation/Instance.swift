import JSON
import Net

@testable import Functions

/// One instance of the program: the shipped handler with everything behind it but sockets, its caches cold at
/// first.
@EventLoopActor
final class Instance {
    let id: Int
    private(set) var isDead = false
    var isRetiring = false
    var deliveriesInFlight = 0
    /// Requests of shared questions in flight: there may be one of each.
    var inFlight = [Int](repeating: 0, count: Call.allCases.count)
    /// Retries that cost the budget, and successes that pay for them, by call.
    var retries = [Int](repeating: 0, count: Call.allCases.count)
    var successes = [Int](repeating: 0, count: Call.allCases.count)
    let sink: CheckedSink
    private(set) var handler: any Handler
    private var shipped: EventHandler

    init(id: Int, world: World, canary: Canary?) {
        self.id = id
        sink = CheckedSink(world: world)
        let exchange = SimulatedExchange(world: world)
        let wrapped: any HTTPExchange = canary?.exchange?(exchange, world) ?? exchange
        let parts = Self.parts(wrapped, world, sink)
        shipped = parts.handler
        handler = parts.handler
        exchange.instance = self
        if let wrap = canary?.handler { handler = wrap(parts, world) }
        world.ledger.instances += 1
        world.transcript.note(1, id, text: "instance \(id) starts")
    }

    func warmUp() {
        EventLoop.shared.start { [shipped] in
            await shipped.warmUp(deadline: .after(milliseconds: 20_000)) {}
        }
    }

    /// From now on nothing it asks has an effect, and what it says reaches nobody.
    func crash() { isDead = true }

    struct Parts {
        let handler: EventHandler
        let kubernetes: Kubernetes
        let settings: JobSettings
    }

    /// Put together by the program's own code, from environment variables.
    private static func parts(_ exchange: any HTTPExchange, _ world: World, _ sink: CheckedSink) -> Parts {
        let environment = environment(world.setting)
        let configuration: EventHandlerConfiguration
        do throws(ConfigurationError) {
            guard case .eventHandler(let own) = try Configuration(.eventHandler, environment: environment)
            else { preconditionFailure("an event handler's configuration is read") }
            configuration = own
        } catch {
            preconditionFailure("the simulation's configuration is valid: \(error)")
        }
        let log = Log(level: .warning, sink: sink)
        let parts = ServiceParts(
            configuration.service, environment: environment, exchange: exchange, log: log,
            random: { [unowned world] in world.random.next() })
        let handler = EventHandler(configuration, parts)
        // For wrappers that misbehave on purpose: the same parts once more, with a memory of their own.
        let api = GoogleAPI(configuration.service.endpoints.container, parts, quotaProjectID: nil)
        let cluster = Cluster(
            id: configuration.clusterID, choice: configuration.clusterEndpoint, api: api, log: log)
        let kubernetes = Kubernetes(
            namespace: configuration.jobNamespace, cluster: cluster, caller: parts.caller,
            exchange: exchange, token: parts.token, log: log)
        return Parts(handler: handler, kubernetes: kubernetes, settings: JobSettings(configuration))
    }

    private static func environment(_ setting: RunSetting) -> Environment {
        var variables = [
            "K_SERVICE": "event-handler",
            "BIGQUERY_EVENTS_TABLE": "d.t",
            "TWINED_SERVICES_TOPIC_NAME": "twined",
            "KUBERNETES_SERVICE_ACCOUNT_NAME": "account",
            "KUBERNETES_CLUSTER_ID": "projects/p-1/locations/l/clusters/c",
            "KUEUE_LOCAL_QUEUE": "local-queue",
            "ARTIFACT_REGISTRY_REPOSITORY_URL": "europe-west1-docker.pkg.dev/p-1/services",
            "QUESTION_DEFAULT_CPUS": "1",
            "QUESTION_DEFAULT_MEMORY": "512Mi",
            "QUESTION_DEFAULT_EPHEMERAL_STORAGE": "1Gi",
        ]
        if setting.namesProject { variables["GOOGLE_CLOUD_PROJECT"] = "p-1" }
        if setting.hasDeadLetters { variables["DEAD_LETTER_TOPIC_NAME"] = "dead" }
        if !setting.reportsUndispatchable { variables["REPORT_UNDISPATCHABLE_QUESTIONS"] = "false" }
        return Environment(variables)
    }
}

/// The log of an instance, read as it is written: every line is one JSON object, and none holds a token.
@EventLoopActor
final class CheckedSink: LogSink {
    private unowned let world: World
    /// Lines about questions whose Job is another event's.
    private(set) var takenByOther: [String] = []

    init(world: World) {
        self.world = world
    }

    func write(_ line: [UInt8]) {
        if line.last != 0x0A || line.dropLast().contains(0x0A) || line.first != 0x7B {
            world.violate("a log line is not one line: \(String(decoding: line, as: UTF8.self))")
        }
        if line.count > ServiceLimits.logLineBytesMax { world.violate("a log line is over its limit") }
        let text = String(decoding: line, as: UTF8.self)
        if line.containsIgnoringCase("ya29.") { world.violate("a token is in the log: \(text)") }
        if line.containsIgnoringCase("of another event already") { takenByOther.append(text) }
    }

    func takeDroppedLines() -> Int { 0 }
    func drain() {}
}
