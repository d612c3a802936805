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
    /// Who failed, where it was not the upstream that was to be called but one that had to be asked first.
    var upstream: StaticString?
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
        if case .noToken = result.last { upstream = "credentials" }
    }

    /// The cluster was to be called, and where it is could not be had from GKE.
    init(_ error: ClusterError) {
        reason = error.description
        upstream = "gke"
        status = error.status
        attempts = error.attempts
    }

    /// Adds what is known to a line; `called` is the upstream that was to be called.
    func append(to line: inout LogLine, upstream called: StaticString) {
        line.field("upstream", literal: upstream ?? called)
        if let status { line.field("status", status) }
        line.field("attempt", attempts)
        line.field("reason", reason)
    }
}
