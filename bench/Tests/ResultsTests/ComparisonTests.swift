import Foundation
import Results
import Testing

@Suite("Comparisons")
struct ComparisonTests {
    private func comparison(_ figure: Figure, _ before: [Double], _ after: [Double]) throws -> Comparison {
        Comparison(
            scenario: "heartbeat-c1", target: "a", figure: figure, before: try #require(Spread(before)),
            after: try #require(Spread(after)))
    }

    @Test("a latency whose every round is longer is worse")
    func worse() throws {
        let found = try comparison(.latencyP50, [0.10, 0.11, 0.12], [1.10, 1.11, 1.12])
        #expect(found.verdict == .worse)
        #expect(abs((found.ratio ?? 0) - 1.11 / 0.11) < 1e-9)
    }

    @Test("a rate whose every round is higher is better, and a lower one is worse")
    func higher() throws {
        #expect(try comparison(.eventsPerSecond, [100, 110], [200, 210]).verdict == .better)
        #expect(try comparison(.eventsPerSecond, [200, 210], [100, 110]).verdict == .worse)
    }

    @Test("ranges that overlap are the same, however far apart the medians are")
    func overlapping() throws {
        #expect(try comparison(.latencyP50, [1, 1, 9], [8, 9, 10]).verdict == .same)
    }

    @Test("medians within 5 % are the same, however narrow the ranges are")
    func close() throws {
        #expect(try comparison(.latencyP50, [1.000, 1.001], [1.040, 1.041]).verdict == .same)
        #expect(try comparison(.latencyP50, [1.000, 1.001], [1.060, 1.061]).verdict == .worse)
    }

    @Test("from nothing to something has no ratio, and is worse all the same")
    func fromZero() throws {
        let found = try comparison(.errorShare, [0, 0], [1, 2])
        #expect(found.ratio == nil)
        #expect(found.verdict == .worse)
    }

    @Test("two runs are compared where both have the scenario, the target and the figure")
    func runs() {
        let before = Example.result(p50: [1, 1.1], targets: ["a", "b"])
        var after = Example.result(p50: [2, 2.1], targets: ["a", "c"])
        after.scenarios.append(Scenario(name: "new", group: .events, title: "New", series: "new"))
        let found = Comparison.between(before, and: after)
        #expect(found.map(\.target) == ["a"])
        #expect(found.first?.verdict == .worse)
    }

    @Test("a target is compared with the reference of its own run")
    func beside() {
        var result = Example.result(p50: [1, 1.1], targets: ["a", "b"])
        for index in result.measurements.indices where result.measurements[index].target == "b" {
            result.measurements[index].figures[.latencyP50] = 0.5
        }
        let found = Comparison.of("b", beside: "a", in: result)
        #expect(found.count == 1)
        #expect(found.first?.verdict == .better)
    }
}

/// Results for tests.
enum Example {
    static func result(p50: [Double], targets: [String]) -> BenchmarkResult {
        var result = BenchmarkResult(
            date: "2025-01-02T03:04:05Z", commit: "abc1234", extent: .quick,
            machine: Machine(
                processor: "A processor", cores: 2, memoryMebibytes: 1_024, kernel: "Linux 6.1",
                system: "Debian",
                loadBefore: 0.1),
            targets: targets.map { Target(name: $0, binaryBytes: 1_000) })
        result.scenarios = [
            Scenario(
                name: "heartbeat-c1", group: .events, title: "A heartbeat, one at a time",
                series: "heartbeat",
                axis: Scenario.Axis(name: "concurrency", value: 1))
        ]
        for (round, value) in p50.enumerated() {
            for target in targets {
                var measurement = Measurement(scenario: "heartbeat-c1", target: target, round: round + 1)
                measurement.figures = [.latencyP50: value]
                measurement.latency = [PercentilePoint(percentile: 50, milliseconds: value)]
                result.measurements.append(measurement)
            }
        }
        return result
    }
}

@Suite("Machines")
struct MachineTests {
    @Test("a machine is another when anything but its load is, its kernel too")
    func isLike() {
        let machine = Example.result(p50: [1], targets: ["a"]).machine
        var busy = machine
        busy.loadBefore = 9
        #expect(machine.isLike(busy))
        var updated = busy
        updated.kernel = "Linux 6.2"
        #expect(!machine.isLike(updated))
        var larger = machine
        larger.memoryMebibytes *= 2
        #expect(!machine.isLike(larger))
    }

    @Test("documents name the kernel's version, and not one build of it")
    func kernelVersion() {
        var machine = Example.result(p50: [1], targets: ["a"]).machine
        for (kernel, version) in [
            ("Linux 6.1.0-18-amd64", "Linux 6.1"), ("Linux 6.18-rc1", "Linux 6.18"),
            ("Linux 6.1", "Linux 6.1"), ("Linux unknown", "Linux unknown"),
        ] {
            machine.kernel = kernel
            #expect(machine.kernelVersion == version)
        }
    }
}

@Suite("Result files")
struct ResultFileTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    @Test("what is written is what is read, with figures by their names")
    func roundTrip() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("result.json")
        let result = Example.result(p50: [1, 2], targets: ["a"])
        try ResultFile.write(result, to: file)
        #expect(try ResultFile.read(file) == result)
        #expect(try String(contentsOf: file, encoding: .utf8).contains("\"latencyP50\":1"))
    }

    @Test("a file in another form is refused with both numbers")
    func otherForm() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        var result = Example.result(p50: [1], targets: ["a"])
        result.format = 99
        let file = folder.appendingPathComponent("result.json")
        try ResultFile.write(result, to: file)
        let error = #expect(throws: ResultFile.Unreadable.self) { try ResultFile.read(file) }
        #expect(error?.description.hasSuffix("has format 99; expected 1") == true)
    }

    @Test("a folder of results that is not there is an error that says what was expected")
    func noFolder() {
        let error = #expect(throws: ResultFile.Unreadable.self) { try ResultFile.newest(in: folder) }
        #expect(error?.description == "\(folder.path): cannot be read. Expected a folder of results")
    }

    @Test("the newest result of an extent is found, of one day the last; and none in an empty folder")
    func newest() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try ResultFile.newest(in: folder) == nil)
        var result = Example.result(p50: [1], targets: ["a"])
        for (date, extent, commit) in [
            ("2025-01-01T23:00:00Z", BenchmarkResult.Extent.quick, "d"),
            ("2025-01-02T08:00:00Z", .quick, "z"), ("2025-01-02T09:00:00Z", .quick, "b"),
            ("2025-01-03T00:00:00Z", .full, "c"),
        ] {
            result.date = date
            result.extent = extent
            result.commit = commit
            let name = "\(date.prefix(10))-\(commit).json"
            try ResultFile.write(result, to: folder.appendingPathComponent(name))
        }
        #expect(try ResultFile.newest(in: folder, extent: .quick)?.commit == "b")
        #expect(try ResultFile.newest(in: folder)?.commit == "c")
        func before(_ date: String) throws -> String? {
            try ResultFile.newest(in: folder, extent: .quick, before: date)?.commit
        }
        #expect(try before("2025-01-02T09:00:00Z") == "z", "not itself")
        #expect(try before("2025-01-02T00:00:00Z") == "d", "not a later one")
        #expect(try before("2025-01-01T00:00:00Z") == nil)
    }
}
