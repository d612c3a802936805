internal import Net

extension UpstreamResult {
    /// What came last, in a few words for a log line: a status, or why there is none. Nothing of a body.
    var summary: String {
        switch last {
        case .answer(let response) where response.status == 200:
            explanation?.detail == nil
                ? "an answer that cannot be read" : "answered 200, but did not store the row"
        case .answer(let response): "answered \(response.status)"
        case .failure(let error): explanation.map { "\($0.host): \(error)" } ?? error.description
        case .noToken(let error): error.description
        case .notSent: "no time was left to ask"
        }
    }
}

/// Why a call brought no result, for a log line.
struct CallFailure: Error, Equatable, Sendable {
    let reason: String
    /// Who failed, where it was not the upstream that was to be called but one that had to be asked first.
    var upstream: String?
    /// The last answer's status, if there was one.
    var status: Int?
    /// How many requests were sent.
    var attempts = 0
    /// The upstream's own words.
    var detail: [UInt8]?
    /// What to do about it, where something is to be done.
    var remedy: String?

    /// The project was to be named, and is not.
    init(_ error: TokenError) {
        reason = error.description
        upstream = "credentials"
    }

    init(_ result: UpstreamResult) {
        reason = result.summary
        status = result.status
        attempts = result.attempts
        detail = result.explanation?.detail
        remedy = result.explanation?.remedy
        if case .noToken = result.last { upstream = "credentials" }
    }

    /// An answer says by its status that something is done, and in its body nothing that can be read.
    init(unreadable result: UpstreamResult) {
        reason = "an answer that cannot be read"
        status = result.status
        attempts = result.attempts
    }

    /// The cluster was to be called, and where it is could not be had from GKE.
    init(_ error: ClusterError) {
        reason = error.description
        upstream = "gke"
        status = error.status
        attempts = error.attempts
        detail = error.detail
        remedy = error.remedy
    }

    /// Adds what is known to a line; `called` is the upstream that was to be called.
    func append(to line: inout LogLine, upstream called: StaticString) {
        line.field("upstream", upstream ?? called.description)
        if let status { line.field("status", status) }
        line.field("attempt", attempts)
        line.field("reason", reason)
        if let detail { line.field("detail", detail) }
        if let remedy { line.field("remedy", remedy) }
    }
}
