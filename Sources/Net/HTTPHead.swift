internal import CHTTP

/// Ceilings of what one peer may send. The defaults are those of `Limits`.
struct MessageLimits: Sendable {
    var startLineBytesMax = Limits.requestLineBytesMax
    var fieldBytesMax = Limits.fieldBytesMax
    var headBytesMax = Limits.headBytesMax
    var fieldsMax = Limits.fieldsMax
    var bodyBytesMax = Limits.bodyBytesMax
    var chunkOverheadBytesMax = Limits.chunkOverheadBytesMax

    var head: chttp_limits {
        chttp_limits(
            start_line_bytes_max: startLineBytesMax, field_bytes_max: fieldBytesMax,
            head_bytes_max: headBytesMax, fields_max: fieldsMax)
    }
}

/// A rule of HTTP that a peer broke.
struct BrokenRule: Error, Equatable {
    let rule: chttp_rule

    init(_ raw: UInt32) {
        rule = chttp_rule(rawValue: raw)
    }

    /// What was expected, with the section of the RFC. Holds nothing of the input.
    var text: String { unsafe String(cString: chttp_rule_text(rule)) }

    /// The status that refuses a request (RFC 9110 section 15).
    var status: Int {
        switch rule {
        case CHTTP_RULE_VERSION_UNSUPPORTED: 505
        case CHTTP_RULE_LINE_TOO_LONG: 414
        case CHTTP_RULE_FIELD_TOO_LONG, CHTTP_RULE_HEAD_TOO_LONG, CHTTP_RULE_FIELDS_TOO_MANY: 431
        case CHTTP_RULE_TRANSFER_CODING: 501
        case CHTTP_RULE_EXPECT: 417
        default: 400
        }
    }
}

/// A complete head: where its parts stand in `bytes`, and how its body is delimited.
struct ParsedHead {
    enum Kind {
        case request
        case response
    }

    let head: chttp_head
    let framing: chttp_framing
    /// They hold the bytes of the whole head.
    let fields: HTTPFields

    /// How long the head is.
    var byteCount: Int { Int(head.length) }

    /// The bytes of `span`.
    subscript(span: chttp_span) -> ArraySlice<UInt8> {
        fields.bytes[Int(span.at)..<Int(span.at + span.length)]
    }
}

/// Reads heads out of bytes that come in any pieces.
struct HeadScanner {
    private var head = chttp_head()

    /// Looks at `input`. Nil: more is needed. The head's bytes are copied, and are to be taken off the input
    /// by the caller.
    ///
    /// `input` holds the same bytes as at the call before, and maybe more.
    mutating func scan(
        _ kind: ParsedHead.Kind, _ input: UnsafeBufferPointer<UInt8>, limits: MessageLimits
    ) throws(BrokenRule) -> ParsedHead? {
        guard let base = input.baseAddress else { return nil }
        var limits = limits.head
        let status =
            switch kind {
            case .request: unsafe chttp_scan_request_head(&head, base, input.count, &limits)
            case .response: unsafe chttp_scan_response_head(&head, base, input.count, &limits)
            }
        if status == CHTTP_MORE { return nil }
        defer { head = chttp_head() }
        if status == CHTTP_BAD { throw BrokenRule(head.rule) }
        return try complete(
            kind, unsafe Array(UnsafeBufferPointer(rebasing: input[..<Int(head.length)])))
    }

    private mutating func complete(
        _ kind: ParsedHead.Kind, _ bytes: [UInt8]
    ) throws(BrokenRule) -> ParsedHead {
        let count = Int(head.field_count)
        var framing = chttp_framing()
        var status = CHTTP_OK
        let entries = unsafe bytes.withUnsafeBufferPointer { buffer -> [HTTPFields.Entry] in
            guard let base = buffer.baseAddress else { preconditionFailure("a head is never empty") }
            return unsafe withUnsafeTemporaryAllocation(of: chttp_field.self, capacity: max(count, 1)) {
                fields in
                guard let first = fields.baseAddress else { preconditionFailure("no memory for fields") }
                unsafe chttp_head_fields(&head, base, first)
                status =
                    switch kind {
                    case .request: unsafe chttp_request_framing(&head, base, first, &framing)
                    case .response: unsafe chttp_response_framing(&head, base, first, &framing)
                    }
                return (0..<count).map { index in
                    let field = unsafe fields[index]
                    return HTTPFields.Entry(
                        nameAt: field.name.at, nameLength: field.name.length,
                        valueAt: field.value.at, valueLength: field.value.length)
                }
            }
        }
        if status != CHTTP_OK { throw BrokenRule(head.rule) }
        return ParsedHead(
            head: head, framing: framing, fields: HTTPFields(bytes: bytes, entries: entries))
    }
}

