internal import JSON

extension Outcome {
    /// The outcome that an answer is. BigQuery answers failures of a row inside a 200, and of others' 200 the
    /// body is what was asked for: where it is no object, that is no answer at all. Elsewhere the status says
    /// enough.
    static func answered(_ status: Int, body: [UInt8], by upstream: Upstream) -> Outcome {
        switch upstream {
        case .bigQuery: bigQuery(status, body)
        case .kubernetesCreate: .answer(status: status, kubernetesDetail(status, body))
        case .artifactRegistry, .clusterManager, .kubernetesGet:
            status == 200 && !body.isFramedAsObject ? .noAnswer : .answer(status: status, .none)
        default: .answer(status: status, .none)
        }
    }

    private static func bigQuery(_ status: Int, _ body: [UInt8]) -> Outcome {
        guard [200, 400, 403].contains(status) else { return .answer(status: status, .none) }
        guard let answer = try? JSONDocument(parsing: body).root, answer.isObject else {
            return status == 200 ? .noAnswer : .answer(status: status, .none)
        }
        if status == 200 {
            guard let errors = answer["insertErrors"], !errors.isNull else {
                return .answer(status: status, .none)
            }
            // The form is {"insertErrors": [{"index": 0, "errors": [{"reason": …}]}]}; an empty list is no
            // error.
            guard errors.isArray else { return .noAnswer }
            if errors.isEmpty { return .answer(status: status, .none) }
            let isInvalid = errors.elements.contains { row in
                row["errors"]?.elements.contains { $0["reason"]?.equals("invalid") ?? false } ?? false
            }
            return .answer(status: status, isInvalid ? .rowInvalid : .rowFailed)
        }
        let error = answer["error"]
        if status == 400, let message = error?["message"]?.stringBytes,
            message.containsIgnoringCase("payload size exceeds")
        {
            return .answer(status: status, .payloadTooLarge)
        }
        if status == 403,
            error?["errors"]?.elements.contains(where: { $0["reason"]?.equals("rateLimitExceeded") ?? false })
                ?? false
        {
            return .answer(status: status, .rateLimited)
        }
        return .answer(status: status, .none)
    }

    /// A `Status` object of the Kubernetes API: `reason` tells the two meanings of a 409 apart.
    private static func kubernetesDetail(_ status: Int, _ body: [UInt8]) -> Detail {
        guard status == 409 || status == 403, let answer = try? JSONDocument(parsing: body).root else {
            return .none
        }
        if status == 409 {
            return answer["reason"]?.equals("AlreadyExists") ?? false ? .alreadyExists : .none
        }
        let message = answer["message"]?.stringBytes ?? []
        return message.containsIgnoringCase("exceeded quota") ? .quotaExceeded : .none
    }
}

/// The short answer that was read last, and its outcome: BigQuery says that a row is stored in the same bytes
/// every time, and so they are read once.
final class KnownAnswer {
    /// Success takes far less.
    private static let bytesMax = 256

    private var status = 0
    private var body: [UInt8] = []
    private var known: Outcome?

    /// The outcome that an answer is.
    func outcome(_ status: Int, body: [UInt8], by upstream: Upstream) -> Outcome {
        guard upstream == .bigQuery else { return .answered(status, body: body, by: upstream) }
        if let known, status == self.status, body.span.equals(self.body.span) { return known }
        let outcome = Outcome.answered(status, body: body, by: upstream)
        if body.count <= Self.bytesMax {
            (self.status, self.body, known) = (status, body, outcome)
        }
        return outcome
    }
}

extension [UInt8] {
    /// Whether this begins and ends as a JSON object does: a page of a proxy's does not, nor does half an
    /// answer. Much less than reading it, where a status is all that is asked for.
    fileprivate var isFramedAsObject: Bool {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        return first { !isSpace($0) } == UInt8(ascii: "{") && last { !isSpace($0) } == UInt8(ascii: "}")
    }

    /// Whether `text` stands somewhere in these bytes, ASCII letters compared without case.
    func containsIgnoringCase(_ text: String) -> Bool {
        let needle = text.utf8.map(ASCII.lowercased)
        guard count >= needle.count else { return false }
        return (0...(count - needle.count)).contains { start in
            (0..<needle.count).allSatisfy { ASCII.lowercased(self[start + $0]) == needle[$0] }
        }
    }
}
