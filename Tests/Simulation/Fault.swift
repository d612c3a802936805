import Net

/// What the program may ask of the world: every request is one of these.
enum Call: Int, CaseIterable, Sendable {
    case token, project, insert, cluster, create, read, delete, tell, bury

    /// As the table of outcomes names it.
    var title: String {
        switch self {
        case .token: "metadata token"
        case .project: "metadata project"
        case .insert: "bigquery insertAll"
        case .cluster: "gke clusters.get"
        case .create: "kubernetes create"
        case .read: "kubernetes get"
        case .delete: "kubernetes delete"
        case .tell: "pubsub exception event"
        case .bury: "pubsub dead letter"
        }
    }

    /// What fails together: five services.
    var service: Int {
        switch self {
        case .token, .project: 0
        case .insert: 1
        case .cluster: 2
        case .create, .read, .delete: 3
        case .tell, .bury: 4
        }
    }
    static let services = 5

    var isCluster: Bool { service == 3 }
    /// Whether it is one event's own, and not on behalf of all who wait for a token, a project or the
    /// endpoint.
    var isOwn: Bool { self != .token && self != .project && self != .cluster }
    var isMetadata: Bool { service == 0 }
}

/// Whether the service did what it was asked before the answer went wrong.
enum Effect: Int, Sendable {
    case none, done
    /// Done after the program has given the attempt up.
    case late

    var title: String {
        switch self {
        case .none: "not done"
        case .done: "done"
        case .late: "done later"
        }
    }
}

/// One way for an attempt to end.
struct Fault: Sendable {
    enum Ending: Sendable {
        /// The service's own answer, at once or after a while.
        case natural(isSlow: Bool)
        /// No answer.
        case failure(HTTPClientError)
        /// No answer, and that shows only when the attempt's time is up.
        case silence(HTTPClientError)
        /// Another answer than the service's own.
        case answer(Int, String, RetryAfter)
    }

    enum RetryAfter: Equatable, Sendable {
        case absent
        case seconds(Int)
        case date(secondsAhead: Int)
        case text(StaticString)

        static func == (left: RetryAfter, right: RetryAfter) -> Bool {
            switch (left, right) {
            case (.absent, .absent): true
            case (.seconds(let left), .seconds(let right)): left == right
            case (.date(let left), .date(let right)): left == right
            default: false
            }
        }
    }

    let call: Call
    let title: String
    let effect: Effect
    let ending: Ending
    /// Whether it comes of the service's own state and cannot be drawn.
    var isNatural = false
    /// Whether a run may end without it.
    var isRare = false
}

/// Every outcome of every call, in the order of the table: the answers that a service gives by itself, then
/// faults.
enum Faults {
    static let all: [Fault] = Call.allCases.flatMap { natural($0) + injected($0) }
    /// Indices of what can be drawn, by call.
    static let drawable: [[Int]] = Call.allCases.map { call in
        all.indices.filter { all[$0].call == call && !all[$0].isNatural }
    }

    /// The row of an answer that a service gave by itself.
    static func naturalIndex(_ call: Call, _ title: String) -> Int {
        guard let index = naturalIndices[call.rawValue][title] else {
            preconditionFailure("the table has no row for \(call.title): \(title)")
        }
        return index
    }

    private static let naturalIndices: [[String: Int]] = Call.allCases.map { call in
        var indices: [String: Int] = [:]
        for index in all.indices where all[index].call == call && all[index].isNatural {
            indices[all[index].title] = index
        }
        return indices
    }

