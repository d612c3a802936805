import JSON
import Testing

@testable import LocalCloud
@testable import Net

@Suite("The services over their listeners")
struct ServicesTests {
    @Test("a row is stored once for each insertId, and every attempt is told")
    func rows() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let row = RunningCloud.row(insertId: "a")
            for _ in 0..<2 {
                let answer = try await running.ask(.bigquery, .post, RunningCloud.insertAll, row)
                #expect(answer.status == 200)
                #expect(answer.json?["insertErrors"] == nil)
            }
            let rows = try await running.control("/rows")
            #expect(rows.json?["attempts"]?.elements.map { $0["duplicate"]?.bool } == [false, true])
            #expect(rows.json?["distinct"]?.elements.map { $0["attempts"]?.integer } == [2])
        }
    }

    @Test("what does not fit the schema is invalid inside a 200")
    func invalidRows() async throws {
        try await onLoop {
            let running = try RunningCloud()
            for (row, location) in [
                (RunningCloud.row(insertId: "a", adding: #","bogus":"1""#), "bogus"),
                (RunningCloud.row(insertId: "a", replacing: ["datetime": #""x""#]), "datetime"),
                (RunningCloud.row(insertId: "a", replacing: ["event": #""{""#]), "event"),
                (RunningCloud.row(insertId: "a", replacing: ["event": "{}"]), "event"),
                (RunningCloud.row(insertId: "a", replacing: ["uuid": "null"]), "uuid"),
            ] {
                let answer = try await running.ask(.bigquery, .post, RunningCloud.insertAll, row)
                #expect(answer.status == 200)
                let error = answer.json?["insertErrors"]?.elements.map { $0 }.first?["errors"]?.elements
                    .map { $0 }.first
                #expect(error?["reason"]?.string == "invalid")
                #expect(error?["location"]?.string == location)
            }
        }
    }

    @Test("tokens that were revoked are answered 401, and the metadata server gives a new one")
    func tokens() async throws {
        try await onLoop {
            let running = try RunningCloud()
            #expect(try await running.control("/tokens", #"{"revokeAll":true}"#).status == 200)
            let refused = try await running.ask(.kubernetes, .get, RunningCloud.jobs)
            #expect(refused.status == 401)
            #expect(refused.json?["reason"]?.string == "Unauthorized")
            #expect(try await running.ask(.kubernetes, .get, RunningCloud.jobs, token: "x").status == 401)
        }
    }

    @Test("a Job is created once; background deletion takes its Pod, no policy orphans it")
    func jobs() async throws {
        try await onLoop {
            let running = try RunningCloud()
            for name in ["question-a", "question-b"] {
                let answer = try await running.ask(
                    .kubernetes, .post, RunningCloud.jobs, RunningCloud.job(name))
                #expect(answer.status == 201)
            }
            let again = try await running.ask(
                .kubernetes, .post, RunningCloud.jobs, RunningCloud.job("question-a"))
            #expect(again.status == 409)
            #expect(again.json?["reason"]?.string == "AlreadyExists")
            let path = RunningCloud.jobs
            let body = #"{"propagationPolicy":"Background"}"#
            #expect(try await running.ask(.kubernetes, .delete, "\(path)/question-a", body).status == 200)
            #expect(try await running.ask(.kubernetes, .delete, "\(path)/question-b").status == 200)
            #expect(try await running.ask(.kubernetes, .get, "\(path)/question-b").status == 404)
            let jobs = try await running.control("/jobs")
            #expect(jobs.json?["live"]?.isEmpty == true)
            #expect(jobs.json?["orphanedPods"]?.elements.map { $0 }.count == 1)
        }
    }

    @Test("deleting with an empty name deletes every Job of the namespace")
    func deleteAll() async throws {
        try await onLoop {
            let running = try RunningCloud()
            for name in ["question-a", "question-b"] {
                _ = try await running.ask(.kubernetes, .post, RunningCloud.jobs, RunningCloud.job(name))
            }
            #expect(try await running.ask(.kubernetes, .delete, RunningCloud.jobs + "/").status == 200)
            #expect(try await running.control("/counts").json?["jobs.live"]?.integer == 0)
        }
    }

    @Test("tags are found by their double-encoded id only")
    func tags() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let base =
                "/v1/projects/demo-project/locations/europe-west1/repositories/octue-twined-services/packages"
            let found = try await running.ask(
                .artifactregistry, .get, base + "/my-org%252Fmy-service/tags/default")
            #expect(found.status == 200)
            #expect(
                found.json?["version"]?.string?.hasSuffix("my-org%2Fmy-service/versions/sha256:aaa") == true)
            let single = try await running.ask(
                .artifactregistry, .get, base + "/my-org%2Fmy-service/tags/default")
            #expect(single.status == 404)
        }
    }

    @Test("a fault applies after so many matches, so many times, and says whether the effect was done")
    func faults() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let fault =
                #"{"service":"kubernetes","method":"POST","skip":1,"count":1,"status":504,"effect":true}"#
            #expect(
                try await running.control("/faults", fault).json?["ids"]?.elements.map { $0.integer } == [1])
            var statuses: [Int] = []
            for name in ["question-a", "question-b", "question-c"] {
                statuses.append(
                    try await running.ask(.kubernetes, .post, RunningCloud.jobs, RunningCloud.job(name))
                        .status)
            }
            #expect(statuses == [201, 504, 201])
            let made = try await running.ask(.kubernetes, .get, RunningCloud.jobs + "/question-b")
            #expect(made.status == 200)
            let requests = try await running.control("/requests?service=kubernetes&method=POST")
            let all = requests.json?["requests"]?.elements.map { $0 } ?? []
            #expect(all.map { $0["status"]?.integer } == [201, 504, 201])
            #expect(all.map { $0["fault"]?.integer } == [nil, 1, nil])
        }
    }

    @Test("a fault of every third request spares two in three, after those that are skipped")
    func everyThird() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let fault = #"{"service":"kubernetes","skip":1,"every":3,"count":-1,"status":503}"#
            _ = try await running.control("/faults", fault)
            var statuses: [Int] = []
            for _ in 0..<8 {
                statuses.append(try await running.ask(.kubernetes, .get, RunningCloud.jobs).status)
            }
            #expect(statuses == [200, 200, 200, 503, 200, 200, 503, 200])
            let wrong = try await running.control("/faults", #"{"service":"kubernetes","every":0}"#)
            #expect(wrong.status == 400)
        }
    }

    @Test("a connection cut before the answer is an error of the client's, and yet the Job is there")
    func cut() async throws {
        try await onLoop {
            let running = try RunningCloud()
            _ = try await running.control("/faults", #"{"service":"kubernetes","count":2,"end":"reset"}"#)
            await #expect(throws: HTTPClientError.connectionLost) {
                try await running.ask(.kubernetes, .post, RunningCloud.jobs, RunningCloud.job("question-a"))
            }
            #expect(try await running.control("/counts").json?["jobs.created"]?.integer == 1)
        }
    }

    @Test("a misspelt member of a fault is a mistake, not a fault that does nothing")
    func misspelt() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let answer = try await running.control("/faults", #"{"service":"kubernetes","statsu":503}"#)
            #expect(answer.status == 400)
            #expect(answer.body.contains("statsu"))
        }
    }

    @Test("a certificate that a test asks for is what the client then refuses, until it is restored")
    func certificates() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let path = RunningCloud.insertAll
            _ = try await running.control(
                "/certificates", #"{"service":"bigquery","subjectAlternativeNames":["DNS:wrong.example"]}"#)
            await #expect(throws: HTTPClientError.self) { try await running.ask(.bigquery, .get, path) }
            _ = try await running.control("/certificates", #"{"service":"bigquery","restore":true}"#)
            #expect(
                try await running.ask(.bigquery, .post, path, RunningCloud.row(insertId: "a")).status == 200)
        }
    }

    @Test("a wait ends when its counter is reached, and says so when it is not")
    func waits() async throws {
        try await onLoop {
            let running = try RunningCloud()
            let short = #"{"conditions":[{"counter":"jobs.created","atLeast":1}],"timeoutMilliseconds":1}"#
            #expect(try await running.control("/wait", short).json?["held"]?.bool == false)
            _ = try await running.ask(.kubernetes, .post, RunningCloud.jobs, RunningCloud.job("question-a"))
            #expect(try await running.control("/wait", short).json?["held"]?.bool == true)
        }
    }
}
