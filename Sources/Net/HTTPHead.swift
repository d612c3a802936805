internal import CHTTP

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
