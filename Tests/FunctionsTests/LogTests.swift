import Glibc
import JSON
import Net
import TestSupport
import Testing

@testable import Functions

@Suite("The log")
struct LogTests {
    /// Values that try to end the string, the line, the object or the terminal's patience.
    static let hostile: [[UInt8]] = [
        Array("\r\n{\"severity\":\"EMERGENCY\"}\n".utf8), Array("\"},{\"a\":\"".utf8),
        [0, 1, 0x1B, 0x5B, 0x32, 0x4A],
        Array("\u{2028}\u{2029}\u{85}\u{FEFF}".utf8), [0xFF, 0xFE, 0xC0, 0x80, 0xED, 0xA0, 0x80],
        [UInt8](repeating: 0x0A, count: 100_000), [UInt8](repeating: 0xF0, count: 70_000), [],
        Array(repeating: Array("é".utf8), count: 3_000).flatMap { $0 }, Array("\\".utf8),
    ]

    @Test("hostile values make one JSON object on one line of at most 16 KiB", arguments: hostile.indices)
    func hostileValues(_ index: Int) async throws {
        let value = Self.hostile[index]
        let lines = try await LoopSupport.run {
            let sink = KeptLines()
            let log = Log(level: .debug, sink: sink)
            log.write(.warning, "something happened") { line in
                for _ in 0..<12 { line.field("event", value) }
                line.field("status", 429)
            }
            return sink.lines
        }
        let line = try #require(lines.first)
        #expect(lines.count == 1)
        #expect(line.count <= 16_384)
        #expect(line.last == 0x0A)
        #expect(line.dropLast().allSatisfy { $0 >= 0x20 && $0 < 0x80 })
        let object = try JSONDocument(parsing: Array(line.dropLast())).root
        #expect(object["severity"]?.equals("WARNING") == true)
        #expect(object["message"]?.equals("something happened") == true)
        #expect(object["status"]?.integer == 429 || object["truncated"]?.bool == true)
    }

    @Test("random bytes make one JSON object on one line, and come back from it where they are UTF-8")
    func randomValues() async throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let value = (0..<Int.random(in: 0..<64, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let line = try await LoopSupport.run {
                let sink = KeptLines()
                Log(sink: sink).write(.info, "m") { $0.field("value", value) }
                return sink.lines[0]
            }
            let object = try JSONDocument(parsing: Array(line.dropLast())).root
            if let text = String(validating: value, as: UTF8.self) {
                #expect(object["value"]?.equals(text: text) == true)
            }
        }
    }

    @Test("fields are not put together where the severity is off")
    func severityOff() async throws {
        let (calls, lines) = try await LoopSupport.run {
            let sink = KeptLines()
            let log = Log(level: .warning, sink: sink)
            var calls = 0
            log.write(.info, "unseen") { _ in calls += 1 }
            log.write(.warning, "seen") { _ in calls += 1 }
            return (calls, sink.texts)
        }
        #expect(calls == 1)
        #expect(lines.count == 1)
    }

