import JSON
import TestSupport
import Testing

@testable import Functions

/// A row of the table in docs/RETRIES.md.
private struct Row {
    var upstream: Upstream?
    var outcomes: [String]
    var reaction: String

    static func all() throws -> [Row] {
        try Repository.text("docs/RETRIES.md").split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map(trimmed)
            guard cells.count == 6, cells[2].contains("`") else { return nil }
            guard cells[1] == "any" || Upstream(rawValue: cells[1]) != nil else { return nil }
            return Row(
                upstream: Upstream(rawValue: cells[1]), outcomes: quoted(cells[2]),
                reaction: quoted(cells[3])[0])
        }
    }

    private static func trimmed(_ cell: Substring) -> String {
        String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    private static func quoted(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter {
            $0.offset % 2 == 1
        }
        .map { String($0.element) }
    }
}

private func names(_ outcome: Outcome) -> [String] {
    switch outcome {
    case .notConnected: ["not connected"]
    case .notVerified: ["not verified"]
    case .noAnswer: ["no answer"]
    case .answer(let status, let detail): ["\(status) \(detail.rawValue)", "\(status)"]
    }
}

private func name(_ reaction: Reaction) -> String {
    switch reaction {
    case .done: "done"
    case .again: "again"
    case .freshToken: "fresh token"
    case .askClusterAnew(let mayPass): "ask cluster anew, then \(mayPass ? "again" : "unavailable")"
    case .alreadyExists: "already exists"
    case .quotaExceeded: "quota exceeded"
    case .cannotBeStored: "cannot be stored"
    case .undispatchable: "undispatchable"
    case .notFound: "not found"
    case .unavailable: "unavailable"
    }
}

@Test("docs/RETRIES.md and the policy say the same, for every upstream and every status")
func policyTable() throws {
    let rows = try Row.all()
    #expect(rows.count >= 25)
    var outcomes: [Outcome] = [.notConnected, .notVerified, .noAnswer]
    for status in 100...599 {
        for detail in Outcome.Detail.allCases { outcomes.append(.answer(status: status, detail)) }
    }
    var used = Set<String>()
    for upstream in Upstream.allCases {
        for outcome in outcomes {
            // Named before any, with a word before bare.
            let candidates: [(Upstream?, String)] = [upstream, nil].flatMap { owner in
                names(outcome).map { (owner, $0) }
            }
            var expected = "unavailable"
            for (owner, label) in candidates {
                guard let row = rows.first(where: { $0.upstream == owner && $0.outcomes.contains(label) })
                else {
                    continue
                }
                expected = row.reaction
                used.insert("\(owner?.rawValue ?? "any") \(label)")
                break
            }
            let reaction = name(Policy.reaction(to: outcome, of: upstream))
            #expect(reaction == expected, "\(upstream) \(outcome)")
        }
    }
    for row in rows {
        for outcome in row.outcomes {
            #expect(
                used.contains("\(row.upstream?.rawValue ?? "any") \(outcome)"),
                "a row that no outcome reaches")
        }
    }
}

@Test("a body's meaning is read where it matters, and a body that cannot be read says nothing")
func details() {
    let expectations: [(Upstream, Int, String, Outcome)] = [
        (.bigQuery, 200, #"{"kind":"x"}"#, .answer(status: 200, .none)),
        (.bigQuery, 200, #"{"insertErrors":[]}"#, .answer(status: 200, .none)),
        (.bigQuery, 200, #"{"insertErrors":null}"#, .answer(status: 200, .none)),
        (
            .bigQuery, 200, #"{"insertErrors":[{"index":0,"errors":[{"reason":"invalid","message":"m"}]}]}"#,
            .answer(status: 200, .rowInvalid)
        ),
        (
            .bigQuery, 200,
            #"{"insertErrors":[{"errors":[{"reason":"backendError"},{"reason":"inv\u0061lid"}]}]}"#,
            .answer(status: 200, .rowInvalid)
        ),
        (
            .bigQuery, 200, #"{"insertErrors":[{"errors":[{"reason":"timeout"}]}]}"#,
            .answer(status: 200, .rowFailed)
        ),
        (.bigQuery, 200, #"{"insertErrors":[{}]}"#, .answer(status: 200, .rowFailed)),
        (.bigQuery, 200, #"{"insertErrors":{}}"#, .noAnswer), (.bigQuery, 200, "", .noAnswer),
        (.bigQuery, 200, "<html>", .noAnswer), (.bigQuery, 200, "[]", .noAnswer),
        (
            .bigQuery, 400,
            #"{"error":{"code":400,"message":"Request payload size exceeds the limit: 10485760 bytes."}}"#,
            .answer(status: 400, .payloadTooLarge)
        ),
        (.bigQuery, 400, #"{"error":{"message":"no such field"}}"#, .answer(status: 400, .none)),
        (
            .bigQuery, 403, #"{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}"#,
            .answer(status: 403, .rateLimited)
        ),
        (.bigQuery, 403, #"{"error":{"errors":[{"reason":"accessDenied"}]}}"#, .answer(status: 403, .none)),
        (.bigQuery, 503, "busy", .answer(status: 503, .none)),
        (
            .kubernetesCreate, 409, #"{"kind":"Status","reason":"AlreadyExists","code":409}"#,
            .answer(status: 409, .alreadyExists)
        ),
        (
            .kubernetesCreate, 409, #"{"reason":"Conflict","details":{"kind":"resourcequotas"}}"#,
            .answer(status: 409, .none)
        ),
        (.kubernetesCreate, 409, "plain", .answer(status: 409, .none)),
        (
            .kubernetesCreate, 403, #"{"message":"jobs.batch \"q\" is forbidden: exceeded quota: x"}"#,
            .answer(status: 403, .quotaExceeded)
        ),
        (.kubernetesCreate, 403, #"{"message":"jobs.batch is forbidden"}"#, .answer(status: 403, .none)),
        (.kubernetesDelete, 409, #"{"reason":"AlreadyExists"}"#, .answer(status: 409, .none)),
    ]
    let known = KnownAnswer()
    for (upstream, status, body, expected) in expectations {
        let body = Array(body.utf8)
        #expect(Outcome.answered(status, body: body, by: upstream) == expected, "\(body)")
        for _ in 1...2 {
            #expect(known.outcome(status, body: body, by: upstream) == expected, "\(body), known")
        }
    }
}
