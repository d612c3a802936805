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
