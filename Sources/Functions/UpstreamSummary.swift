internal import Net

extension UpstreamResult {
    /// What came last, in a few words for a log line: a status, or why there is none. Nothing of a body.
    var summary: String {
        switch last {
        case .answer(let response): "answered \(response.status)"
        case .failure(let error): error.description
        case .noToken(let error): error.description
        case .notSent: "no time was left to ask"
        }
    }
}

/// Why a call brought no result, for a log line.
struct CallFailure: Error, Sendable {
    let reason: String
    /// The last answer's status, if there was one.
    var status: Int?
    /// How many requests were sent.
    var attempts = 0

    init(reason: String) {
        self.reason = reason
    }

    init(_ result: UpstreamResult) {
        reason = result.summary
        status = result.status
        attempts = result.attempts
    }

    /// Adds what is known to a line.
    func append(to line: inout LogLine, upstream: StaticString) {
        line.field("upstream", literal: upstream)
        if let status { line.field("status", status) }
        line.field("attempt", attempts)
        line.field("reason", reason)
    }
}
