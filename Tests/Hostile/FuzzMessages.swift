import TestSupport

@testable import Net

/// The two state machines of HTTP, which are given a message in one piece and in many.
enum FuzzMessages {
    /// Cuts the bytes: byte by byte for one seed in eight, else into pieces of varying size.
    static func pieces(_ bytes: ArraySlice<UInt8>, seed: UInt8) -> [ArraySlice<UInt8>] {
        var chance = SeededGenerator(seed: UInt64(seed))
        var rest = bytes
        var pieces: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            let count = seed & 7 == 0 ? 1 : 1 + chance.below(rest.count / 2 + 1)
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    /// Ceilings that an input of some kilobytes reaches.
    private static func low(_ limits: MessageLimits) -> MessageLimits {
        var limits = limits
        limits.startLineBytesMax = 256
        limits.fieldBytesMax = 256
        limits.headBytesMax = 1_024
        limits.fieldsMax = 24
        limits.bodyBytesMax = 512
        limits.chunkOverheadBytesMax = 128
        return limits
    }

    // MARK: Responses

    private static func receive(
        _ pieces: [ArraySlice<UInt8>], _ method: HTTPMethod, ends: Bool
    ) -> HTTPClientStateMachine {
        let limits = low(HTTPClientStateMachine.defaultLimits)
        var machine = HTTPClientStateMachine(method: method, limits: limits)
        for piece in pieces { machine.receive(Array(piece).span) }
        if ends { machine.receiveEnd() }
        return machine
    }

    static func describe(_ machine: HTTPClientStateMachine) -> String {
        switch machine.state {
        case .receiving: return "receiving"
        case .failed(let error): return "failed: \(error)"
        case .done(let response, let isReusable):
            let fields = (0..<response.fields.count).map {
                shown(response.fields[$0].name) + ": " + shown(response.fields[$0].value)
            }
            return "\(response.status) reusable \(isReusable) \(fields) \(response.body.count) "
                + shown(response.body)
        }
    }

    /// A response comes out the same however its bytes are split; its body is what a slow reader takes; a
    /// connection with a byte too many, or without a told end, never serves another request.
    static func response(_ input: [UInt8]) {
        guard input.count >= 2 else { return }
        let method: HTTPMethod = input[0] & 3 == 0 ? .head : input[0] & 3 == 1 ? .delete : .get
        let message = input[2...]
        for ends in [false, true] {
            let whole = receive([message], method, ends: ends)
            let split = receive(pieces(message, seed: input[1]), method, ends: ends)
            check(
                describe(whole) == describe(split),
                "one result, however split: \(describe(whole)) and \(describe(split))")
            guard case .done(let response, let isReusable) = whole.state else { continue }
            check((200...599).contains(response.status), "a final status")
            for index in 0..<response.fields.count {
                let value = response.fields[index].value
                check(!value.contains { $0 == 0x0D || $0 == 0x0A || $0 == 0 }, "a value is one line")
            }
            check(!(ends && isReusable), "no connection that has ended is reused")
            compareBody(response, isReusable, Array(message), method)
        }
    }

    /// Heads end at an empty line; interim ones are skipped; then Content-Length counts.
    private static func compareBody(
        _ response: HTTPResponse, _ isReusable: Bool, _ message: [UInt8], _ method: HTTPMethod
    ) {
        guard response.fields["content-encoding"] == nil, response.fields["transfer-encoding"] == nil
        else { return }
        var rest = message[...]
        while true {
            let status = Int(String(decoding: rest.dropFirst(9).prefix(3), as: UTF8.self)) ?? 0
            guard let end = position(of: "\r\n\r\n", in: rest) else {
                return check(false, "an answer has a head")
            }
            rest = rest[(end + 4)...]
            if status >= 200 { break }
        }
        var expected = rest
        if method == .head || response.status == 204 || response.status == 304 {
            expected = rest.prefix(0)
        } else if let length = response.fields["content-length"] {
            expected = rest.prefix(Int(String(decoding: length, as: UTF8.self)) ?? 0)
        } else {
            check(!isReusable, "a body without a told end takes the connection with it")
        }
        check(response.body.elementsEqual(expected), "the body of the slow reader")
        check(!isReusable || expected.count == rest.count, "no surplus byte on a reused connection")
    }

    static func position(of text: String, in bytes: ArraySlice<UInt8>) -> Int? {
        var at = bytes.startIndex
        while at + text.utf8.count <= bytes.endIndex {
            if bytes[at...].starts(with: text.utf8) { return at }
            at += 1
        }
        return nil
    }

    // MARK: Requests

    /// What a server made of the bytes: each request, and the refusal at the end.
    private static func serve(_ pieces: [ArraySlice<UInt8>]) -> [String] {
        let limits = low(MessageLimits())
        let budget = RequestBudget(bytesMax: 1 << 20)
        var machine = HTTPServerStateMachine(limits: limits, budget: budget)
        var events: [String] = []
        var rest = pieces[...]
        var isAtEnd = false
        while true {
            switch machine.next() {
            case .read:
                if let piece = rest.popFirst() {
                    machine.receive(Array(piece).span)
                } else {
                    check(!isAtEnd, "after the end nothing is read for")
                    isAtEnd = true
                    machine.receiveEnd()
                }
            case .sendContinue(let bytes):
                check(bytes.elementsEqual("HTTP/1.1 100 Continue\r\n\r\n".utf8), "the interim answer")
            case .handle(let request):
                events.append(describe(request))
                answer(request, &machine)
            case .refuse(let response):
                events.append(
                    "refused: " + refusal(machine.bytes(of: response, date: date), of: pieces.joined()))
                check(budget.bytesUsed == 0, "a refused connection holds no body bytes")
                return events
            case .close:
                check(budget.bytesUsed == 0, "a closed connection holds no body bytes")
                return events
            }
        }
    }

    private static func describe(_ request: HTTPRequest) -> String {
        let fields = (0..<request.fields.count).map {
            shown(request.fields[$0].name) + ": " + shown(request.fields[$0].value)
        }
        check(request.target.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a target is visible ASCII")
        return "\(shown(request.method.name.utf8)) \(shown(request.target)) \(fields) "
            + "\(request.body.count) \(shown(request.body))"
    }

    /// The answer reads as itself, with nothing after it.
    private static func answer(_ request: HTTPRequest, _ machine: inout HTTPServerStateMachine) {
        let bytes = machine.answer(.text(404, "no\n"), date: date)
        var client = HTTPClientStateMachine(method: request.method)
        client.receive(bytes.span)
        guard case .done(let response, let isReusable) = client.state else {
            return check(false, "an answer of ours can be read")
        }
        check(response.status == 404 && isReusable == !machine.isClosing, "what the answer says is so")
    }

    private static let date = Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)

    /// A refusal has its text, but where it refuses a HEAD: then it has a head alone (RFC 9110, 9.3.2).
    static func refusal(_ bytes: [UInt8], of sent: some Sequence<UInt8>) -> String {
        var client = HTTPClientStateMachine(method: .get)
        client.receive(bytes.span)
        if case .receiving = client.state, position(of: "HEAD ", in: Array(sent)[...]) != nil {
            client = HTTPClientStateMachine(method: .head)
            client.receive(bytes.span)
        }
        guard case .done(let response, false) = client.state else {
            check(false, "a refusal can be read, and ends the connection: \(shown(bytes))")
            return ""
        }
        check((400...599).contains(response.status), "a refusal is an error")
        return "\(response.status) \(shown(response.body))"
    }

    /// A connection's bytes give the same requests, in the same order, and the same refusal, however they are
    /// split; and every answer can be read as what it is.
    static func requests(_ input: [UInt8]) {
        guard let seed = input.first else { return }
        let whole = serve([input[1...]])
        let split = serve(pieces(input[1...], seed: seed))
        check(whole == split, "the same requests, however split: \(whole) and \(split)")
    }
}
