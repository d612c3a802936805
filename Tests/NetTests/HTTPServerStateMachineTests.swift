import TestSupport
import Testing

@testable import Net

/// What a server did with a connection's bytes, as short lines that can be compared.
private struct Transcript {
    var events: [String] = []
    var machine: HTTPServerStateMachine

    init(budget: RequestBudget = RequestBudget(bytesMax: 1 << 20), limits: MessageLimits = MessageLimits()) {
        machine = HTTPServerStateMachine(limits: limits, budget: budget)
    }

    /// Goes on until more bytes are needed or the connection is over.
    mutating func run() {
        while events.last != "close" {
            switch machine.next() {
            case .read: return
            case .sendContinue: events.append("continue")
            case .handle(let request):
                events.append("\(request.method.name) \(text(request.target)) \(text(request.body))")
                var response = HTTPResponse.text(200, "ok")
                response.fields.append("X", "y")
                _ = machine.answer(response, date: Array("now".utf8))
            case .refuse(let refusal):
                events.append("refuse \(refusal.status)")
                return
            case .close:
                events.append("close")
                return
            }
        }
    }

    mutating func feed(_ bytes: some Sequence<UInt8>) {
        machine.receive(Array(bytes))
        run()
    }
}

private let pipeline =
    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    + "POST /b?c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    + "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n"
    + "GET http://h/d?e HTTP/1.1\r\nHost: h\r\n\r\n"
    + "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

private let pipelineEvents = [
    "GET /a ", "POST /b?c hello", "POST /c abcde", "GET /d?e ", "GET /last ", "close",
]

@Suite("The server's state machine")
struct HTTPServerStateMachineTests {
    @Test(
        "pipelined requests are handled in order, and Connection: close ends the connection after its answer")
    func pipelined() {
        var transcript = Transcript()
        transcript.feed(pipeline.utf8)
        #expect(transcript.events == pipelineEvents)
    }

    @Test("requests split at any byte are the same requests")
    func everySplit() {
        let bytes = Array(pipeline.utf8)
        for offset in 0...bytes.count {
            var transcript = Transcript()
            transcript.feed(bytes[..<offset])
            transcript.feed(bytes[offset...])
            #expect(transcript.events == pipelineEvents, "split at \(offset)")
        }
    }

    @Test("requests that come byte by byte or in random pieces are the same requests")
    func randomSplits() {
        let bytes = Array(pipeline.utf8)
        var generator = SeededGenerator(seed: 7)
        for round in 0..<500 {
            var transcript = Transcript()
            var at = 0
            while at < bytes.count {
                let count = round == 0 ? 1 : min(bytes.count - at, Int.random(in: 1...40, using: &generator))
                transcript.feed(bytes[at..<at + count])
                at += count
            }
            #expect(transcript.events == pipelineEvents)
        }
    }

