import CHTTP

/// What came out of a scan, in a form that can be compared.
enum Outcome: Equatable {
    case more
    case refused(rule: UInt32, at: Int)
    case head(Head)
    case body(data: [UInt8], overhead: UInt32, end: Int)

    /// A head with the framing that follows from it. All texts are the bytes themselves.
    struct Head: Equatable {
        var startLine: [UInt8]
        var fields: [[UInt8]]
        var framing: [String]
        var end: Int
    }
}

extension Example {
    var limits: chttp_limits {
        chttp_limits(
            start_line_bytes_max: ceilings["start"] ?? 8192, field_bytes_max: ceilings["field"] ?? 8192,
            head_bytes_max: ceilings["head"] ?? 16384, fields_max: ceilings["fields"] ?? 64)
    }

    /// Scans the input, which arrives up to each of `cuts` in turn and then whole.
    func outcome(cuts: [Int] = []) -> Outcome {
        input.withPointer { bytes in
            kind == .chunked ? bodyOutcome(bytes, cuts: cuts) : headOutcome(bytes, cuts: cuts)
        }
    }

    func scan(_ head: inout chttp_head, _ bytes: UnsafePointer<UInt8>, _ length: Int) -> chttp_status {
        var limits = limits
        return kind == .request
            ? chttp_scan_request_head(&head, bytes, length, &limits)
            : chttp_scan_response_head(&head, bytes, length, &limits)
    }

    private func headOutcome(_ bytes: UnsafePointer<UInt8>, cuts: [Int]) -> Outcome {
        var head = chttp_head()
        for length in cuts + [input.count] {
            switch scan(&head, bytes, length) {
            case CHTTP_MORE: continue
            case CHTTP_BAD: return .refused(rule: head.rule, at: Int(head.bad_at))
            default: return framed(&head, bytes)
            }
        }
        return .more
    }

    private func framed(_ head: inout chttp_head, _ bytes: UnsafePointer<UInt8>) -> Outcome {
        var framing = chttp_framing()
        let count = Int(head.field_count)
        let fields = [chttp_field](unsafeUninitializedCapacity: max(count, 1)) { buffer, initialized in
            if let room = buffer.baseAddress { chttp_head_fields(&head, bytes, room) }
            initialized = count
        }
        let status = fields.withPointer {
            kind == .request
                ? chttp_request_framing(&head, bytes, $0, &framing)
                : chttp_response_framing(&head, bytes, $0, &framing)
        }
        if status == CHTTP_BAD { return .refused(rule: head.rule, at: Int(head.bad_at)) }
        let lines = fields.map { text($0.name) + Array(" =".utf8) + (text($0.value, after: " ")) }
        return .head(
            Outcome.Head(
                startLine: startLine(head), fields: lines, framing: frameLines(framing), end: Int(head.length)
            ))
    }

    private func text(_ span: chttp_span, after prefix: String = "") -> [UInt8] {
        let bytes = input[Int(span.at)..<Int(span.at + span.length)]
        return bytes.isEmpty ? [] : Array(prefix.utf8) + bytes
    }

    private func startLine(_ head: chttp_head) -> [UInt8] {
        let version = Array("HTTP/1.\(head.version_minor)".utf8)
        if kind == .response {
            return Array("response \(head.status) ".utf8) + version + text(head.reason, after: " ")
        }
        let forms = ["origin-form", "absolute-form", "authority-form", "asterisk-form"]
        let form = Array(" \(forms[Int(head.target_form)]) ".utf8)
        return Array("request ".utf8) + text(head.method) + form + text(head.target) + [0x20] + version
    }

    private func frameLines(_ framing: chttp_framing) -> [String] {
        var lines: [String] = []
        if framing.has_content_length { lines.append("body length \(framing.content_length)") }
        if framing.chunked { lines.append("body chunked") }
        if framing.close { lines.append("close") }
        if framing.keep_alive { lines.append("keep-alive") }
        if framing.expect_continue { lines.append("continue") }
        return lines
    }

    private func bodyOutcome(_ bytes: UnsafePointer<UInt8>, cuts: [Int]) -> Outcome {
        var body = chttp_chunked()
        var data: [UInt8] = []
        var at = 0
        for end in cuts + [input.count] {
            var status = CHTTP_MORE
            repeat {
                var consumed = 0
                var run = chttp_span()
                let overheadMax = ceilings["overhead"] ?? 1024
                status = chttp_scan_chunked(&body, bytes + at, end - at, overheadMax, &consumed, &run)
                data += UnsafeBufferPointer(start: bytes + at + Int(run.at), count: Int(run.length))
                at += consumed
            } while status == CHTTP_MORE && at < end
            if status == CHTTP_BAD { return .refused(rule: body.rule, at: at) }
            if status == CHTTP_OK { return .body(data: data, overhead: body.overhead, end: at) }
        }
        return .more
    }
}

extension Array {
    /// A pointer to the elements, never null, not even when there are none.
    func withPointer<Result>(_ use: (UnsafePointer<Element>) -> Result) -> Result {
        withUnsafeBufferPointer { buffer in
            if let start = buffer.baseAddress { return use(start) }
            let nowhere = UnsafeMutablePointer<Element>.allocate(capacity: 1)
            defer { nowhere.deallocate() }
            return use(nowhere)
        }
    }
}
