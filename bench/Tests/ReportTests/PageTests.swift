import Foundation
import Results
import Testing

@testable import Report

@Suite("The page")
struct PageTests {
    private static let goals = [
        Goal(
            title: "heartbeat p50", scenario: "heartbeat-c1", figure: .latencyP50, reference: "go",
            atMost: 0.55),
        Goal(title: "memory", scenario: "memory-idle", figure: .anonymousMemory, atMost: 0.5),
    ]

    @Test("every section is drawn from a result that has what it shows")
    func sections() {
        let page = Page.html(of: Example.result(), goals: Self.goals, previous: Example.result(factor: 2))
        for id in ["summary", "latency", "throughput", "cold-start", "sizes", "memory", "changes", "figures"]
        {
            #expect(page.contains("id=\"\(id)\""), "\(id)")
        }
    }

    @Test("an empty result is a page without sections")
    func empty() {
        var result = Example.result()
        result.measurements = []
        result.scenarios = []
        let page = Page.html(of: result, goals: Self.goals)
        #expect(page.contains("<h1>") && !page.contains("<section"))
    }

    @Test("the page asks nobody for anything: no script, no link, no address")
    func selfContained() {
        let page = Page.html(of: Example.result(), goals: Self.goals).lowercased()
        for foreign in ["<script", "<link", "http:", "https:", "src=", "href=", "url(", "@import"] {
            #expect(!page.contains(foreign), "\(foreign)")
        }
    }

    @Test("every element is closed, in the order in which they were opened")
    func wellFormed() throws {
        let page = Page.html(of: Example.result(), goals: Self.goals, previous: Example.result(factor: 2))
        let body = try #require(page.split(separator: "<body>").last)
        var open: [Substring] = []
        for part in body.split(separator: "<").dropFirst() where part.contains(">") {
            let tag = part.prefix { $0 != ">" }
            let name = tag.prefix { $0 != " " && $0 != "/" }
            if tag.hasPrefix("/") {
                let last = open.popLast()
                if name.isEmpty, tag.dropFirst() == "body" { break }
                #expect(last == tag.dropFirst(), "\(tag)")
            } else if !tag.hasSuffix("/") {
                open.append(name)
            }
        }
    }

    @Test("names of a result's file are text, and never markup")
    func escaping() {
        var result = Example.result()
        let hostile = "<script>alert('1')</script>\"&"
        result.targets[1].name = hostile
        result.remarks = [hostile]
        for index in result.measurements.indices where result.measurements[index].target == "go" {
            result.measurements[index].target = hostile
        }
        for index in result.scenarios.indices { result.scenarios[index].title = hostile }
        let page = Page.html(of: result, goals: Self.goals, previous: result)
        #expect(!page.contains("<script"))
        #expect(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"))
    }

    @Test("ratios are those of paired rounds, with a goal and at the head of the page")
    func paired() throws {
        var result = Example.result()
        // Two rounds at half of Go, one in which ours alone was slow, and one in which both were.
        let rounds = [1: (own: 1.0, go: 2.0), 2: (own: 8, go: 2), 3: (own: 2, go: 4)]
        for index in result.measurements.indices {
            let values = rounds[result.measurements[index].round]
            result.measurements[index].figures[.latencyP50] =
                result.measurements[index].target == "go" ? values?.go : values?.own
        }
        let table = try #require(Summary.table(Self.goals, in: result))
        #expect(table.contains("0.50\u{202F}×") && !table.contains("1.00\u{202F}×"))
        #expect(Summary.headlines(of: result).contains("0.50\u{202F}× go"))
    }

    @Test("a goal stands beside the ratio to its reference, and says whether it is reached")
    func goal() throws {
        let table = try #require(Summary.table(Self.goals, in: Example.result()))
        #expect(table.contains("0.50\u{202F}×"))
        #expect(table.contains("≤ 0.55 × go"))
        #expect(table.contains("1 of 2 goals are reached") && table.contains("\"missed\""))
    }

    @Test("what differs from the last result is named, what does not is only counted")
    func changes() {
        let same = Changes.section(Example.result(), since: Example.result())
        #expect(same.contains("none differs") && !same.contains("<table"))
        let worse = Changes.section(Example.result(factor: 3), since: Example.result())
        #expect(worse.contains("✗ worse") && worse.contains("3.00\u{202F}×"))
        #expect(!worse.contains("another machine"))
        var updated = Example.result()
        updated.machine.kernel = "Linux 5.10"
        #expect(
            Changes.section(Example.result(), since: updated).contains(
                "another machine: A processor, 2 cores, 1\u{202F}GiB, Linux 5.10, Debian"))
    }
}

@Suite("What is drawn")
struct DrawingTests {
    private func points(_ values: [Double: Double]) -> [PercentilePoint] {
        values.map { PercentilePoint(percentile: $0.key, milliseconds: $0.value) }
    }

