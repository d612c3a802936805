internal import CHTTP

/// One connection of a server: bytes and time-outs in, actions out (RFC 9112). It does no IO.
///
///     idle ──byte──▶ head ──complete──▶ body ──complete──▶ handling ──answer──▶ idle
///       │              │                  │                                  └─▶ closing
///       │              └─bad, late, large─┴─▶ refusing ──refusal──▶ closing
///       └──end, time────────────────────────────────────────────▶ closing ──▶ (the driver closes)
///
/// Pipelined requests wait in `unread` and are looked at only after the one before has been answered, so
/// answers keep the order of their requests, and a bad request's refusal comes after the good ones' answers.
struct HTTPServerStateMachine: ByteReceiver {
    /// What the driver reads for, which sets its deadline.
    enum Wait: Equatable {
        /// Nothing of a request has come.
        case idle
        /// A head has begun.
        case head
        /// A body is on its way; so many bytes of it have come.
        case body(bytesReceived: Int)
    }

    /// What the driver does next.
    enum Action {
        case read(Wait)
        case sendContinue([UInt8])
        case handle(HTTPRequest)
        /// Send the bytes of this answer, see `bytes(of:date:)`, then close as in `close`.
        case refuse(HTTPResponse)
        /// Close; unread bytes of the peer are read and dropped first, so that it sees the last answer.
        case close
    }

    /// A request whose body is being read.
    private final class Incoming {
        let head: ParsedHead
        /// Whether its bytes are taken of the budget.
        var isHeadHeld = false
        var reader: BodyReader
        var sentContinue = false

        init(_ head: ParsedHead, _ delimiter: BodyReader.Delimiter) {
            self.head = head
            reader = BodyReader(delimiter)
        }
    }

    private enum State {
        case idle
        case head
        case body(Incoming)
        case handling(isHead: Bool, keepsAlive: Bool, minorVersion: UInt8)
        case refusing(status: Int, text: String)
        case closing
    }

    private let limits: MessageLimits
    private let budget: RequestBudget
    /// What the request that is read or answered has of the budget.
    private var requestBytesHeld = 0
    /// What `unread` has of it.
    private var unreadBytesHeld = 0
    private var state = State.idle
    private var scanner = HeadScanner()
    private var unread: [UInt8] = []
    private var unreadAt = 0
    private var peerEnded = false
    /// Whether the request that is being read is HEAD.
    private var isHead = false

    init(limits: MessageLimits = MessageLimits(), budget: RequestBudget) {
        self.limits = limits
        self.budget = budget
    }

    // MARK: Input