    private static func natural(_ call: Call) -> [Fault] {
        let rows: [(String, Effect)] =
            switch call {
            case .token, .project: [("200", .done)]
            case .insert:
                [
                    ("200 stored", .done), ("200 stored already", .none), ("200 row invalid", .none),
                    ("400 payload too large", .none), ("413", .none), ("401", .none),
                ]
            case .cluster: [("200", .done), ("401", .none)]
            case .create:
                [
                    ("201", .done), ("409 AlreadyExists", .none), ("400", .none), ("413", .none),
                    ("422", .none),
                    ("401", .none), ("moved: refused", .none), ("moved: not verified", .none),
                ]
            case .read:
                [
                    ("200 own", .done), ("200 another event's", .done), ("404", .none),
                    ("403 forbidden", .none),
                    ("401", .none), ("moved: refused", .none), ("moved: not verified", .none),
                ]
            case .delete:
                [
                    ("200", .done), ("404", .none), ("401", .none), ("moved: refused", .none),
                    ("moved: not verified", .none),
                ]
            case .tell, .bury: [("200", .done), ("401", .none)]
            }
        return rows.map { title, effect in
            Fault(
                call: call, title: title, effect: effect, ending: .natural(isSlow: false), isNatural: true,
                isRare: isRare(call, title))
        }
    }

    /// A token that is revoked, or a cluster that moves, in the moment between two calls of one event.
    private static func isRare(_ call: Call, _ title: String) -> Bool {
        switch call {
        case .read: ["404", "401", "moved: refused", "moved: not verified"].contains(title)
        case .delete, .tell, .bury: title == "401"
        case .token, .project, .insert, .cluster, .create: false
        }
    }

    private static func injected(_ call: Call) -> [Fault] {
        connections(call) + lostAnswers(call) + statuses(call) + own(call)
    }

    private static func connections(_ call: Call) -> [Fault] {
        var faults: [Fault] = []
        func add(_ title: String, _ ending: Fault.Ending, _ effect: Effect = .none) {
            faults.append(Fault(call: call, title: title, effect: effect, ending: ending))
        }
        add("name not resolved", .failure(.notResolved))
        add("connection refused", .failure(.notConnected(.connectionRefused)))
        add("connection timed out", .silence(.connectTimedOut))
        add("too many wait for a connection", .failure(.overloaded))
        if !call.isMetadata {
            add("handshake failed", .failure(.handshakeFailed("unexpected message")))
            add("certificate not verified", .failure(.notVerified("self-signed certificate")))
        }
        add("slow answer", .natural(isSlow: true), .done)
        return faults
    }

    private static func lostAnswers(_ call: Call) -> [Fault] {
        var faults: [Fault] = []
        for effect in [Effect.none, .done] {
            func add(_ title: String, _ ending: Fault.Ending) {
                faults.append(Fault(call: call, title: title, effect: effect, ending: ending))
            }
            add("connection reset", .failure(.connectionLost))
            add("answer not HTTP", .failure(.malformedAnswer("a header line has no colon")))
            add("answer too large", .failure(.answerTooLarge))
            add("attempt timed out", .silence(.timedOut))
        }
        faults.append(
            Fault(call: call, title: "attempt timed out", effect: .late, ending: .silence(.timedOut)))
        return faults
    }

    private static func statuses(_ call: Call) -> [Fault] {
        var faults: [Fault] = []
        func add(
            _ status: Int, _ effect: Effect, _ retryAfter: Fault.RetryAfter = .absent, _ suffix: String = ""
        ) {
            faults.append(
                Fault(
                    call: call, title: "\(status)\(suffix)", effect: effect,
                    ending: .answer(status, "upstream trouble", retryAfter)))
        }
        for status in [204, 302, 308, 401, 410, 501] where status != 204 || call != .delete {
            add(status, .none)
        }
        for status in [408, 500, 502, 503, 504] {
            add(status, .none)
            add(status, .done)
        }
        add(429, .none)
        add(429, .none, .seconds(2), " Retry-After: 2")
        add(503, .none, .date(secondsAhead: 3), " Retry-After: a date")
        add(503, .done, .seconds(1), " Retry-After: 1")
        add(503, .none, .seconds(3_600), " Retry-After: 3600")
        add(503, .none, .text("soon"), " Retry-After: soon")
        return faults
    }