    @Test("a line carries the trace, the span and the labels that the platform reads")
    func traceContext() async throws {
        let line = try await LoopSupport.run {
            let sink = KeptLines()
            let log = Log(sink: sink, projectID: "demo-project", writesExecutionIDs: true)
            var fields = HTTPFields()
            fields.append("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            fields.append("X-Cloud-Trace-Context", "105445aa7843bc8bf206b12000100000/1;o=1")
            fields.append("Function-Execution-Id", "abcDEF123456")
            log.write(.info, "stored", log.context(of: fields))
            return sink.lines[0]
        }
        let object = try JSONDocument(parsing: Array(line.dropLast())).root
        #expect(
            object["logging.googleapis.com/trace"]?.string
                == "projects/demo-project/traces/4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(object["logging.googleapis.com/spanId"]?.string == "00f067aa0ba902b7")
        #expect(object["spanId"]?.string == "00f067aa0ba902b7")
        let labels = try #require(object["logging.googleapis.com/labels"])
        #expect(labels["execution_id"]?.string == "abcDEF123456")
        #expect(labels["span_id"]?.string == "00f067aa0ba902b7")
        let time = try #require(object["time"]?.stringBytes)
        #expect(time.count == 27 && WallClock(rfc3339: time) != nil)
    }

    @Test("an execution without an id gets one of twelve letters and digits")
    func executionID() throws {
        let context = LogContext(HTTPFields(), withExecutionID: true)
        let identifier = try #require(context.executionID)
        #expect(identifier.count == 12)
        #expect(identifier.allSatisfy { $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 })
        #expect(LogContext(HTTPFields()).executionID == nil)
    }

    @Test(
        "malformed trace contexts are as good as none",
        arguments: [
            "", "00", "00-0-0-0", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ])
    func malformedTraceparent(_ value: String) {
        #expect(LogContext.traceparent(Array(value.utf8)[...]) == nil)
    }

    @Test("the older trace header gives a trace, and its decimal span as sixteen digits")
    func cloudTraceContext() throws {
        func parse(_ text: String) -> (trace: [UInt8], span: [UInt8]?)? {
            LogContext.cloudTraceContext(Array(text.utf8)[...])
        }
        let whole = try #require(parse("105445AA7843bc8bf206b12000100000/255;o=1"))
        #expect(whole.trace == Array("105445aa7843bc8bf206b12000100000".utf8))
        #expect(whole.span == Array("00000000000000ff".utf8))
        #expect(try #require(parse("105445aa7843bc8bf206b12000100000")).span == nil)
        #expect(try #require(parse("105445aa7843bc8bf206b12000100000/99999999999999999999")).span == nil)
        #expect(parse("105445aa/1;o=1") == nil)
        #expect(parse("<script>") == nil)
    }

    @Test("a crash of ours has Error Reporting's form, whatever the service is called")
    func crash() async throws {
        for service in ["event-handler", "TIME SIGNAL \"\n"] {
            let parts = try await LoopSupport.run {
                Log(sink: KeptLines(), service: service).crashReport()
            }
            let line =
                parts.before + "2026-01-01T00:00:00.000000Z" + parts.between + "SIGILL at 0x1" + parts.after
            #expect(line.hasSuffix("}\n"))
            let object = try JSONDocument(parsing: Array(line.dropLast().utf8)).root
            #expect(object["severity"]?.string == "ERROR")
            #expect(object["time"]?.string == "2026-01-01T00:00:00.000000Z")
            #expect(object["@type"]?.string?.hasSuffix("ReportedErrorEvent") == true)
            #expect(object["serviceContext"]?["service"]?.string == service)
            #expect(object["serviceContext"]?["version"]?.string == Version.current)
            #expect(object["context"]?["reportLocation"]?["functionName"]?.string == service)
            #expect(object["signal"]?.string == "SIGILL at 0x1")
        }
        let text = try await LoopSupport.run {
            Log(sink: KeptLines(), form: .text(isColoured: false)).crashReport()
        }
        #expect(text.before == "" && text.after == "\n")
        #expect(text.between == " ERROR   the program crashed signal=")
    }

    private static func textLine(isColoured: Bool) async throws -> String {
        try await LoopSupport.run {
            let sink = KeptLines()
            Log(sink: sink, form: .text(isColoured: isColoured)).write(.info, "stored") {
                $0.field("event", "a b\u{1B}[2J\n")
                $0.field("kind", "question")
                $0.field("ms", milliseconds: 12_034_999)
            }
            return sink.texts[0]
        }
    }

    @Test("a terminal gets readable lines, escaped all the same")
    func textForm() async throws {
        let line = try await Self.textLine(isColoured: false)
        #expect(line.hasSuffix(" INFO    stored event=\"a b\\u001b[2J\\n\" kind=question ms=12.034\n"))
    }

    @Test("colours are around what is ours alone, and end where they began")
    func colours() async throws {
        let line = try await Self.textLine(isColoured: true)
        #expect(
            line.hasSuffix(
                "\u{1B}[0m \u{1B}[32mINFO\u{1B}[0m    \u{1B}[1mstored\u{1B}[0m "
                    + "event=\"a b\\u001b[2J\\n\" kind=question ms=12.034\n"))
        #expect(line.hasPrefix("\u{1B}[2m"))
    }

    @Test(
        "a time is a JSON number of milliseconds to the microsecond",
        arguments: [
            (0, "0.000"), (999, "0.000"), (1_000, "0.001"), (120_000, "0.120"), (1_000_000, "1.000"),
            (61_002_003_999, "61002.003"),
        ] as [(UInt64, String)])
    func milliseconds(_ nanoseconds: UInt64, _ expected: String) async throws {
        let line = try await LoopSupport.run {
            let sink = KeptLines()
            Log(sink: sink).write(.info, "m") { $0.field("ms", milliseconds: nanoseconds) }
            return sink.texts[0]
        }
        #expect(line.hasSuffix(",\"ms\":\(expected)}\n"))
    }

    @Test("dropped lines are counted in a line of their own")
    func droppedLines() async throws {
        let lines = try await LoopSupport.run {
            let sink = KeptLines()
            let log = Log(sink: sink)
            sink.dropped = 3
            log.write(.info, "next")
            return sink.texts
        }
        #expect(lines.count == 2)
        #expect(lines[0].contains("\"lines\":3"))
    }

