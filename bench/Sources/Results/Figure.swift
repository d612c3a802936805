/// What can be measured in a round. The names are those of the JSON file.
package enum Figure: String, Codable, CaseIterable, CodingKeyRepresentable, Sendable {
    // Latency of an answer, from the moment at which the request should have been sent.
    case latencyP50, latencyP90, latencyP99, latencyP999, latencyMaximum, latencyMean
    case eventsPerSecond
    // Of the target's process tree, for each event.
    case cpuPerEvent, userCPUPerEvent, systemCPUPerEvent
    /// The whole latency, and the whole CPU time, over the event's size.
    case latencyPerByte, cpuPerByte
    // As the local cloud counts them.
    case upstreamCallsPerEvent, newConnectionsPerThousandEvents
    // From exec.
    case firstAnswer, firstRow, firstJob
    // Of the target's process tree.
    case proportionalMemory, residentMemory, anonymousMemory, peakMemory
    /// Only in earlier results: how often the payload fits into what the peak is above a process that has
    /// just had some events, which holds more than one at rest.
    case peakMemoryPerBodyByte
    /// How often the body of the HTTP request (its Content-Length, four thirds of the payload) fits into what
    /// the peak is above the process at rest.
    case peakMemoryPerRequestBody
    case memoryPerConnection, anonymousMemoryGrowth, descriptorGrowth
    /// Of the executable file, in 10^6 bytes.
    case binarySize
    // Overload. `offered` is the rate that was to be sent, `sent` what the server's connections took of it.
    case capacity, offered, sent, goodput, goodputShare, refusalsPerSecond, refusalP50, refusalP99, recovery
    // A good client beside slow ones.
    case latencyP99Alone, latencyP99Ratio
    /// How often the server ended a slow client's connection, or refused a new one.
    case slowClientsReplaced
    // SIGTERM.
    case exitTime, exitTimeUnderLoad, unanswered
    /// Answers that were not as they should be, of all.
    case errorShare

    /// The unit in which the value stands in the file.
    package enum Unit: String, Sendable {
        case milliseconds = "ms"
        case perSecond = "/s"
        case mebibytes = "MiB"
        case megabytes = "MB"
        case kibibytes = "KiB"
        case nanosecondsPerByte = "ns/B"
        case count = ""
        case ratio = "×"
        case percent = "%"
    }

    /// Whether less is better, or more; nil where neither is.
    package enum Direction: Sendable { case lower, higher }

    package var unit: Unit { description.unit }
    /// A few words for tables and axes.
    package var title: String { description.title }
    package var better: Direction? { description.better }

    private var description: (title: String, unit: Unit, better: Direction?) {
        switch self {
        case .latencyP50: ("p50", .milliseconds, .lower)
        case .latencyP90: ("p90", .milliseconds, .lower)
        case .latencyP99: ("p99", .milliseconds, .lower)
        case .latencyP999: ("p99.9", .milliseconds, .lower)
        case .latencyMaximum: ("maximum", .milliseconds, .lower)
        case .latencyMean: ("mean", .milliseconds, .lower)
        case .eventsPerSecond: ("events", .perSecond, .higher)
        case .cpuPerEvent: ("CPU an event", .milliseconds, .lower)
        case .userCPUPerEvent: ("user CPU an event", .milliseconds, .lower)
        case .systemCPUPerEvent: ("system CPU an event", .milliseconds, .lower)
        case .latencyPerByte: ("latency a byte", .nanosecondsPerByte, .lower)
        case .cpuPerByte: ("CPU a byte", .nanosecondsPerByte, .lower)
        case .upstreamCallsPerEvent: ("upstream calls an event", .count, .lower)
        case .newConnectionsPerThousandEvents: ("new connections in 1,000 events", .count, .lower)
        case .firstAnswer: ("exec to first answer", .milliseconds, .lower)
        case .firstRow: ("exec to first stored heartbeat", .milliseconds, .lower)
        case .firstJob: ("exec to first dispatched question", .milliseconds, .lower)
        case .proportionalMemory: ("PSS", .mebibytes, .lower)
        case .residentMemory: ("RSS", .mebibytes, .lower)
        case .anonymousMemory: ("anonymous", .mebibytes, .lower)
        case .peakMemory: ("peak RSS", .mebibytes, .lower)
        case .peakMemoryPerBodyByte: ("peak over idle, in payloads", .ratio, .lower)
        case .peakMemoryPerRequestBody: ("peak over rest, in request bodies", .ratio, .lower)
        case .memoryPerConnection: ("a connection", .kibibytes, .lower)
        case .anonymousMemoryGrowth: ("growth of anonymous memory", .mebibytes, .lower)
        case .descriptorGrowth: ("growth of descriptors", .count, .lower)
        case .binarySize: ("executable", .megabytes, .lower)
        case .offered: ("offered", .perSecond, nil)
        case .sent: ("sent", .perSecond, nil)
        case .capacity: ("capacity", .perSecond, .higher)
        case .goodput: ("goodput", .perSecond, .higher)
        case .goodputShare: ("goodput of capacity", .percent, .higher)
        case .refusalsPerSecond: ("refused", .perSecond, nil)
        case .refusalP50: ("refusal p50", .milliseconds, .lower)
        case .refusalP99: ("refusal p99", .milliseconds, .lower)
        case .recovery: ("recovery", .milliseconds, .lower)
        case .latencyP99Alone: ("p99 alone", .milliseconds, .lower)
        case .latencyP99Ratio: ("p99 beside, over alone", .ratio, .lower)
        case .slowClientsReplaced: ("slow clients ended or refused", .count, nil)
        case .exitTime: ("SIGTERM to exit, idle", .milliseconds, .lower)
        case .exitTimeUnderLoad: ("SIGTERM to exit, under load", .milliseconds, .lower)
        case .unanswered: ("accepted and not answered", .count, .lower)
        case .errorShare: ("errors", .percent, .lower)
        }
    }
}