    /// What only this call can be answered. Left out are answers that say for ever what is not so: a service
    /// that calls a good row invalid, or a Job it has missing, is beyond what any client can mend.
    private static func own(_ call: Call) -> [Fault] {
        var faults: [Fault] = []
        func add(_ title: String, _ effect: Effect, _ status: Int, _ body: String) {
            faults.append(
                Fault(call: call, title: title, effect: effect, ending: .answer(status, body, .absent)))
        }
        let failed = #"{"insertErrors":[{"index":0,"errors":[{"reason":"REASON","message":"try again"}]}]}"#
        switch call {
        case .token:
            for status in [400, 403, 404] { add("\(status)", .none, status, "no") }
            add("200 not JSON", .none, 200, "<html>")
            add("200 of something else", .none, 200, "hello")
            add("200 without a token", .none, 200, #"{"expires_in":3599}"#)
        case .project:
            for status in [400, 403, 404] { add("\(status)", .none, status, "no") }
            add("200 no project's name", .none, 200, "a/../b")
        case .insert:
            for reason in ["backendError", "stopped", "timeout"] {
                let body = failed.replacing("REASON", with: reason)
                add("200 row \(reason)", .none, 200, body)
                add("200 row \(reason)", .done, 200, body)
            }
            add("200 not JSON", .none, 200, #"{"kind":"bigquery#tab"#)
            add("200 not JSON", .done, 200, #"{"kind":"bigquery#tab"#)
            add("400", .none, 400, #"{"error":{"message":"no such field"}}"#)
            add(
                "403 rateLimitExceeded", .none, 403, #"{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}"#
            )
            add("403", .none, 403, #"{"error":{"errors":[{"reason":"accessDenied"}]}}"#)
            add("404", .none, 404, #"{"error":{"message":"Not found: Table"}}"#)
        case .cluster:
            for status in [400, 403, 404] { add("\(status)", .none, status, "{}") }
            add("200 without an endpoint", .none, 200, "{}")
            add("200 not JSON", .none, 200, "{")
        case .create:
            add("200", .done, 200, "{}")
            add("202", .done, 202, "{}")
            add("201 not JSON", .done, 201, "{")
            add(
                "409 Conflict", .none, 409,
                #"{"kind":"Status","reason":"Conflict","details":{"kind":"resourcequotas"}}"#)
            add("409 not JSON", .none, 409, "Conflict")
            add(
                "403 exceeded quota", .none, 403,
                #"{"kind":"Status","reason":"Forbidden","message":"jobs is forbidden: exceeded quota: jobs"}"#
            )
            add("403", .none, 403, #"{"kind":"Status","reason":"Forbidden","message":"jobs is forbidden"}"#)
            for status in [404, 405, 415] { add("\(status)", .none, status, "{}") }
        case .read:
            add("403", .none, 403, #"{"kind":"Status","reason":"Forbidden"}"#)
            add("200 not JSON", .done, 200, "{")
            add("400", .none, 400, "{}")
        case .delete:
            add("202", .done, 202, "{}")
            add("409", .none, 409, #"{"kind":"Status","reason":"Conflict"}"#)
            add("403", .none, 403, #"{"kind":"Status","reason":"Forbidden"}"#)
            add("405", .none, 405, "{}")
        case .tell, .bury:
            for status in [400, 403, 404] { add("\(status)", .none, status, "{}") }
            add("200 not JSON", .done, 200, "<html>")
        }
        return faults
    }
}

extension String {
    /// This text with the one place where `name` stands filled in.
    fileprivate func replacing(_ name: String, with value: String) -> String {
        let bytes = Array(utf8)
        let needle = Array(name.utf8)
        for start in 0...(bytes.count - needle.count)
        where bytes[start..<start + needle.count].elementsEqual(needle) {
            let end = start + needle.count
            return String(decoding: bytes[..<start] + Array(value.utf8) + bytes[end...], as: UTF8.self)
        }
        preconditionFailure("the text has no place for a value")
    }
}

extension Faults {
    /// The row of an attempt that ran out of time.
    static func timedOut(_ call: Call, _ effect: Effect) -> Int {
        timedOutIndices[call.rawValue][effect.rawValue]
    }

    private static let timedOutIndices: [[Int]] = Call.allCases.map { call in
        [Effect.none, .done, .late].map { effect in
            let index = all.firstIndex {
                $0.call == call && $0.effect == effect && $0.title == "attempt timed out"
            }
            guard let index else { preconditionFailure("every call can run out of time") }
            return index
        }
    }
}
