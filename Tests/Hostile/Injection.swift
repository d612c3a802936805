import Synchronization

@testable import Functions
@testable import Net

/// Hostile requests, by the thousand, through the shipped handlers: what they ask of upstreams, what they
/// write and what they answer is looked at byte by byte.
enum Injection {
    /// Seeds are run in groups on one handler, so that what a handler remembers is under attack as well.
    private static let groupSize = 500

    static func main(_ arguments: [String]) -> Int32 {
        var count = 20_000
        var seed: UInt64 = 0
        var rest = arguments[...]
        while let option = rest.popFirst() {
            guard let text = rest.popFirst(), let number = UInt64(text), number < 1 << 40 else { return 64 }
            switch option {
            case "--count": count = Int(number)
            case "--seed": seed = number
            default: return 64
            }
        }
        var tally = Tally()
        for group in 0..<(count + groupSize - 1) / groupSize {
            let inputs = min(groupSize, count - group * groupSize)
            tally += run(seed: seed + UInt64(group), inputs: inputs)
        }
        return tally.report(count) ? 0 : 1
    }

    private static func run(seed: UInt64, inputs: Int) -> Tally {
        let box = Box()
        EventLoop.shared.start {
            let tally = await Attack(seed: seed).run(inputs: inputs)
            box.value.withLock { $0 = tally }
            EventLoop.shared.stop()
        }
        EventLoop.shared.run(clock: .virtual)
        return required(box.value.withLock { $0 }, "a group has its result")
    }

    private final class Box: Sendable {
        let value = Mutex<Tally?>(nil)
    }
}

/// What was met, so that a run that attacks nothing fails.
struct Tally: Sendable {
    private(set) var counts: [String: Int] = [:]

    mutating func add(_ name: String) { counts[name, default: 0] += 1 }

    static func += (left: inout Tally, right: Tally) {
        for (name, count) in right.counts { left.counts[name, default: 0] += count }
    }

    /// Every form of request, and every kind of answer, must have been met.
    private static let expected =
        UpstreamForm.allCases.map { "form \($0)" } + [200, 400, 405, 415, 503].map { "event handler \($0)" }
        + [200, 404, 405, 502].map { "registry \($0)" } + [
            "log lines", "names quoted", "requests refused by the server",
        ]

    func report(_ inputs: Int) -> Bool {
        print("inputs: \(inputs)")
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(name): \(count)") }
        let missing = Self.expected.filter { counts[$0] == nil }
        if inputs >= 20_000, !missing.isEmpty { print("never met: \(missing.joined(separator: ", "))") }
        return inputs < 20_000 || missing.isEmpty
    }
}

/// One handler of each kind under attack.
@EventLoopActor
final class Attack {
    private var words: HostileWords
    private let upstream: HostileUpstream
    private let sink: HostileSink
    private let eventHandler: any Handler
    private let registry: any Handler
    private var tally = Tally()

    init(seed: UInt64) {
        words = HostileWords(seed: seed)
        upstream = HostileUpstream(seed: seed)
        sink = HostileSink()
        let isBare = seed % 4 == 0
        (eventHandler, registry) = Self.handlers(upstream, sink, isBare: isBare)
    }

    private static func handlers(
        _ upstream: HostileUpstream, _ sink: HostileSink, isBare: Bool
    ) -> (any Handler, any Handler) {
        var variables = [
            "K_SERVICE": "function", "BIGQUERY_EVENTS_TABLE": "d.t", "TWINED_SERVICES_TOPIC_NAME": "twined",
            "KUBERNETES_SERVICE_ACCOUNT_NAME": "account",
            "KUBERNETES_CLUSTER_ID": "projects/p-1/locations/l/clusters/c",
            "KUEUE_LOCAL_QUEUE": "local-queue",
            "ARTIFACT_REGISTRY_REPOSITORY_URL": "europe-west1-docker.pkg.dev/p-1/services",
            "QUESTION_DEFAULT_CPUS": "1", "QUESTION_DEFAULT_MEMORY": "512Mi",
            "QUESTION_DEFAULT_EPHEMERAL_STORAGE": "1Gi", "DEAD_LETTER_TOPIC_NAME": "dead",
            "ARTIFACT_REGISTRY_REPOSITORY_ID": "projects/p-1/locations/l/repositories/r",
            "LOG_EXECUTION_ID": "true",
        ]
        if isBare {
            variables["DEAD_LETTER_TOPIC_NAME"] = nil
        } else {
            variables["GOOGLE_CLOUD_PROJECT"] = "p-1"
        }
        let environment = Environment(variables)
        guard case .eventHandler(let events)? = try? Configuration(.eventHandler, environment: environment),
            case .serviceRegistry(let lookups)? = try? Configuration(
                .serviceRegistry, environment: environment)
        else { preconditionFailure("the configuration is valid") }
        func parts(_ settings: ServiceConfiguration) -> ServiceParts {
            let log = Log(level: .debug, sink: sink, writesExecutionIDs: true)
            return ServiceParts(
                settings, environment: environment, exchange: upstream, log: log, random: { 7 })
        }
        return (
            EventHandler(events, parts(events.service)), ServiceRegistry(lookups, parts(lookups.service))
        )
    }

