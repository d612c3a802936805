import LoadGenerator
import Testing

@Suite("Answers are read to their ends")
struct AnswerParserTests {
    private static let answers: [(text: String, status: Int, closes: Bool)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", 200, false),
        ("HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\nRetry-After: 1\r\n\r\n", 503, false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n", 200,
            false
        ),
        ("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx", 200, true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, true),
    ]

    /// The answers in some bytes that come in pieces of a size.
    private func read(_ text: String, pieces: Int) throws -> [AnswerParser.Answer] {
        var parser = AnswerParser()
        var found: [AnswerParser.Answer] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
            try piece.withUnsafeBytes { bytes in
                var position = 0
                while position < bytes.count {
                    if let answer = try parser.next(bytes, &position) { found.append(answer) }
                }
            }
        }
        #expect(parser.isBetweenAnswers)
        return found
    }

    @Test(
        "however the bytes are cut, each answer has its status and whether the connection stays",
        arguments: [1, 2, 7, 4_096])
    func cut(pieces: Int) throws {
        for answer in Self.answers {
            let expected = AnswerParser.Answer(status: answer.status, closes: answer.closes)
            #expect(try read(answer.text, pieces: pieces) == [expected], "\(answer.text)")
        }
    }

    @Test("an answer ends before the next one begins")
    func several() throws {
        let all = Self.answers.map(\.text).joined()
        #expect(try read(all, pieces: 11).map(\.status) == Self.answers.map(\.status))
    }

    @Test("an answer without a length ends with its connection")
    func untilEnd() throws {
        var parser = AnswerParser()
        #expect(try parser.next(Array("HTTP/1.1 200 OK\r\n\r\nabc".utf8)[...]) == nil)
        #expect(parser.end() == AnswerParser.Answer(status: 200, closes: true))
    }

    @Test("a connection that ends within an answer has given none")
    func truncated() throws {
        var parser = AnswerParser()
        #expect(try parser.next(Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".utf8)[...]) == nil)
        #expect(parser.end() == nil)
    }

    @Test(
        "what is no answer is an error",
        arguments: [
            "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 2x0 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ])
    func malformed(text: String) {
        var parser = AnswerParser()
        #expect(throws: AnswerParser.Failure.malformed) { try parser.next(Array(text.utf8)[...]) }
    }

    @Test("a line without an end is an error and not memory")
    func endless() {
        var parser = AnswerParser()
        #expect(throws: AnswerParser.Failure.malformed) {
            for _ in 0..<100 { _ = try parser.next([UInt8](repeating: UInt8(ascii: "a"), count: 1_000)[...]) }
        }
    }
}
