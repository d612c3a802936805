/// Why the server itself answered in its handler's place, or did not answer at all.
public enum RefusalReason: Int, CaseIterable, Sendable {
    /// 400, and 501, 505, 417: a request that breaks HTTP's rules, or asks for what is not spoken.
    case malformed
    /// 414, 431.
    case headTooLarge
    /// 413.
    case bodyTooLarge
    /// 408.
    case tooSlow
    /// 503, or closed without an answer: connections.
    case connections
    /// 503: requests being handled.
    case requestsInFlight
    /// 503: requests of all connections together.
    case bufferedBytes
    /// 503: the program ends.
    case stopping

    /// The reason behind a status that a connection's machine refuses with.
    init(status: Int) {
        switch status {
        case 408: self = .tooSlow
        case 413: self = .bodyTooLarge
        case 414, 431: self = .headTooLarge
        case 503: self = .bufferedBytes
        default: self = .malformed
        }
    }
}

/// How often the server refused, by reason.
public struct Refusals: Sendable {
    private var counts = [Int](repeating: 0, count: RefusalReason.allCases.count)

    /// How often it was for `reason`.
    public subscript(_ reason: RefusalReason) -> Int { counts[reason.rawValue] }

    /// None so far.
    public init() {}

    mutating func count(_ reason: RefusalReason) { counts[reason.rawValue] += 1 }
}