    mutating func receive(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            // What comes is read where it lies, unless there is something that comes before it.
            let taken = unreadAt == unread.count ? unsafe take(buffer) : 0
            if case .closing = state { return }
            if taken < buffer.count { unsafe unread.append(contentsOf: buffer[taken...]) }
        }
        holdUnread()
    }

    /// Takes of the budget what `unread` has grown by, or gives back.
    private mutating func holdUnread() {
        let grown = unread.count - unreadBytesHeld
        if grown == 0 { return }
        if grown < 0 {
            budget.giveBack(-grown)
        } else if !budget.take(grown) {
            switch state {
            case .closing, .refusing: return
            case .head: noteMethod(of: unread[unreadAt...])
            case .idle, .body, .handling: break
            }
            state = .refusing(status: 503, text: Self.tooManyBytes)
            return
        }
        unreadBytesHeld = unread.count
    }

    private static let tooManyBytes = "too many bytes are being received; try again later"

    /// Takes what belongs to the request that is being read. Returns how many bytes these were.
    private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var taken = 0
        switch state {
        case .idle, .head:
            if bytes.isEmpty { return 0 }
            state = .head
            taken = unsafe takeHead(bytes)
        case .body, .handling, .refusing, .closing: break
        }
        if case .body(let incoming) = state {
            taken += unsafe takeBody(UnsafeBufferPointer(rebasing: bytes[taken...]), incoming)
        }
        return taken
    }

    mutating func receiveEnd() {
        peerEnded = true
    }

    /// The time for what `Action.read` named is over.
    mutating func timeOut() {
        switch state {
        case .idle: state = .closing
        case .head where hasEmptyLineOnly: state = .closing
        case .head:
            noteMethod(of: unread[unreadAt...])
            state = .refusing(status: 408, text: "the head did not come in time")
        case .body: state = .refusing(status: 408, text: "the body did not come in time")
        case .handling, .refusing, .closing: break
        }
    }

    // MARK: Actions

    /// What to do now. Called again after each action, and after `receive`.
    mutating func next() -> Action {
        while true {
            switch state {
            case .idle:
                if unreadAt == unread.count { return peerEnded ? close() : .read(.idle) }
                state = .head
            case .head:
                takeUnread()
                guard case .head = state else { break }
                if hasEmptyLineOnly { return peerEnded ? close() : .read(.idle) }
                if peerEnded { noteMethod(of: unread[unreadAt...]) }
                return peerEnded ? endedEarly() : .read(.head)
            case .body(let incoming):
                takeUnread()
                if case .body = state { return bodyAction(incoming) }
            case .handling:
                preconditionFailure("a request is answered before the next action is asked for")
            case .refusing(let status, let text): return refuse(status, text)
            case .closing:
                return close()
            }
        }
    }

    /// Whether nothing has come but an empty line, or a part of one, which may stand before a request and is
    /// none itself (RFC 9112 section 2.2).
    private var hasEmptyLineOnly: Bool {
        let count = unread.count - unreadAt
        guard count <= 2, count > 0, unread[unreadAt] == UInt8(ascii: "\r") else { return false }
        return count == 1 || unread[unreadAt + 1] == UInt8(ascii: "\n")
    }

    /// Serialises the answer to the request of the last `Action.handle`.
    ///
    /// `closes`: the connection ends with this answer, whatever the client asked for.
    mutating func answer(_ response: HTTPResponse, date: [UInt8], closes: Bool = false) -> [UInt8] {
        guard case .handling(let isHead, let keepsAlive, let minorVersion) = state else {
            preconditionFailure("an answer without a request")
        }
        releaseRequest()
        self.isHead = false
        let delimitedByEnd =
            response.framing == .close || (response.framing == .chunked && minorVersion == 0)
        let stays = keepsAlive && !closes && !delimitedByEnd
        state = stays ? .idle : .closing
        if unreadAt == unread.count {
            unread = []  // An idle connection holds no buffer.
            unreadAt = 0
            holdUnread()
        }
        return HTTPSerializer.response(
            response, date: date, omitsBody: isHead, stays: stays,
            saysKeepAlive: stays && minorVersion == 0, delimitedByEnd: delimitedByEnd)
    }

    /// Whether the connection ends after the answer that was serialised last.
    var isClosing: Bool {
        if case .closing = state { return true }
        return false
    }

    // MARK: Heads

    /// Takes a head. Returns how many bytes it has; 0 when more is needed, or it is refused.
    private mutating func takeHead(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        let parsed: ParsedHead
        do throws(BrokenRule) {
            guard let found = try unsafe scanner.scan(.request, bytes, limits: limits) else { return 0 }
            parsed = found
        } catch {
            unsafe noteMethod(of: bytes)
            state = .refusing(status: error.status, text: error.text)
            return 0
        }
        let framing = parsed.framing
        isHead = parsed[parsed.head.method].equals("HEAD")
        if framing.has_content_length, framing.content_length > UInt64(limits.bodyBytesMax) {
            state = .refusing(status: 413, text: "the body is over \(limits.bodyBytesMax) bytes")
        } else if framing.chunked {
            state = .body(Incoming(parsed, .chunked(chttp_chunked())))
        } else {
            let length = framing.has_content_length ? framing.content_length : 0
            state = .body(Incoming(parsed, .length(remaining: length)))
        }
        return parsed.byteCount
    }

    private mutating func takeUnread() {
        if unreadAt == unread.count { return }
        // What is taken counts as its request's from here on, and not twice.
        budget.giveBack(unreadBytesHeld)
        unreadBytesHeld = 0
        let pending = unread
        let from = unreadAt
        unreadAt += unsafe pending.withUnsafeBufferPointer { buffer in
            unsafe take(UnsafeBufferPointer(rebasing: buffer[from...]))
        }
        compact()
    }

    /// Moves what is unread to the front once much has been read before it: linear in all that passes.
    private mutating func compact() {
        if unreadAt == unread.count {
            unread.removeAll(keepingCapacity: true)
            unreadAt = 0
        } else if unreadAt > 65_536 {
            unread.removeSubrange(..<unreadAt)
            unreadAt = 0
        }
        holdUnread()
    }

    /// Sees whether a head that is refused unread is a HEAD's: its refusal has no body either (RFC 9110
    /// section 9.3.2).
    private mutating func noteMethod(of bytes: some Collection<UInt8>) {
        isHead = bytes.drop { $0 == 0x0D || $0 == 0x0A }.starts(with: "HEAD ".utf8)
    }

    // MARK: Bodies

    /// Gives `bytes` to the reader, or refuses. Returns how many were taken.
    private mutating func takeBody(_ bytes: UnsafeBufferPointer<UInt8>, _ incoming: Incoming) -> Int {
        let before = incoming.reader.body.count
        let taken: Int
        do throws(BrokenRule) {
            taken = try unsafe incoming.reader.take(bytes, limits: limits)
        } catch {
            state = .refusing(status: error.status, text: error.text)
            return bytes.count
        }
        var count = incoming.reader.body.count - before
        if !incoming.isHeadHeld {
            incoming.isHeadHeld = true
            count += incoming.head.byteCount
        }
        if incoming.reader.isTooLarge {
            state = .refusing(status: 413, text: "the body is over \(limits.bodyBytesMax) bytes")
        } else if !budget.take(count) {
            state = .refusing(status: 503, text: Self.tooManyBytes)
        } else {
            requestBytesHeld += count
        }
        return taken
    }

    private mutating func bodyAction(_ incoming: Incoming) -> Action {
        if incoming.reader.isComplete { return .handle(request(incoming.head, incoming.reader.takeBody())) }
        if peerEnded { return endedEarly() }
        if incoming.head.framing.expect_continue, !incoming.sentContinue, incoming.reader.body.isEmpty {
            incoming.sentContinue = true
            return .sendContinue(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        }
        return .read(.body(bytesReceived: incoming.reader.body.count))
    }

    private mutating func request(_ parsed: ParsedHead, _ body: [UInt8]) -> HTTPRequest {
        let method = HTTPMethod(parsed[parsed.head.method])
        let framing = parsed.framing
        // What follows CONNECT is meant for a tunnel, and there is none.
        let keepsAlive =
            !framing.close && method != .connect && (parsed.head.version_minor >= 1 || framing.keep_alive)
        state = .handling(
            isHead: method == .head, keepsAlive: keepsAlive, minorVersion: parsed.head.version_minor)
        return HTTPRequest(
            received: method, target: Self.originForm(parsed), fields: parsed.fields, body: body)
    }

    /// The target's path and query; of an absolute target these alone (RFC 9112 section 3.2.2).
    private static func originForm(_ parsed: ParsedHead) -> ArraySlice<UInt8> {
        let target = parsed[parsed.head.target]
        guard UInt32(parsed.head.target_form) == CHTTP_ABSOLUTE_FORM.rawValue,
            let colon = target.firstIndex(of: UInt8(ascii: ":"))
        else { return target }
        let authority = target[(colon + 3)...]
        guard let start = authority.firstIndex(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") })
        else { return ArraySlice("/".utf8) }
        if authority[start] == UInt8(ascii: "/") { return authority[start...] }
        return ArraySlice(Array("/".utf8) + authority[start...])
    }

    // MARK: Ends

    private mutating func endedEarly() -> Action {
        // The peer has shut down its side in the middle of a request; it may still read (RFC 9112 section 8).
        refuse(400, "the request ended before it was complete")
    }

    private mutating func refuse(_ status: Int, _ text: String) -> Action {
        _ = close()
        return .refuse(Self.refusal(status: status, text: text))
    }

    /// A refusal as it is sent. `date`: the value of its Date field.
    func bytes(of refusal: HTTPResponse, date: [UInt8]) -> [UInt8] {
        Self.bytes(of: refusal, date: date, omitsBody: isHead)
    }

    private mutating func close() -> Action {
        releaseBytes()
        state = .closing
        unread = []
        unreadAt = 0
        return .close
    }

    private mutating func releaseRequest() {
        budget.giveBack(requestBytesHeld)
        requestBytesHeld = 0
    }

    /// Gives the bytes that this connection holds back to the common budget: it is over.
    mutating func releaseBytes() {
        releaseRequest()
        budget.giveBack(unreadBytesHeld)
        unreadBytesHeld = 0
    }

    /// A refusal: short plain text, and the connection ends.
    static func refusal(status: Int, text: String, date: [UInt8], omitsBody: Bool = false) -> [UInt8] {
        bytes(of: refusal(status: status, text: text), date: date, omitsBody: omitsBody)
    }

    private static func refusal(status: Int, text: String) -> HTTPResponse {
        var response = HTTPResponse.text(status, text + "\n")
        if status == 503 { response.fields.append("Retry-After", "1") }
        return response
    }

    private static func bytes(of refusal: HTTPResponse, date: [UInt8], omitsBody: Bool) -> [UInt8] {
        HTTPSerializer.response(
            refusal, date: date, omitsBody: omitsBody, stays: false, saysKeepAlive: false,
            delimitedByEnd: false)
    }
}
