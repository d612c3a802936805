import CHTTP
import Testing

@Suite("The scanners") struct ScannerTests {
    @Test("all bytes there are have been looked at when more are asked for", arguments: Corpus.heads)
    func looksAtEachByteOnce(_ example: Example) {
        example.input.withPointer { bytes in
            var head = chttp_head()
            var lookedAt = 0
            for length in 0...example.input.count {
                let before = Int(head._scanned)
                let status = example.scan(&head, bytes, length)
                lookedAt += Int(head._scanned) - before
                guard status == CHTTP_MORE else { break }
                #expect(lookedAt == length)
            }
            #expect(lookedAt <= example.input.count)
        }
    }

    /// This is what makes a slow peer cheap: a scanner that went back would read what is overwritten here.
    /// Only the method is compared again, once, when it is complete.
    @Test("bytes that were looked at are not looked at again", arguments: Corpus.heads)
    func doesNotGoBack(_ example: Example) {
        var bytes = example.input + [0]
        var head = chttp_head()
        var whole = chttp_head()
        let expected = example.input.withPointer { example.scan(&whole, $0, example.input.count) }
        var status = CHTTP_MORE
        for length in 0...example.input.count where status == CHTTP_MORE {
            status = example.scan(&head, bytes, length)
            let from = example.kind == .request ? (head.target.at > 0 ? 0 : length) : 0
            for index in from..<max(from, length) { bytes[index] = 0xff }
        }
        #expect(status == expected)
        #expect(head.rule == whole.rule && head.bad_at == whole.bad_at)
        #expect(head.length == whole.length && head.field_count == whole.field_count)
        #expect(head.target.at == whole.target.at && head.target.length == whole.target.length)
        #expect(head.reason.at == whole.reason.at && head.reason.length == whole.reason.length)
        #expect(head.status == whole.status && head.version_minor == whole.version_minor)
    }

    @Test("a finished head stays as it is when it is scanned again", arguments: Corpus.heads)
    func finishedStaysFinished(_ example: Example) {
        example.input.withPointer { bytes in
            var head = chttp_head()
            let status = example.scan(&head, bytes, example.input.count)
            let (length, rule, badAt) = (head.length, head.rule, head.bad_at)
            #expect(example.scan(&head, bytes, example.input.count) == status)
            #expect(head.length == length && head.rule == rule && head.bad_at == badAt)
        }
    }

    @Test("a chunk that is larger than the piece is handed out piece by piece")
    func largeChunk() {
        let input = Array("7fffffffffffffff\r\nabc".utf8)
        input.withPointer { bytes in
            var body = chttp_chunked()
            var consumed = 0
            var data = chttp_span()
            #expect(chttp_scan_chunked(&body, bytes, input.count, 0, &consumed, &data) == CHTTP_MORE)
            #expect(consumed == input.count && data.at == 18 && data.length == 3)
            #expect(body.remaining == UInt64(Int64.max) - 3)
        }
    }

    @Test("each call hands out one run of data, and nothing but data")
    func runsOfData() {
        let input = Array("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\nrest".utf8)
        input.withPointer { bytes in
            var body = chttp_chunked()
            var runs: [[UInt8]] = []
            var at = 0
            var status = CHTTP_MORE
            while status == CHTTP_MORE {
                var consumed = 0
                var data = chttp_span()
                status = chttp_scan_chunked(&body, bytes + at, input.count - at, 0, &consumed, &data)
                #expect(Int(data.at + data.length) <= consumed && consumed > 0)
                runs.append(Array(input[(at + Int(data.at))...].prefix(Int(data.length))))
                at += consumed
            }
            #expect(status == CHTTP_OK && at == input.count - 4)
            #expect(runs == [Array("ab".utf8), Array("cde".utf8), []])
        }
    }
}
