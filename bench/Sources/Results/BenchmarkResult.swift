public import Foundation

/// All that one run has measured, as it stands in a JSON file.
///
/// Measurements are kept round by round; whatever is printed, compared or drawn is computed from them.
public struct BenchmarkResult: Codable, Equatable, Sendable {
    /// Which part of the scenarios was run.
    public enum Extent: String, Codable, Sendable { case quick, full }

    /// The form of this file; a reader refuses one that it does not know.
    public static let currentFormat = 1

    public var format: Int
    /// The start of the run, ISO 8601 in UTC.
    public var date: String
    /// The short hash of what was measured, with a `+` when the work tree had changes.
    public var commit: String
    public var extent: Extent
    public var machine: Machine
    /// In the order in which they took turns; the first one is what the others are compared with.
    public var targets: [Target]
    /// In the order in which they were run.
    public var scenarios: [Scenario]
    public var measurements: [Measurement]
    /// What a reader of the figures must know: scenarios that could not be run and why, a noisy machine.
    public var remarks: [String]

    public init(date: String, commit: String, extent: Extent, machine: Machine, targets: [Target]) {
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
    public func rounds(of scenario: String, target: String) -> [Measurement] {
        measurements.filter { $0.scenario == scenario && $0.target == target }.sorted { $0.round < $1.round }
    }

    /// The median and the spread of a figure over the rounds; nil where it was not measured.
    public func spread(of figure: Figure, scenario: String, target: String) -> Spread? {
        Spread(rounds(of: scenario, target: target).compactMap { $0.figures[figure] })
    }

    /// The figures that were measured in a scenario, in the order of their declaration.
    public func figures(of scenario: String) -> [Figure] {
        let found = Set(measurements.filter { $0.scenario == scenario }.flatMap(\.figures.keys))
        return Figure.allCases.filter(found.contains)
    }

    /// The scenario called `name`.
    public func scenario(_ name: String) -> Scenario? { scenarios.first { $0.name == name } }
}

/// What the run ran on. Nothing here tells one person's machine from another's of its kind.
public struct Machine: Codable, Equatable, Sendable {
    public var processor: String
    public var cores: Int
    public var memoryMebibytes: Int
    /// Name and release of the kernel.
    public var kernel: String
    public var system: String
    /// Load average of the minute before the run: other work on the machine makes every time longer.
    public var loadBefore: Double

    public init(
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
}

/// A program that was measured.
public struct Target: Codable, Equatable, Sendable {
    public var name: String
    /// The size of its executable file; nil where the command is a script or an interpreter.
    public var binaryBytes: Int?

    public init(name: String, binaryBytes: Int?) {
        self.name = name
        self.binaryBytes = binaryBytes
    }
}

/// One kind of work, under one set of conditions.
public struct Scenario: Codable, Equatable, Sendable {
    /// What a report draws together.
    public enum Group: String, Codable, CaseIterable, Sendable {
        case events, sizes, registry, upstreamLatency, coldStart, memory, faults, slowClients, overload,
            shutdown
    }

    /// What is varied within a group, with this scenario's value of it.
    public struct Axis: Codable, Equatable, Sendable {
        public var name: String
        public var value: Double

        public init(name: String, value: Double) {
            self.name = name
            self.value = value
        }
    }

    /// Unique in a result, and the same from run to run: `heartbeat-c16`.
    public var name: String
    public var group: Group
    /// One sentence for people.
    public var title: String
    /// Scenarios of a group with the same series are points of one line: `heartbeat`.
    public var series: String
    public var axis: Axis?

    public init(name: String, group: Group, title: String, series: String, axis: Axis? = nil) {
        self.name = name
        self.group = group
        self.title = title
        self.series = series
        self.axis = axis
    }
}

/// One round of one scenario with one target.
public struct Measurement: Codable, Equatable, Sendable {
    public var scenario: String
    public var target: String
    /// From 1; round n of every target comes before round n + 1 of any.
    public var round: Int
    public var seconds: Double
    /// Answers that were as they should be.
    public var events: Int
    /// What went wrong, by what it was (`status 503`, `closed`), and how often.
    public var errors: [String: Int]
    public var figures: [Figure: Double]
    /// The latency's distribution, from the 0th to the 100th percentile; empty where none was taken.
    public var latency: [PercentilePoint]
    /// The parts of a cold start, in order; empty elsewhere.
    public var phases: [Phase]

    public init(scenario: String, target: String, round: Int) {
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

/// `percentile` per cent of the answers took no longer than `milliseconds`.
public struct PercentilePoint: Codable, Equatable, Sendable {
    public var percentile: Double
    public var milliseconds: Double

    public init(percentile: Double, milliseconds: Double) {
        self.percentile = percentile
        self.milliseconds = milliseconds
    }
}

/// A stretch of time between two things that can be seen from outside, counted from exec.
public struct Phase: Codable, Equatable, Sendable {
    public var name: String
    public var startMilliseconds: Double
    public var endMilliseconds: Double

    public init(name: String, startMilliseconds: Double, endMilliseconds: Double) {
        self.name = name
        self.startMilliseconds = startMilliseconds
        self.endMilliseconds = endMilliseconds
    }
}
