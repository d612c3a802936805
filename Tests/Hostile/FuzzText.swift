@testable import Functions
@testable import JSON
@testable import Net

/// Names, paths, dates, quantities and log lines.
enum FuzzText {
    // MARK: Paths

    /// Whatever is encoded decodes to itself and is unreserved characters and escapes only; decoding does
    /// what a slow decoder does; the first parameter of a name is the one that is found.
    static func path(_ input: [UInt8]) {
        var encoded: [UInt8] = []
        URLPath.append(input, to: &encoded)
        check(URLPath.decode(encoded) == input, "encoded and decoded")
        check(encoded.allSatisfy { isAllowed[Int($0)] }, "nothing but unreserved characters and escapes")
        check(URLPath.decode(input) == slowDecode(input), "the slow decoder's bytes")
        let form = URLForm.encode([("a", input), ("b", [0x31]), ("a", [0x32])])
        check(URLForm.firstValue(of: "a", in: form) == input, "the first value of a form")
        check(URLForm.firstValue(of: "b", in: form) == [0x31], "the second name of a form")
        check(URLForm.firstValue(of: "a", in: input) == slowFirstValue("a", input), "the slow reader's value")
        if let name = ServiceName(input) {
            var twice: [UInt8] = []
            URLPath.appendTwice(name, to: &twice)
            check(URLPath.decode(URLPath.decode(twice)) == input, "encoded twice")
        }
        let quoted = PythonText.representation(of: input)
        check(
            quoted.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x2028 },
            "a quoted text is one line")
    }

    private static let isAllowed: [Bool] = {
        let allowed = "-._~%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8
        return (0...UInt8.max).map { allowed.contains($0) }
    }()

    private static func slowDecode(_ input: [UInt8]) -> [UInt8] {
        let digits = "0123456789abcdefABCDEF".utf8
        var output: [UInt8] = []
        var rest = input[...]
        while let byte = rest.popFirst() {
            let two = rest.prefix(2)
            if byte == UInt8(ascii: "%"), two.count == 2, two.allSatisfy({ digits.contains($0) }) {
                output.append(UInt8(String(decoding: two, as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            } else {
                output.append(byte)
            }
        }
        return output
    }

    private static func slowFirstValue(_ name: String, _ query: [UInt8]) -> [UInt8]? {
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let halves = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false
            )
            .map { half in slowDecode(half.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }) }
            if halves[0] == Array(name.utf8) { return halves.count == 2 ? halves[1] : [] }
        }
        return nil
    }

    // MARK: Names

    nonisolated(unsafe) private static let quantity =
        /[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?0*[0-9]{1,3})?/
    nonisolated(unsafe) private static let service =
        /[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*/
    nonisolated(unsafe) private static let revision =
        /[a-z0-9]+(-[a-z0-9]+)*\/[a-z0-9]+(-[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}/
    nonisolated(unsafe) private static let tag = /[A-Za-z0-9_][A-Za-z0-9._-]{0,127}/
    nonisolated(unsafe) private static let question = /[a-z0-9]([-a-z0-9]*[a-z0-9])?/

    /// The expressions of the standards as they are written there take what the proven types take.
    static func names(_ input: [UInt8]) {
        guard input.count <= 300 else { return }
        let text = input.allSatisfy { $0 < 0x80 } ? String(decoding: input, as: UTF8.self) : "\u{E9}"
        func agree(_ isAccepted: Bool, _ expected: Bool, _ name: String) {
            check(isAccepted == expected, "\(name): accepted is \(isAccepted)")
        }
        agree(ServiceName(input) != nil, text.wholeMatch(of: service) != nil && input.count <= 255, "service")
        agree(ServiceRevision(input) != nil, text.wholeMatch(of: revision) != nil, "revision")
        agree(ImageTag(input) != nil, text.wholeMatch(of: tag) != nil, "tag")
        agree(
            QuestionUUID(input) != nil, text.wholeMatch(of: question) != nil && input.count <= 54, "question")
        let trimmed = String(decoding: input.trimmingSpaces, as: UTF8.self)
        let isNegative = trimmed.hasPrefix("-") && mantissa(trimmed).contains { $0 > "0" && $0 <= "9" }
        agree(
            Quantity(input) != nil,
            text.utf8.allSatisfy { $0 < 0x80 } && trimmed.wholeMatch(of: quantity) != nil && !isNegative
                && trimmed.utf8.count <= 256, "quantity")
        if let url = AbsoluteURL(String(decoding: input, as: UTF8.self)) { FuzzEvent.checkURL(url) }
        _ = TopicName(input)
        _ = TableID(input)
        if let id = ClusterID(input) { checkPath(id.text) }
        if let id = RepositoryID(input) { checkPath(id.text) }
        for endpoint in [Endpoint(override: text), Endpoint(emulator: text)] {
            guard let endpoint else { continue }
            check(!endpoint.carriesToken == (endpoint.origin.scheme == .http), "no token in clear")
            check(
                endpoint.origin.scheme == .https || endpoint.origin.isLoopback,
                "in clear on this machine only")
            check(!endpoint.basePath.contains(UInt8(ascii: "?")), "a base path has no query")
        }
    }

    private static func mantissa(_ text: String) -> Substring {
        text.prefix { !$0.isLetter }
    }

    private static func checkPath(_ text: String) {
        for segment in text.split(separator: "/", omittingEmptySubsequences: false) {
            check(segment != "." && segment != ".." && !segment.isEmpty, "no segment that a path leaves out")
        }
        check(
            text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#%\\".utf8.contains($0) }, "path characters")
    }

    // MARK: Dates

    /// A date that is understood is the same when it is written and read again, and is what counting the days
    /// one by one gives; a wait is never longer than the ceiling.
    static func dates(_ input: [UInt8]) {
        if let wait = RetryAfter.nanoseconds(input, nowSeconds: 1_700_000_000) {
            check(wait <= 100_000_000 * 1_000_000_000, "a wait has a ceiling")
        }
        if let seconds = HTTPDate.seconds(input) { checkDate(seconds) }
        if let time = WallClock(rfc3339: input), time.seconds >= 0 { checkDate(time.seconds) }
        guard input.count >= 4 else { return }
        let seconds = input.prefix(4).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        checkDate(seconds)
        let time = WallClock(seconds: seconds)
        check(WallClock(rfc3339: Array(time.rfc3339().utf8)) == time, "RFC 3339 reads as itself")
        let utc = time.utc
        var days = 0
        for year in 1_970..<utc.year { days += isLeap(year) ? 366 : 365 }
        let lengths = [31, isLeap(utc.year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        days += lengths.prefix(utc.month - 1).reduce(0, +) + utc.day - 1
        let counted = days * 86_400 + utc.hour * 3_600 + utc.minute * 60 + utc.second
        check(counted == Int(seconds), "the days counted one by one")
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func checkDate(_ seconds: Int64) {
        let text = WallClock(seconds: seconds).httpDate
        check(text.utf8.count == 29 || seconds >= 253_402_300_800, "a date has 29 characters")
        // Five digits of a year are none that HTTP knows.
        guard seconds < 253_402_300_800 else { return }
        check(HTTPDate.seconds(Array(text.utf8)) == seconds, "\(text) reads as itself")
    }

    // MARK: The log

    /// A line is one line of ASCII under its ceiling whatever stands in it, JSON with each name once, and a
    /// short value reads back as itself; the readable form holds no control character either.
    static func log(_ input: [UInt8]) {
        guard let first = input.first else { return }
        // Mostly as it is; at times long enough to be cut, and to fill a line.
        let times = first < 0xF0 ? 1 : Int(first & 15) * 400
        var value: [UInt8] = []
        for _ in 0..<times where value.count <= ServiceLimits.logLineBytesMax { value += input.dropFirst() }
        for form in [LogLine.Form.json, .text(isColoured: false)] {
            var line = LogLine(
                form, .warning, "a message", timestamp: Array("2026-01-01T00:00:00Z".utf8))
            line.field("first", value)
            line.field("second", value.reversed())
            for _ in 0..<Int(first >> 4) / 2 { line.field("again", value) }
            line.field("number", Int(first))
            check(line.bytes.count <= ServiceLimits.logLineBytesMax, "a line has a ceiling")
            let bytes = line.finish()
            check(bytes.count <= ServiceLimits.logLineBytesMax, "a finished line has a ceiling")
            check(
                bytes.last == 0x0A && bytes.dropLast().allSatisfy { $0 >= 0x20 && $0 < 0x7F },
                "one line of ASCII")
            guard form == .json else { continue }
            check(bytes.count > 2_000 || SlowJSON.accepts(bytes), "a line is JSON")
            guard let root = try? JSONDocument(parsing: bytes).root else {
                return check(false, "a line reads")
            }
            check(root.isObject, "a line is an object")
            if value.count <= 1_000, String(validating: value, as: UTF8.self) != nil {
                check(root["first"]?.stringBytes == value, "a short value reads back")
            }
        }
        let context = LogContext(FuzzEvent.fields(contextFields(input)), withExecutionID: true)
        check(context.traceID.map { $0.count == 32 } ?? true, "a trace has 32 digits")
        check(context.spanID.map { $0.count == 16 } ?? true, "a span has 16 digits")
    }

    private static func contextFields(_ input: [UInt8]) -> [(String, String)] {
        let text = String(decoding: input.dropFirst().filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
        return input[0] & 1 == 0
            ? [("traceparent", text)] : [("x-cloud-trace-context", text), ("function-execution-id", text)]
    }
}

extension [UInt8] {
    /// Without ASCII's white space at both ends.
    fileprivate var trimmingSpaces: [UInt8] {
        let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D]
        return Array(self.drop { spaces.contains($0) }.reversed().drop { spaces.contains($0) }.reversed())
    }
}
