import Results

/// A scenario and how it is carried out.
struct Experiment {
    /// How long things take in a quick run, and in a full one.
    struct Effort {
        let extent: BenchmarkResult.Extent
        var rounds: Int { extent == .quick ? 5 : 9 }
        var seconds: Double { extent == .quick ? 0.4 : 2 }
        var warmUpSeconds: Double { extent == .quick ? 0.25 : 1.5 }
        /// Of scenarios in which every round starts a process of its own.
        var starts: Int { extent == .quick ? 9 : 31 }
    }

    let scenario: Scenario
    var function = Function.eventHandler
    var isQuick = true
    var rounds: Int
    /// Brings the cloud into the state of this scenario, once.
    var arrange: (Cloud) throws -> Void = { _ in }
    /// Before the first round of a target.
    var warmUp: (Session) throws -> Void = { _ in }
    /// One round. The cloud has forgotten what it was asked before.
    let measure: (Session, inout Measurement) throws -> Void

    /// All of them, in the order in which they are run.
    static func all(_ effort: Effort) -> [Experiment] {
        let found =
            EventExperiments.all(effort) + SizeExperiments.all(effort) + RegistryExperiments.all(effort)
            + ColdStartExperiments.all(effort) + MemoryExperiments.all(effort)
            + TroubleExperiments.all(effort)
            + OverloadExperiments.all(effort) + ShutdownExperiments.all(effort)
        return effort.extent == .full ? found : found.filter(\.isQuick)
    }
}