    @Test("a bad request is refused after the good ones before it are answered, and nothing after it is read")
    func badAfterGood() {
        var transcript = Transcript()
        transcript.feed(
            "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n".utf8
        )
        #expect(transcript.events == ["GET /a ", "refuse 400"])
        transcript.feed("GET /d HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        #expect(transcript.events == ["GET /a ", "refuse 400", "close"])
    }

    @Test(
        "each refusal has its status",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", "400"),
            ("GET / HTTP/2.0\r\n", "505"),
            ("GET /\(String(repeating: "a", count: 17_000))", "414"),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "a", count: 17_000))", "431"),
            ("GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "A: b\r\n", count: 251), "431"),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16777217\r\n\r\n", "413"),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"),
            ("POST / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n", "417"),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"),
            ("GET / HTTP/1.1\nHost: h\n\n", "400"),
        ])
    func refusals(input: String, status: String) {
        var transcript = Transcript()
        transcript.feed(input.utf8)
        #expect(transcript.events == ["refuse \(status)"])
    }

    @Test("a body of the largest size is taken, and one byte more in chunks is 413")
    func chunkedCeiling() {
        var limits = MessageLimits()
        limits.bodyBytesMax = 10
        var transcript = Transcript(limits: limits)
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        transcript.feed((head + "A\r\n0123456789\r\n0\r\n\r\n").utf8)
        transcript.feed((head + "A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n").utf8)
        #expect(transcript.events == ["POST / 0123456789", "refuse 413"])
    }

    @Test(
        "a chunk that announces more than a body may have is 413 at once, and not waited for",
        arguments: [("B", true), ("7fffffffffffffff", true), ("A", false)])
    func chunkThatAnnouncesTooMuch(size: String, isRefused: Bool) {
        var limits = MessageLimits()
        limits.bodyBytesMax = 10
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        for before in ["", "1\r\nx\r\n"] {
            var transcript = Transcript(limits: limits)
            transcript.feed((head + before + size + "\r\n").utf8)
            let isOver = isRefused || !before.isEmpty
            #expect(transcript.events == (isOver ? ["refuse 413"] : []))
        }
    }

    @Test(
        "a body that is both too large and malformed is refused for what comes first, however it is split",
        arguments: [
            ("B no", 400), ("B\r\n01234567890no", 413), ("8\r\n01234567\r\n8\r\n01234567no", 413),
            ("A\r\n0123456789no", 400), ("8\r\n01234567\r\n3 no", 400),
        ])
    func tooLargeAndMalformed(body: String, status: Int) {
        var limits = MessageLimits()
        limits.bodyBytesMax = 10
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        let bytes = Array((head + body).utf8)
        for cut in 0...bytes.count {
            var transcript = Transcript(limits: limits)
            transcript.feed(bytes[..<cut])
            if transcript.events.isEmpty { transcript.feed(bytes[cut...]) }
            #expect(transcript.events == ["refuse \(status)"], "cut at \(cut)")
        }
    }

    @Test("100 Continue is sent once, and only when the body has not begun to come")
    func expectContinue() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        var waiting = Transcript()
        waiting.feed(head.utf8)
        waiting.feed("o".utf8)
        waiting.feed("k".utf8)
        #expect(waiting.events == ["continue", "POST / ok"])
        var eager = Transcript()
        eager.feed((head + "ok").utf8)
        #expect(eager.events == ["POST / ok"])
        var begun = Transcript()
        begun.feed((head + "o").utf8)
        begun.feed("k".utf8)
        #expect(begun.events == ["POST / ok"])
    }

    @Test("a head that does not come in time is 408, an idle connection is only closed")
    func timeOuts() {
        var begun = Transcript()
        begun.feed("GET / HT".utf8)
        begun.machine.timeOut()
        begun.run()
        #expect(begun.events == ["refuse 408"])
        var idle = Transcript()
        idle.machine.timeOut()
        idle.run()
        #expect(idle.events == ["close"])
    }

    @Test("a peer that ends between requests is only closed, one that ends inside a request is told 400")
    func ends() {
        var between = Transcript()
        between.feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        between.machine.receiveEnd()
        between.run()
        #expect(between.events == ["GET / ", "close"])
        for cut in ["G", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab"] {
            var inside = Transcript()
            inside.feed(cut.utf8)
            inside.machine.receiveEnd()
            inside.run()
            #expect(inside.events == ["refuse 400"])
        }
    }

    @Test("HTTP/1.0 closes after its answer unless it asks to be kept, and gets no chunks")
    func http10() {
        var machine = HTTPServerStateMachine(budget: RequestBudget(bytesMax: 100))
        machine.receive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")
        guard case .handle = machine.next() else { return #expect(Bool(false), "no request") }
        let kept = text(machine.answer(.text(200, "a"), date: []))
        #expect(kept.contains("\r\nConnection: keep-alive\r\n"))
        guard case .handle = machine.next() else { return #expect(Bool(false), "no second request") }
        var response = HTTPResponse.text(200, "abc")
        response.framing = .chunked
        let last = text(machine.answer(response, date: []))
        #expect(last.contains("\r\nConnection: close\r\n"))
        #expect(!last.contains("Transfer-Encoding"))
        #expect(last.hasSuffix("\r\n\r\nabc"))
        guard case .close = machine.next() else { return #expect(Bool(false), "not closed") }
    }

    @Test("the answer to HEAD has the length of the body and no body; 204 has neither")
    func headAndNoContent() {
        var machine = HTTPServerStateMachine(budget: RequestBudget(bytesMax: 100))
        machine.receive("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
        guard case .handle = machine.next() else { return #expect(Bool(false), "no request") }
        let head = text(machine.answer(.text(200, "abc"), date: []))
        #expect(head.contains("Content-Length: 3\r\n"))
        #expect(head.hasSuffix("\r\n\r\n"))
        guard case .handle = machine.next() else { return #expect(Bool(false), "no second request") }
        let empty = text(machine.answer(HTTPResponse(status: 204), date: []))
        #expect(!empty.contains("Content-Length"))
        #expect(empty.hasSuffix("\r\n\r\n"))
    }

    @Test("heads that are not complete, or wait for their body, count in the common budget as well")
    func headsInTheBudget() {
        let budget = RequestBudget(bytesMax: 100_000)
        let long = String(repeating: "X: \(String(repeating: "x", count: 9_996))\r\n", count: 6)
        var (one, two) = (Transcript(budget: budget), Transcript(budget: budget))
        one.feed("GET / HTTP/1.1\r\nHost: h\r\n\(long)".utf8)
        #expect(one.events.isEmpty && budget.bytesUsed > 60_000)
        two.feed("GET / HTTP/1.1\r\nHost: h\r\n\(long)".utf8)
        #expect(two.events == ["refuse 503"])
        two.run()
        #expect(two.events.last == "close" && budget.bytesUsed < 61_000)
        one.feed("\r\n".utf8)
        #expect(one.events == ["GET / "] && budget.bytesUsed == 0)
        one.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\(long)\r\nhel".utf8)
        #expect(budget.bytesUsed > 60_000)
        one.feed("lo".utf8)
        #expect(one.events == ["GET / ", "POST / hello"] && budget.bytesUsed == 0)
    }

    @Test("a head counts in it until its request is answered, however its bytes came")
    func headsOfRequestsInTheBudget() {
        let bytes = Array("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello".utf8)
        for cut in 0..<bytes.count {
            let budget = RequestBudget(bytesMax: 100_000)
            var machine = HTTPServerStateMachine(budget: budget)
            machine.receive(bytes[..<cut])
            if cut > 0 { _ = machine.next() }
            machine.receive(bytes[cut...])
            guard case .handle = machine.next() else {
                Issue.record("it is no request, cut at \(cut)")
                continue
            }
            #expect(budget.bytesUsed == bytes.count, "cut at \(cut)")
            _ = machine.answer(.text(200, "ok"), date: [])
            #expect(budget.bytesUsed == 0)
        }
    }

    @Test("requests that wait for the answer before them count in it until they are read")
    func pipelinedInTheBudget() {
        let budget = RequestBudget(bytesMax: 100_000)
        var machine = HTTPServerStateMachine(budget: budget)
        machine.receive(Array(String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: 1_000).utf8))
        #expect(budget.bytesUsed > 20_000)
        for _ in 0..<1_000 {
            guard case .handle = machine.next() else {
                Issue.record("a request is missing")
                return
            }
            _ = machine.answer(HTTPResponse.text(200, "ok"), date: [])
        }
        #expect(budget.bytesUsed == 0)
        machine.receive(Array("GET / HT".utf8))
        machine.releaseBytes()
        #expect(budget.bytesUsed == 0)
    }

    @Test("an empty line alone is no request: an idle connection stays one", arguments: ["\r\n", "\r"])
    func emptyLine(_ line: String) {
        for ends in [false, true] {
            var transcript = Transcript()
            transcript.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nX\(line)".utf8)
            #expect(transcript.events == ["POST / X"])
            guard case .read(.idle) = transcript.machine.next() else {
                Issue.record("it waits for the rest of a request")
                return
            }
            if ends { transcript.machine.receiveEnd() } else { transcript.machine.timeOut() }
            transcript.run()
            #expect(transcript.events == ["POST / X", "close"])
        }
    }

    @Test("a refusal of HEAD has no body (RFC 9110 section 9.3.2)")
    func refusedHead() throws {
        for (method, hasBody) in [("HEAD", false), ("GET", true)] {
            var machine = HTTPServerStateMachine(budget: RequestBudget(bytesMax: 1 << 20))
            machine.receive(Array("\(method) / HTTP/1.1\r\nHost: h\r\nContent-Length: 16777217\r\n\r\n".utf8))
            guard case .refuse(let refusal) = machine.next() else {
                Issue.record("it is not refused")
                return
            }
            let bytes = machine.bytes(of: refusal, date: [])
            #expect(text(bytes).hasPrefix("HTTP/1.1 413"))
            #expect(text(bytes).hasSuffix("\r\n\r\n") != hasBody)
        }
    }

    @Test(
        "a HEAD whose head is wrong, cut or late is refused without a body as well",
        arguments: [
            "HEAD / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
            "\r\nHEAD / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", "HEAD / HTTP/1.1\nHost: h\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "HEAD / HTTP/1.1\r\nHo",
        ])
    func wrongHead(input: String) {
        for isLate in [false, true] {
            for (method, hasBody) in [("HEAD", false), ("GET", true)] {
                var machine = HTTPServerStateMachine(budget: RequestBudget(bytesMax: 1 << 20))
                machine.receive(Array(input.replacing("HEAD", with: method).utf8))
                if isLate { machine.timeOut() } else { machine.receiveEnd() }
                guard case .refuse(let refusal) = machine.next() else {
                    Issue.record("it is not refused")
                    continue
                }
                #expect(text(machine.bytes(of: refusal, date: [])).hasSuffix("\r\n\r\n") != hasBody)
            }
        }
    }

    @Test("what is refused after HEAD was answered is refused with a body")
    func afterHead() {
        var machine = HTTPServerStateMachine(budget: RequestBudget(bytesMax: 1 << 20))
        machine.receive(Array("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n".utf8))
        guard case .handle = machine.next() else {
            Issue.record("HEAD is not handled")
            return
        }
        _ = machine.answer(HTTPResponse.text(200, "ok"), date: [])
        guard case .refuse(let refusal) = machine.next() else {
            Issue.record("it is not refused")
            return
        }
        let bytes = machine.bytes(of: refusal, date: [])
        #expect(!text(bytes).hasSuffix("\r\n\r\n"))
    }

    @Test("after CONNECT, which is answered no tunnel, nothing is read as a request")
    func connect() {
        var transcript = Transcript()
        transcript.feed("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        #expect(transcript.events.count == 2 && transcript.events.last == "close")
    }

    @Test("bodies beyond the common budget are refused 503, and an answered request gives its bytes back")
    func budget() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n"
        // The head counts while it waits for its body.
        let budget = RequestBudget(bytesMax: head.utf8.count + 10)
        var first = Transcript(budget: budget)
        first.feed("\(head)1234567".utf8)
        #expect(budget.bytesUsed == head.utf8.count + 7)
        var second = Transcript(budget: budget)
        second.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n1234".utf8)
        #expect(second.events == ["refuse 503"])
        #expect(budget.bytesUsed == head.utf8.count + 7)
        first.feed("8".utf8)
        #expect(first.events == ["POST / 12345678"])
        #expect(budget.bytesUsed == 0)
    }
}
