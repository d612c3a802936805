import Testing

@testable import Net

private func outcome(
    _ answer: some Sequence<UInt8>, method: HTTPMethod = .get, ends: Bool = true, pieces: [Int] = [],
    bodyBytesMax: Int = Limits.answerBodyBytesMax
) -> String {
    var limits = HTTPClientStateMachine.defaultLimits
    limits.bodyBytesMax = bodyBytesMax
    var machine = HTTPClientStateMachine(method: method, limits: limits)
    let bytes = Array(answer)
    var at = 0
    for piece in pieces where at < bytes.count {
        let count = min(piece, bytes.count - at)
        machine.receive(bytes[at..<at + count])
        at += count
    }
    if at < bytes.count { machine.receive(bytes[at...]) }
    if ends, machine.isReceiving { machine.receiveEnd() }
    switch machine.state {
    case .receiving: return "receiving"
    case .done(let response, let isReusable):
        return "\(response.status) \(text(response.body)) \(isReusable ? "keep" : "drop")"
    case .failed(let error):
        switch error {
        case .connectionLost: return "lost"
        case .malformedAnswer: return "malformed"
        case .answerTooLarge: return "too large"
        default: return "\(error)"
        }
    }
}

/// "hello hello hello" as Python's gzip writes it.
private let gzipped: [UInt8] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8,
    0x40,
    0x90, 0x00, 0x80, 0x88, 0xf9, 0xe5, 0x11, 0x00, 0x00, 0x00,
]

@Suite("The client's state machine")
struct HTTPClientStateMachineTests {
    @Test(
        "each framing is read as RFC 9112 section 6.3 says",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok keep"),
            ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200  keep"),
            ("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "201 ok keep"),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "200 until the end drop"),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok drop"),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "200 ok drop"),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204  keep"),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304  keep"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok keep"),
        ])
    func framings(answer: String, expected: String) {
        #expect(outcome(answer.utf8) == expected)
        #expect(outcome(answer.utf8, pieces: Array(repeating: 1, count: answer.utf8.count)) == expected)
    }

    @Test("an answer to HEAD has no body, whatever its fields say")
    func head() {
        #expect(outcome("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".utf8, method: .head) == "200  keep")
        #expect(
            outcome("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".utf8, method: .head) == "200  drop")
    }

    @Test(
        "an answer that could be read in two ways, or is no HTTP, fails",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok",
            "ICY 200 OK\r\n\r\n",
            String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 9),
        ])
    func refused(answer: String) {
        #expect(outcome(answer.utf8) == "malformed")
    }

    @Test(
        "an answer that is both too large and malformed fails for what comes first, however it is split",
        arguments: [
            ("B no", "malformed"), ("B\r\n01234567890no", "too large"),
            ("8\r\n01234567\r\n8\r\n01234567no", "too large"), ("A\r\n0123456789no", "malformed"),
        ])
    func tooLargeAndMalformed(body: String, expected: String) {
        let bytes = Array(("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body).utf8)
        for cut in 0..<bytes.count {
            #expect(outcome(bytes, pieces: [cut], bodyBytesMax: 10) == expected, "cut at \(cut)")
        }
    }

    @Test("bytes after the answer end the connection's use, together with it or later")
    func surplus() {
        #expect(outcome("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1".utf8) == "200 ok drop")
        var machine = HTTPClientStateMachine(method: .get)
        machine.receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        machine.receive("x")
        guard case .done(_, isReusable: false) = machine.state else { return #expect(Bool(false), "kept") }
    }

    @Test(
        "an answer cut at any byte is lost, never shorter",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        ])
    func cut(answer: String) {
        let bytes = Array(answer.utf8)
        for count in 0..<bytes.count {
            #expect(outcome(bytes[..<count]) == "lost", "cut after \(count)")
        }
        #expect(outcome(bytes) == "200 hello keep")
    }

    @Test("gzip is decoded, damaged or cut gzip fails")
    func gzip() {
        let head = Array(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(gzipped.count)\r\n\r\n".utf8)
        #expect(outcome(head + gzipped) == "200 hello hello hello keep")
        var damaged = gzipped
        damaged[14] ^= 0x55
        #expect(outcome(head + damaged) == "malformed")
        for count in 1..<gzipped.count {
            #expect(throws: InflateError.malformed) {
                try Inflate.gunzip(Array(gzipped[..<count]), bytesMax: 100)
            }
        }
    }

    @Test("a body over its ceiling fails before it is read, and a gzip bomb before it is unpacked")
    func ceilings() {
        #expect(
            outcome("HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\n".utf8, ends: false) == "too large")
        #expect(throws: InflateError.tooLarge) { try Inflate.gunzip(gzipped, bytesMax: 16) }
        #expect(throws: Never.self) { try Inflate.gunzip(gzipped, bytesMax: 17) }
    }
}