    func run(inputs: Int) async -> Tally {
        for _ in 0..<inputs {
            let request = words.request()
            Current.file = "the request \(shown(request.bytes.prefix(3_000)))"
            await serve(request)
        }
        tally += upstream.tally
        tally += sink.tally
        Current.file = nil
        return tally
    }

    /// Lets the bytes be a connection's: what a server makes of them is handled, and every answer looked at.
    private func serve(_ attack: HostileRequest) async {
        let handler = attack.isLookup ? registry : eventHandler
        let name = attack.isLookup ? "registry" : "event handler"
        var machine = HTTPServerStateMachine(budget: RequestBudget(bytesMax: Limits.bufferedRequestBytesMax))
        machine.receive(attack.bytes.span)
        machine.receiveEnd()
        while true {
            switch machine.next() {
            case .read: return check(false, "after its end nothing is read from a connection")
            case .sendContinue: break
            case .handle(let request):
                let target = Array(request.target)
                let method = request.method
                let response = await handler.handle(request, deadline: .after(milliseconds: 55_000))
                tally.add("\(name) \(response.status)")
                let bytes = machine.answer(response, date: HTTPSerializer.date())
                checkAnswer(bytes, response, method, isLookup: attack.isLookup, target)
            case .refuse(let refusal):
                tally.add("requests refused by the server")
                checkRefusal(machine.bytes(of: refusal, date: HTTPSerializer.date()), of: attack)
                return
            case .close: return
            }
        }
    }

    private static let fieldNames: Set<String> = [
        "date", "content-type", "content-length", "allow", "x-content-type-options", "retry-after",
        "connection",
        "x-google-status", "www-authenticate",
    ]

    /// An answer reads as one answer with known fields, and quotes nothing that came in, but for the name in
    /// the registry's 404, in its quoted form.
    private func checkAnswer(
        _ bytes: [UInt8], _ response: HTTPResponse, _ method: HTTPMethod, isLookup: Bool, _ target: [UInt8]
    ) {
        let read = Self.read(bytes, method)
        check(read.status == response.status, "an answer reads as itself")
        for index in 0..<read.fields.count {
            let field = read.fields[index]
            let name = String(decoding: field.name, as: UTF8.self).lowercased()
            check(Self.fieldNames.contains(name), "a known field: \(name)")
            check(!HostileWords.isIn(field.value), "no field quotes what came in")
        }
        if isLookup, response.status == 404, HostileWords.isIn(response.body) {
            let text = "No default service revision found for "
            check(response.body.starts(with: text.utf8), "only the registry's text quotes a name")
            let quoted = response.body.dropFirst(text.utf8.count).dropLast()
            tally.add("names quoted")
            check(isQuoted(quoted), "a name is quoted: \(shown(response.body))")
            return
        }
        check(!HostileWords.isIn(response.body), "no answer quotes what came in: \(shown(response.body))")
        if response.status != 200 { check(response.body.count < 300, "an error's text is short") }
    }

    /// One line between equal quotes, none of which stands inside unescaped; no control character.
    private func isQuoted(_ text: ArraySlice<UInt8>) -> Bool {
        guard let quote = text.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
            text.count >= 2,
            text.last == quote, String(validating: text, as: UTF8.self) != nil
        else { return false }
        var isEscaped = false
        for byte in text.dropFirst().dropLast() {
            if byte < 0x20 || byte == 0x7F || (byte == quote && !isEscaped) { return false }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        return !isEscaped && FuzzMessages.position(of: "\u{2028}", in: text) == nil
    }

    private func checkRefusal(_ bytes: [UInt8], of attack: HostileRequest) {
        _ = FuzzMessages.refusal(bytes, of: attack.bytes)
        check(!HostileWords.isIn(bytes), "no refusal quotes what came in")
    }

    /// The answer as a strict client reads it, with nothing after it.
    private static func read(_ bytes: [UInt8], _ method: HTTPMethod) -> HTTPResponse {
        var client = HTTPClientStateMachine(method: method)
        client.receive(bytes.span)
        guard case .done(let response, let isReusable) = client.state else {
            check(false, "an answer can be read: \(shown(bytes))")
            return HTTPResponse(status: 500)
        }
        check(
            isReusable || response.fields["connection"]?.equals("close") ?? false,
            "one answer, nothing after it")
        return response
    }
}

/// The log: each line is one JSON object in ASCII under its ceiling, and holds no token and no event's data.
@EventLoopActor
final class HostileSink: LogSink {
    private(set) var tally = Tally()

    func write(_ line: [UInt8]) {
        tally.add("log lines")
        check(line.count <= ServiceLimits.logLineBytesMax, "a line has a ceiling")
        check(line.last == 0x0A, "a line ends")
        check(line.dropLast().allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "a line is one line: \(shown(line))")
        check(line.first == UInt8(ascii: "{") && SlowJSON.accepts(line), "a line is JSON: \(shown(line))")
        check(
            FuzzMessages.position(of: HostileWords.dataMark, in: line[...]) == nil,
            "no event's data in the log: \(shown(line))")
        check(
            FuzzMessages.position(of: HostileUpstream.tokenMark, in: line[...]) == nil,
            "no token in the log: \(shown(line))")
    }

    func takeDroppedLines() -> Int { 0 }
    func drain() {}
}