/// Takes a body out of bytes that come in any pieces.
struct BodyReader {
    enum Delimiter {
        case none
        case length(remaining: UInt64)
        case chunked(chttp_chunked)
        case end
    }

    private var delimiter: Delimiter
    private(set) var body: [UInt8] = []
    private(set) var isComplete: Bool

    init(_ delimiter: Delimiter) {
        self.delimiter = delimiter
        switch delimiter {
        case .none, .length(remaining: 0): isComplete = true
        case .length(let length):
            isComplete = false
            // A peer that announces much and sends little must not make us reserve it.
            body.reserveCapacity(Int(min(length, 65_536)))
        case .chunked, .end: isComplete = false
        }
    }

    /// Whether the body has more bytes than it may, or the chunk at hand announces as much.
    private(set) var isTooLarge = false

    /// Whether the body ends with the connection only.
    var endsWithConnection: Bool {
        if case .end = delimiter { return true }
        return false
    }

    /// Takes what belongs to the body from `bytes`, and no more once it is known to be too large. Returns how
    /// many bytes were taken.
    mutating func take(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: MessageLimits
    ) throws(BrokenRule) -> Int {
        switch delimiter {
        case .none:
            return 0
        case .length(let remaining):
            let count = Int(min(remaining, UInt64(bytes.count)))
            makeRoom(for: count, of: remaining)
            unsafe body.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[..<count]))
            delimiter = .length(remaining: remaining - UInt64(count))
            isComplete = UInt64(count) == remaining
            return count
        case .chunked(var state):
            // Taken out of the enum while it is worked on, so that the copy is the only one.
            delimiter = .none
            defer { delimiter = .chunked(state) }
            return try unsafe takeChunks(bytes, &state, limits)
        case .end:
            unsafe body.append(contentsOf: bytes)
            isTooLarge = body.count > limits.bodyBytesMax
            return bytes.count
        }
    }

    /// Room for seven times as much as has come, but never for more than was announced: few copies, and a
    /// body that is complete has no room to spare.
    private mutating func makeRoom(for count: Int, of remaining: UInt64) {
        if body.capacity - body.count >= count { return }
        let room = min(remaining, UInt64(max(count, 7 * body.count)))
        body.reserveCapacity(body.count + Int(room))
    }

    /// The peer will send no more. Returns whether that is a proper end.
    mutating func takeEnd() -> Bool {
        if case .end = delimiter { isComplete = true }
        return isComplete
    }

    private mutating func takeChunks(
        _ bytes: UnsafeBufferPointer<UInt8>, _ state: inout chttp_chunked, _ limits: MessageLimits
    ) throws(BrokenRule) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var taken = 0
        while taken < bytes.count {
            var consumed = 0
            var data = chttp_span()
            let status = unsafe chttp_scan_chunked(
                &state, base + taken, bytes.count - taken, limits.chunkOverheadBytesMax, &consumed, &data)
            if status == CHTTP_BAD { throw BrokenRule(state.rule) }
            unsafe body.append(
                contentsOf: UnsafeBufferPointer(start: base + taken + Int(data.at), count: Int(data.length)))
            taken += consumed
            if status == CHTTP_OK {
                isComplete = true
                break
            }
            let announced = unsafe chttp_chunk_announced(&state)  // Under 2^63.
            isTooLarge = UInt64(body.count) + announced > UInt64(limits.bodyBytesMax)
            if isTooLarge || consumed == 0 { break }
        }
        return taken
    }

    /// The body, which is given away.
    mutating func takeBody() -> [UInt8] {
        let taken = body
        body = []
        return taken
    }
}