    @Test(
        "a curve has the median of the rounds at each percentile that all of them have, without the extremes"
    )
    func curve() {
        let curve = PercentileCurves.curve([
            points([0: 0.1, 50: 1, 90: 4, 99: 7, 100: 9]), points([0: 0.1, 50: 3, 90: 6, 99: 8, 100: 9]),
            points([0: 0.1, 50: 2, 90: 5, 100: 9]), [],
        ])
        #expect(curve.map(\.x) == [50, 90])
        #expect(curve.map(\.y) == [2, 5])
        #expect(curve.map(\.low) == [1, 4] && curve.map(\.high) == [3, 6])
    }

    @Test("phases end at the medians of their rounds, in that order, and begin where the one before ends")
    func phases() {
        func phase(_ name: String, _ end: Double) -> Phase {
            Phase(name: name, startMilliseconds: 0, endMilliseconds: end)
        }
        let medians = BarCharts.medians([
            [phase("late", 5), phase("early", 1)], [phase("early", 2), phase("late", 4)],
            [phase("early", 9), phase("late", 9), phase("rare", 1)],
        ])
        #expect(medians.map(\.name) == ["early", "late"])
        #expect(medians.map(\.startMilliseconds) == [0, 2])
        #expect(medians.map(\.endMilliseconds) == [2, 5])
    }

    @Test(
        "labels keep their order and their distance, and stay in the chart",
        arguments: [[10.0, 11, 12], [100, 1, 100], [95, 96, 97, 98], [0, 0, 0]])
    func labels(places: [Double]) {
        let moved = LineChart.spread(places, distance: 14, within: 0...100)
        let order = moved.sorted()
        #expect(zip(order, order.dropFirst()).allSatisfy { $1 - $0 >= 14 - 1e-9 })
        #expect(order.first.map { $0 >= -1e-9 } == true && order.last.map { $0 <= 100 + 1e-9 } == true)
        for (left, right) in zip(places.indices, places.indices.dropFirst())
        where places[left] < places[right] {
            #expect(moved[left] < moved[right])
        }
    }

    @Test("labels that are far apart stay where they are")
    func apart() { #expect(LineChart.spread([80, 10, 40], distance: 14, within: 0...100) == [80, 10, 40]) }
}

/// A result with something of everything. `factor` makes every figure larger.
enum Example {
    static func result(factor: Double = 1) -> BenchmarkResult {
        var result = BenchmarkResult(
            date: "2025-01-02T03:04:05Z", commit: "abc1234", extent: .quick,
            machine: Machine(
                processor: "A processor", cores: 2, memoryMebibytes: 1_024, kernel: "Linux 6.1",
                system: "Debian", loadBefore: 0.1),
            targets: ["own", "go"].map { Target(name: $0, binaryBytes: 1_000) })
        func axis(_ name: String, _ value: Double) -> Scenario.Axis { .init(name: name, value: value) }
        result.scenarios = [
            Scenario(
                name: "heartbeat-c1", group: .events, title: "Heartbeats, 1 at once", series: "heartbeat",
                axis: axis("concurrency", 1)),
            Scenario(
                name: "heartbeat-c16", group: .events, title: "Heartbeats, 16 at once", series: "heartbeat",
                axis: axis("concurrency", 16)),
            Scenario(name: "cold-answer", group: .coldStart, title: "To the first answer", series: "cold"),
            Scenario(
                name: "result-1KiB", group: .sizes, title: "1 KiB", series: "result",
                axis: axis("bytes", 1_024)),
            Scenario(
                name: "result-1MiB", group: .sizes, title: "1 MiB", series: "result",
                axis: axis("bytes", 1_048_576)),
            Scenario(
                name: "memory-idle", group: .memory, title: "Idle", series: "events", axis: axis("events", 0)),
        ]
        for scenario in result.scenarios {
            for (target, own) in [("own", 1.0), ("go", 2.0)] {
                for round in 1...3 {
                    var measurement = Measurement(scenario: scenario.name, target: target, round: round)
                    let value = own * factor * (1 + Double(round) / 100)
                    measurement.figures = [
                        .latencyP50: value, .eventsPerSecond: 1_000 * value, .cpuPerEvent: value,
                        .proportionalMemory: 4 * value, .anonymousMemory: value, .peakMemory: 9 * value,
                    ]
                    measurement.latency = [0, 50, 90, 99].map {
                        PercentilePoint(percentile: $0, milliseconds: value * (1 + $0))
                    }
                    measurement.phases = [
                        Phase(name: "listens", startMilliseconds: 0, endMilliseconds: value)
                    ]
                    result.measurements.append(measurement)
                }
            }
        }
        return result
    }
}
