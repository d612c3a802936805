internal import JSON
internal import Net

/// What `check` prints: a line for each finding, or one JSON object for machines.
enum CheckReport {
    /// A line for each finding: its state, what was looked at, its name, what was found, what to do.
    static func table(_ findings: [Finding], isColoured: Bool = false) -> String {
        let whatWidth = findings.map(\.what.utf8.count).max() ?? 0
        let subjectWidth = min(60, findings.map(\.subject.utf8.count).max() ?? 0)
        var text = ""
        for finding in findings {
            let state = padded(finding.state.rawValue, 7)
            text += isColoured ? "\(colour(finding.state))\(state)\u{1B}[0m" : state
            text += "  \(padded(finding.what, whatWidth))  \(padded(finding.subject, subjectWidth))  "
            text += finding.detail
            if let remedy = finding.remedy { text += " → \(remedy)" }
            text += "\n"
        }
        return text
    }

    /// `{"function":…,"ok":…,"checks":[{"check","subject","state","detail","remedy"?}]}` and a newline.
    static func json(_ findings: [Finding], _ kind: FunctionKind) -> [UInt8] {
        var writer = JSONWriter(capacity: 4_096)
        writer.beginObject()
        writer.member("function", kind.rawValue)
        writer.member("ok", isGood(findings))
        writer.key("checks")
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            writer.member("check", finding.what)
            writer.member("subject", finding.subject)
            writer.member("state", finding.state.rawValue)
            writer.member("detail", finding.detail)
            if let remedy = finding.remedy { writer.member("remedy", remedy) }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.finish() + [0x0A]
    }

    /// Whether nothing has failed.
    static func isGood(_ findings: [Finding]) -> Bool {
        findings.allSatisfy { $0.state != .failed }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    private static func colour(_ state: Finding.State) -> String {
        switch state {
        case .ok: "\u{1B}[32m"
        case .failed: "\u{1B}[31m"
        case .unknown: "\u{1B}[33m"
        }
    }
}

/// A log that nobody reads: what `check` finds it says itself.
@EventLoopActor
final class NoLines: LogSink {
    func write(_ line: [UInt8]) {}
    func takeDroppedLines() -> Int { 0 }
    func drain() {}
}

extension Service {
    /// `check`: looks, prints, and returns 0, or 1 where something has failed.
    static func check(_ kind: FunctionKind, asJSON: Bool, _ environment: Environment) -> Int32 {
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try Configuration(kind, environment: environment)
        } catch {
            return report(Check.findings(error), kind, asJSON: asJSON, environment)
        }
        let findings = EventLoop.shared.runProcess {
            let log = Log(level: .error, sink: NoLines())
            let parts = ServiceParts(
                configuration.service, environment: environment, exchange: HTTPClient(), log: log)
            return await Check.findings(configuration, parts)
        }
        return report(findings, kind, asJSON: asJSON, environment)
    }

    private static func report(
        _ findings: [Finding], _ kind: FunctionKind, asJSON: Bool, _ environment: Environment
    ) -> Int32 {
        let isColoured = isTerminal(1) && wantsColours(environment)
        let text =
            asJSON
            ? CheckReport.json(findings, kind)
            : Array(CheckReport.table(findings, isColoured: isColoured).utf8)
        return answer(text, CheckReport.isGood(findings) ? ExitStatus.success : ExitStatus.checkFailed)
    }
}
