/// All that one run has measured, as it stands in a JSON file.
///
/// Measurements are kept round by round; whatever is printed, compared or drawn is computed from them.
package struct BenchmarkResult: Codable, Equatable, Sendable {
    /// Which part of the scenarios was run.
    package enum Extent: String, Codable, Sendable { case quick, full }

    /// The form of this file; a reader refuses one that it does not know.
    package static let currentFormat = 1

    package var format: Int
    /// The start of the run, ISO 8601 in UTC.
    package var date: String
    /// The short hash of what was measured, with a `+` when the work tree had changes.
    package var commit: String
    package var extent: Extent
    package var machine: Machine
    /// In the order in which they took turns; the first one is what the others are compared with.
    package var targets: [Target]
    /// In the order in which they were run.
    package var scenarios: [Scenario]
    package var measurements: [Measurement]
    /// What a reader of the figures must know: scenarios that could not be run and why, a noisy machine.
    package var remarks: [String]

    package init(date: String, commit: String, extent: Extent, machine: Machine, targets: [Target]) {
        format = Self.currentFormat
        self.date = date
        self.commit = commit
        self.extent = extent
        self.machine = machine
        self.targets = targets
        scenarios = []
        measurements = []
        remarks = []
    }

    /// The measurements of one scenario and target, by round.
    package func rounds(of scenario: String, target: String) -> [Measurement] {
        measurements.filter { $0.scenario == scenario && $0.target == target }.sorted { $0.round < $1.round }
    }

    /// The median and the spread of a figure over the rounds; nil where it was not measured.
    package func spread(of figure: Figure, scenario: String, target: String) -> Spread? {
        Spread(rounds(of: scenario, target: target).compactMap { $0.figures[figure] })
    }

    /// A figure of one target over that of another, for each round that both have: what slows the machine
    /// down for a while is in both.
    package func ratio(of figure: Figure, scenario: String, target: String, to reference: String) -> Spread? {
        let others = Dictionary(
            rounds(of: scenario, target: reference).compactMap { round in
                round.figures[figure].map { (round.round, $0) }
            }, uniquingKeysWith: { first, _ in first })
        return Spread(
            rounds(of: scenario, target: target).compactMap { round in
                guard let own = round.figures[figure], let other = others[round.round], other != 0 else {
                    return nil
                }
                return own / other
            })
    }

    /// The figures that were measured in a scenario, in the order of their declaration.
    package func figures(of scenario: String) -> [Figure] {
        let found = Set(measurements.filter { $0.scenario == scenario }.flatMap(\.figures.keys))
        return Figure.allCases.filter(found.contains)
    }

    /// The scenario called `name`.
    package func scenario(_ name: String) -> Scenario? { scenarios.first { $0.name == name } }
}

/// What the run ran on. Nothing here tells one person's machine from another's of its kind.
package struct Machine: Codable, Equatable, Sendable {
    package var processor: String
    package var cores: Int
    package var memoryMebibytes: Int
    /// Name and release of the kernel.
    package var kernel: String
    package var system: String
    /// Load average of the minute before the run: other work on the machine makes every time longer.
    package var loadBefore: Double

    package init(
        processor: String, cores: Int, memoryMebibytes: Int, kernel: String, system: String,
        loadBefore: Double
    ) {
        self.processor = processor
        self.cores = cores
        self.memoryMebibytes = memoryMebibytes
        self.kernel = kernel
        self.system = system
        self.loadBefore = loadBefore
    }

    /// The kernel as documents name it: `Linux 6.1` of `Linux 6.1.0-18-amd64`, whose rest names one build.
    package var kernelVersion: String {
        let parts = kernel.split(separator: ".", maxSplits: 2)
        guard parts.count > 1 else { return kernel }
        return "\(parts[0]).\(parts[1].prefix { $0.isNumber })"
    }

    /// Whether figures of the two can be compared: everything is the same but the load before the run.
    package func isLike(_ other: Machine) -> Bool {
        var other = other
        other.loadBefore = loadBefore
        return self == other
    }
}

/// A program that was measured.
package struct Target: Codable, Equatable, Sendable {
    package var name: String
    /// The size of its executable file; nil where the command is a script or an interpreter.
    package var binaryBytes: Int?

    package init(name: String, binaryBytes: Int?) {
        self.name = name
        self.binaryBytes = binaryBytes
    }
}

/// One kind of work, under one set of conditions.
package struct Scenario: Codable, Equatable, Sendable {
    /// What a report draws together.
    package enum Group: String, Codable, CaseIterable, Sendable {
        case events, rates, sizes, registry, upstreamLatency, coldStart, memory, faults, slowClients,
            overload,
            shutdown
    }

    /// What is varied within a group, with this scenario's value of it.
    package struct Axis: Codable, Equatable, Sendable {
        package var name: String
        package var value: Double

        package init(name: String, value: Double) {
            self.name = name
            self.value = value
        }
    }

    /// Unique in a result, and the same from run to run: `heartbeat-c16`.
    package var name: String
    package var group: Group
    /// One sentence for people.
    package var title: String
    /// Scenarios of a group with the same series are points of one line: `heartbeat`.
    package var series: String
    package var axis: Axis?

    package init(name: String, group: Group, title: String, series: String, axis: Axis? = nil) {
        self.name = name
        self.group = group
        self.title = title
        self.series = series
        self.axis = axis
    }
}

/// One round of one scenario with one target.
package struct Measurement: Codable, Equatable, Sendable {
    package var scenario: String
    package var target: String
    /// From 1; round n of every target comes before round n + 1 of any.
    package var round: Int
    package var seconds: Double
    /// Answers that were as they should be.
    package var events: Int
    /// What went wrong, by what it was (`status 503`, `closed`), and how often.
    package var errors: [String: Int]
    package var figures: [Figure: Double]
    /// What others took of a processor during the round: 0.1 is a tenth of one all the time. Nil in results
    /// of earlier forms, and where it could not be told.
    package var foreignShare: Double?
    /// The latency's distribution, from the 0th to the 100th percentile; empty where none was taken.
    package var latency: [PercentilePoint]
    /// The parts of a cold start, in order; empty elsewhere.
    package var phases: [Phase]

    package init(scenario: String, target: String, round: Int) {
        self.scenario = scenario
        self.target = target
        self.round = round
        seconds = 0
        events = 0
        errors = [:]
        figures = [:]
        latency = []
        phases = []
    }
}

/// `percentile` per cent of the answers took no longer than `milliseconds`. In the file it is a pair of
/// numbers.
package struct PercentilePoint: Codable, Equatable, Sendable {
    package var percentile: Double
    package var milliseconds: Double

    package init(percentile: Double, milliseconds: Double) {
        self.percentile = percentile
        self.milliseconds = milliseconds
    }

    package init(from decoder: any Decoder) throws {
        var pair = try decoder.unkeyedContainer()
        percentile = try pair.decode(Double.self)
        milliseconds = try pair.decode(Double.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var pair = encoder.unkeyedContainer()
        try pair.encode(percentile)
        try pair.encode(milliseconds)
    }
}

/// A stretch of time between two things that can be seen from outside, counted from exec.
package struct Phase: Codable, Equatable, Sendable {
    package var name: String
    package var startMilliseconds: Double
    package var endMilliseconds: Double

    package init(name: String, startMilliseconds: Double, endMilliseconds: Double) {
        self.name = name
        self.startMilliseconds = startMilliseconds
        self.endMilliseconds = endMilliseconds
    }
}
