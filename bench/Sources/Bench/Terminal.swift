import Report
import Results

/// Results as text for a terminal.
enum Terminal {
    /// A value with as many digits as say something: three, or all before the point.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return NumberText.rounded(value) }
        if value == value.rounded() || abs(value) >= 999.5 { return NumberText.short(value.rounded()) }
        return NumberText.rounded(value)
    }

    /// A median with its range: `0.112 (0.109–0.120)`.
    static func spread(_ spread: Spread) -> String { number(spread.median) + range(spread) }

    /// The range alone, behind a space; nothing where there is none.
    static func range(_ spread: Spread) -> String {
        if spread.count == 1 || spread.minimum == spread.maximum { return "" }
        return " (\(number(spread.minimum))–\(number(spread.maximum)))"
    }

    /// Columns as wide as their widest cell; all but the first are aligned to the right.
    static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { index, cell in
                let space = String(repeating: " ", count: widths[index] - cell.count)
                return index == 0 ? cell + space : space + cell
            }
            return "  " + cells.joined(separator: "   ")
        }.joined(separator: "\n")
    }

    /// What people look at first, for each group of scenarios.
    static func headline(_ group: Scenario.Group) -> [Figure] {
        switch group {
        case .events, .rates, .upstreamLatency, .registry:
            [.latencyP50, .latencyP99, .eventsPerSecond, .cpuPerEvent, .upstreamCallsPerEvent, .errorShare]
        case .sizes:
            [.latencyP50, .cpuPerEvent, .latencyPerByte, .cpuPerByte, .peakMemory, .peakMemoryPerRequestBody]
        case .coldStart: [.firstAnswer, .firstRow, .firstJob]
        case .memory:
            [
                .proportionalMemory, .anonymousMemory, .residentMemory, .peakMemory, .memoryPerConnection,
                .anonymousMemoryGrowth, .descriptorGrowth, .binarySize,
            ]
        case .faults:
            [.latencyP50, .latencyP99, .latencyP999, .eventsPerSecond, .upstreamCallsPerEvent, .errorShare]
        case .slowClients:
            [
                .latencyP50, .latencyP99, .latencyP99Alone, .latencyP99Ratio, .cpuPerEvent,
                .slowClientsReplaced,
            ]
        case .overload:
            [.capacity, .offered, .sent, .goodput, .goodputShare, .refusalP50, .refusalP99, .recovery]
        case .shutdown: [.exitTime, .exitTimeUnderLoad, .unanswered]
        }
    }

    /// One scenario: a line for each target.
    static func scenario(_ scenario: Scenario, _ result: BenchmarkResult) -> String {
        let measured = Set(result.figures(of: scenario.name))
        let figures = headline(scenario.group).filter(measured.contains)
        let head =
            [scenario.name]
            + figures.map { $0.unit.rawValue.isEmpty ? $0.title : "\($0.title), \($0.unit.rawValue)" }
        let rows = result.targets.map { target in
            [target.name]
                + figures.map { figure in
                    result.spread(of: figure, scenario: scenario.name, target: target.name).map(spread) ?? "–"
                }
        }
        return table([head] + rows)
    }
}
