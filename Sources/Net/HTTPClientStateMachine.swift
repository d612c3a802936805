internal import CHTTP

/// One exchange on a client's connection: the answer's bytes in, the answer out (RFC 9112). It does no IO.
///
///     head ──1xx──▶ head ──final──▶ body ──complete──▶ done
///       └──bad, end──────────────────┴──bad, end─────▶ failed
///
/// It says whether the connection may serve another request: never after a byte that does not belong to this
/// answer, since that byte could be taken for the next one's answer.
struct HTTPClientStateMachine: ByteReceiver {
    enum State {
        /// More bytes are needed.
        case receiving
        /// The answer is complete; `isReusable` says what becomes of the connection.
        case done(HTTPResponse, isReusable: Bool)
        /// There is no answer.
        case failed(HTTPClientError)
    }

    private enum Part {
        case head
        case body(ParsedHead, BodyReader)
        case ended
    }

    private let method: HTTPMethod
    private let limits: MessageLimits
    private var part = Part.head
    private var scanner = HeadScanner()
    private var unread: [UInt8] = []
    private var interimAnswers = 0
    private(set) var state = State.receiving
    /// Whether any byte of an answer has come: from then on the server has surely seen the request.
    private(set) var hasReceived = false

    init(method: HTTPMethod, limits: MessageLimits = HTTPClientStateMachine.defaultLimits) {
        self.method = method
        self.limits = limits
    }

    static var defaultLimits: MessageLimits {
        var limits = MessageLimits()
        limits.bodyBytesMax = Limits.answerBodyBytesMax
        return limits
    }

    /// Whether the answer's end has not come yet.
    var isReceiving: Bool {
        if case .receiving = state { return true }
        return false
    }

    // MARK: Input

    mutating func receive(_ bytes: Span<UInt8>) {
        hasReceived = true
        unsafe bytes.withUnsafeBufferPointer { buffer in
            switch part {
            case .head:
                unsafe receiveHeads(buffer)
            case .body(let head, var reader):
                part = .ended
                unsafe takeBody(buffer, head, &reader)
            case .ended:
                if case .done(let response, isReusable: true) = state, !buffer.isEmpty {
                    state = .done(response, isReusable: false)
                }
            }
        }
    }

    mutating func receiveEnd() {
        switch part {
        case .ended:
            if case .done(let response, isReusable: true) = state {
                state = .done(response, isReusable: false)
            }
        case .head:
            fail(.connectionLost)
        case .body(let head, var reader):
            part = .ended
            if reader.takeEnd() { finish(head, &reader, surplus: true) } else { fail(.connectionLost) }
        }
    }

    // MARK: Heads

    private mutating func receiveHeads(_ bytes: UnsafeBufferPointer<UInt8>) {
        if unread.isEmpty {
            // The usual case: the head has come in one piece, and is read where it lies.
            let taken = unsafe readHeads(bytes)
            if case .head = part { unsafe unread.append(contentsOf: bytes[taken...]) }
        } else {
            unsafe unread.append(contentsOf: bytes)
            let pending = unread
            unread = []
            let taken = unsafe pending.withUnsafeBufferPointer { unsafe readHeads($0) }
            guard case .head = part else { return }
            unread = pending
            unread.removeFirst(taken)
        }
    }

    /// Reads heads up to that of the final answer, whose body gets the rest. Returns how many bytes the
    /// interim ones had.
    private mutating func readHeads(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var taken = 0
        while true {
            let rest = unsafe UnsafeBufferPointer(rebasing: bytes[taken...])
            let parsed: ParsedHead
            do throws(BrokenRule) {
                guard let found = try unsafe scanner.scan(.response, rest, limits: limits) else {
                    return taken
                }
                parsed = found
            } catch {
                fail(error.status == 431 ? .answerTooLarge : .malformedAnswer(error.text))
                return taken
            }
            if parsed.head.status >= 200 {
                unsafe beginBody(parsed, UnsafeBufferPointer(rebasing: rest[parsed.byteCount...]))
                return taken
            }
            taken += parsed.byteCount
            // An interim answer (RFC 9110 section 15.2). We never ask to switch protocols.
            interimAnswers += 1
            if parsed.head.status == 101 {
                fail(.malformedAnswer("an upgrade that nobody asked for"))
                return taken
            }
            if interimAnswers > Limits.interimAnswersMax {
                fail(.malformedAnswer("more than \(Limits.interimAnswersMax) interim answers"))
                return taken
            }
        }
    }

    /// Decides how the body is delimited (RFC 9112 section 6.3).
    private mutating func beginBody(_ parsed: ParsedHead, _ rest: UnsafeBufferPointer<UInt8>) {
        let framing = parsed.framing
        let delimiter: BodyReader.Delimiter
        if method == .head || parsed.head.status == 204 || parsed.head.status == 304 {
            delimiter = .none
        } else if framing.chunked {
            delimiter = .chunked(chttp_chunked())
        } else if framing.has_content_length {
            if framing.content_length > UInt64(limits.bodyBytesMax) { return fail(.answerTooLarge) }
            delimiter = .length(remaining: framing.content_length)
        } else {
            delimiter = .end
        }
        var reader = BodyReader(delimiter)
        part = .ended
        unsafe takeBody(rest, parsed, &reader)
    }

    // MARK: Bodies

    private mutating func takeBody(
        _ bytes: UnsafeBufferPointer<UInt8>, _ head: ParsedHead, _ reader: inout BodyReader
    ) {
        let taken: Int
        do throws(BrokenRule) {
            taken = try unsafe reader.take(bytes, limits: limits)
        } catch {
            return fail(.malformedAnswer(error.text))
        }
        if reader.isTooLarge { return fail(.answerTooLarge) }
        if reader.isComplete {
            finish(head, &reader, surplus: taken < bytes.count)
        } else {
            part = .body(head, reader)
        }
    }

    private mutating func finish(_ parsed: ParsedHead, _ reader: inout BodyReader, surplus: Bool) {
        var response = HTTPResponse(
            status: Int(parsed.head.status), fields: parsed.fields, body: reader.takeBody())
        if let coding = parsed.fields["content-encoding"], !response.body.isEmpty,
            !coding.equalsIgnoringCase("identity")
        {
            guard coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip") else {
                return fail(.malformedAnswer("a content coding that nobody asked for"))
            }
            do throws(InflateError) {
                response.body = try Inflate.gunzip(response.body, bytesMax: limits.bodyBytesMax)
            } catch {
                return fail(
                    error == .tooLarge ? .answerTooLarge : .malformedAnswer("the gzip body is broken"))
            }
        }
        let isReusable =
            !surplus && !parsed.framing.close && parsed.head.version_minor >= 1 && !reader.endsWithConnection
        part = .ended
        state = .done(response, isReusable: isReusable)
    }

    private mutating func fail(_ error: HTTPClientError) {
        part = .ended
        unread = []
        state = .failed(error)
    }
}
