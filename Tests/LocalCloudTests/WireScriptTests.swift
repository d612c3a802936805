import Testing

@testable import LocalCloud
@testable import Net

@Suite("Answers sent wrongly on purpose")
struct WireScriptTests {
    private static let answer = Array(
        "HTTP/1.1 201 Created\r\nDate: x\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello".utf8)

    private func steps(_ change: (inout WireFault) -> Void) -> [WireStep] {
        var fault = WireFault()
        change(&fault)
        return WireScript(answer: Self.answer, body: Array("hello".utf8), headers: [], fault: fault).steps()
    }

    private func text(_ change: (inout WireFault) -> Void) -> String {
        steps(change).reduce(into: "") { text, step in
            if case .write(let bytes) = step { text += String(decoding: bytes, as: UTF8.self) }
        }
    }

    private let head = "HTTP/1.1 201 Created\r\nDate: x\r\n"

    @Test("without a fault the answer is framed by its length")
    func plain() {
        #expect(text { _ in } == head + "Content-Length: 5\r\n\r\nhello")
    }

    @Test("a Content-Length may be larger or smaller than the body, doubled, or beside chunks")
    func lengths() {
        #expect(text { $0.contentLengthBy = 3 } == head + "Content-Length: 8\r\n\r\nhello")
        #expect(text { $0.contentLengthBy = -3 } == head + "Content-Length: 2\r\n\r\nhello")
        #expect(
            text { $0.hasDuplicateContentLength = true }
                == head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
        #expect(
            text { $0.hasLengthAndChunked = true }
                == head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    }

    @Test("chunks have the size that is asked for, and a close-delimited answer ends the connection")
    func framings() {
        #expect(
            text {
                $0.framing = .chunked
                $0.chunkBytes = 2
            } == head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n")
        let closed = steps { $0.framing = .close }
        #expect(closed.last == .close)
        #expect(text { $0.framing = .close } == head + "Connection: close\r\n\r\nhello")
    }

    @Test("the end comes after as many bytes as are asked for, of the answer or of its body")
    func ends() {
        #expect(steps { $0.end = .reset } == [.reset])
        #expect(
            steps {
                $0.end = .close
                $0.endAfterBytes = 4
            } == [.write(Array("HTTP".utf8)), .close])
        #expect(
            steps {
                $0.end = .hang
                $0.endAfterBodyBytes = 2
            } == [.write(Array((head + "Content-Length: 5\r\n\r\nhe").utf8)), .hang])
        #expect(
            steps {
                $0.end = .close
                $0.endAfterBytes = -1
            } == [.write(Array((head + "Content-Length: 5\r\n\r\nhello").utf8)), .close])
    }

    @Test("an answer can drip, follow interim ones, be followed by more, or be no HTTP")
    func others() {
        let drops = steps {
            $0.garbage = Array("abc".utf8)
            $0.drip = .init(bytes: 2, everyMilliseconds: 7)
        }
        #expect(drops == [.write(Array("ab".utf8)), .pause(milliseconds: 7), .write(Array("c".utf8))])
        #expect(text { $0.interimCount = 2 }.hasPrefix("HTTP/1.1 103 Early Hints\r\n"))
        #expect(text { $0.extra = Array("more".utf8) }.hasSuffix("hellomore"))
        #expect(text { $0.statusLine = "ICY 200" }.hasPrefix("ICY 200\r\nDate"))
    }
}