    @Test("a pipe that nobody reads never holds the loop, and loses no line it has taken")
    func unreadPipe() async throws {
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let sink = try await LoopSupport.run {
            let sink = StandardErrorSink(descriptor: writing)
            let line = [UInt8](repeating: 0x61, count: 999) + [0x0A]
            // Far more than the pipe's 64 KiB and the buffer's 256 KiB.
            for _ in 0..<1_000 { sink.write(line) }
            return sink
        }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while text.count < 300_000 {
            let count = read(reading, &buffer, buffer.count)
            guard count > 0 else { break }
            text += buffer.prefix(count)
        }
        let dropped = try await LoopSupport.run {
            sink.drain()
            return sink.takeDroppedLines()
        }
        let flags = fcntl(reading, F_GETFL)
        _ = fcntl(reading, F_SETFL, flags | O_NONBLOCK)
        while true {
            let count = read(reading, &buffer, buffer.count)
            guard count > 0 else { break }
            text += buffer.prefix(count)
        }
        #expect(text.count % 1_000 == 0)
        #expect(text.count / 1_000 + dropped == 1_000)
        #expect(dropped > 0)
        close(reading)
        close(writing)
    }

    @Test("a disk that is full for a while delays lines, and loses none that there is room to hold")
    func fullDisk() async throws {
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let descriptor = open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        let sink = try await LoopSupport.run {
            let sink = StandardErrorSink(descriptor: descriptor)
            for text in ["one\n", "two\n"] { sink.write(Array(text.utf8)) }
            return sink
        }
        // Room again, as the sink sees it.
        #expect(dup2(writing, descriptor) == descriptor)
        var buffer = [UInt8](repeating: 0, count: 64)
        #expect(read(reading, &buffer, buffer.count) == 8 && buffer.starts(with: "one\ntwo\n".utf8))
        #expect(try await LoopSupport.run { sink.droppedLinesTotal } == 0)
        for open in [reading, writing, descriptor] { close(open) }
    }

    @Test("lines of one turn of the loop are written after it and together; one that warns does not wait")
    func endOfTurn() async throws {
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        _ = fcntl(reading, F_SETFL, fcntl(reading, F_GETFL) | O_NONBLOCK)
        func texts() -> String {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = read(reading, &buffer, buffer.count)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
        let seen = try await LoopSupport.run {
            let log = Log(sink: StandardErrorSink(descriptor: writing), form: .text(isColoured: false))
            var seen: [String] = []
            log.write(.info, "first")
            log.write(.info, "second")
            seen.append(texts())
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            seen.append(texts())
            log.write(.info, "third")
            log.write(.warning, "fourth")
            seen.append(texts())
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            seen.append(texts())
            return seen
        }
        let messages = seen.map { text in
            ["first", "second", "third", "fourth"].filter { text.contains($0) }
        }
        #expect(messages == [[], ["first", "second"], ["third", "fourth"], []])
        close(reading)
        close(writing)
    }

    @Test("a program that ends writes the line that was left to the end of the turn as well")
    func drained() async throws {
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        _ = fcntl(reading, F_SETFL, fcntl(reading, F_GETFL) | O_NONBLOCK)
        let count = try await LoopSupport.run {
            let log = Log(sink: StandardErrorSink(descriptor: writing), form: .text(isColoured: false))
            EventLoop.shared.atEndOfTurn { log.write(.info, "the last event") }
            log.drain()
            var buffer = [UInt8](repeating: 0, count: 4_096)
            return read(reading, &buffer, buffer.count)
        }
        #expect(count > "the last event".utf8.count)
        close(reading)
        close(writing)
    }

    @Test("what a pipe takes at once ends with a line, and lines that a closed one did not take are counted")
    func pieces() async throws {
        var ends: [CInt] = [-1, -1]
        // A datagram is one write.
        #expect(socketpair(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0, &ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let sink = try await LoopSupport.run {
            let sink = StandardErrorSink(descriptor: writing)
            for _ in 0..<7 { sink.writeLater([UInt8](repeating: 0x61, count: 999) + [0x0A]) }
            sink.drain()
            return sink
        }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        #expect(read(reading, &buffer, buffer.count) == 4_000)
        #expect(read(reading, &buffer, buffer.count) == 3_000)
        close(reading)
        let dropped = try await LoopSupport.run {
            for _ in 0..<3 { sink.writeLater(Array("line\n".utf8)) }
            sink.drain()
            return sink.droppedLinesTotal
        }
        #expect(dropped == 3)
        close(writing)
    }

    @Test("a closed pipe costs lines, not the program")
    func closedPipe() async throws {
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        let writing = ends[1]
        try await LoopSupport.run {
            let sink = StandardErrorSink(descriptor: writing)
            for _ in 0..<10 { sink.write(Array("line\n".utf8)) }
            sink.drain()
        }
        close(writing)
    }
}
