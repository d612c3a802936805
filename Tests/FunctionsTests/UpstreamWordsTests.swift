import Net
import Testing

@testable import Functions

@Suite("Of an upstream's words")
struct UpstreamWordsTests {
    @Test(
        "those that name a permission, a role or an object may be logged",
        arguments: [
            "Access Denied: Table p:d.t: Permission bigquery.tables.updateData denied on table p:d.t",
            "Not found: Table p:d.t", "Permission 'container.clusters.connect' denied on resource x",
            "Required \"container.clusters.get\" permission(s) for \"projects/p\".",
            "Cloud Pub/Sub API has not been used in project 7 before or it is disabled. Enable it",
            "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x",
            #"jobs.batch is forbidden: User "a@b" cannot create resource "jobs" in API group "batch""#,
            #"jobs.batch "question-1" is forbidden: exceeded quota: q, requested: count/jobs.batch=1"#,
            #"namespaces "twined" not found"#, "Unauthorized",
            "Exceeded rate limits: too many table update operations for this table.",
            "Request is missing required authentication credential.",
        ])
    func whole(_ message: String) {
        #expect(UpstreamWords.loggable(Array(message.utf8)) == Array(message.utf8))
    }

    @Test(
        "others may not",
        arguments: [
            "", "argument patient-4711 is not allowed", "row patient-4711: Invalid",
            "[1.5] denied the request",
            #"args[3]: "patient-4711" not found"#, "jobs.batch says patient-4711",
            #"pods "a" is forbidden: patient-4711"#, "the token ya29.a Permission denied",
        ])
    func none(_ message: String) {
        #expect(UpstreamWords.loggable(Array(message.utf8)) == nil)
    }

    @Test(
        "no more is logged than comes before a value, or before somebody else's words",
        arguments: [
            (#"admission webhook "w" denied the request"#, #": User "patient" not found"#),
            (
                "jobs.batch \"q\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request",
                ": x"
            ),
            (#"Job.batch "q" is invalid: spec.a: Invalid"#, #" value: "patient": too long"#),
            (#"Job.batch "q" is invalid: [a: Unsupported"#, #" value: "patient", b: Invalid value: 1]"#),
            (#"Job.batch "q" is invalid: spec.a: Required value"#, ": for patient"),
            (#"Job in version "v1" cannot be handled as a Job"#, ": patient"),
        ])
    func cut(_ said: String, _ rest: String) {
        #expect(UpstreamWords.loggable(Array((said + rest).utf8)) == Array(said.utf8))
    }

    @Test("a token is known that a call may be on its way with, though another is held by now")
    func formerToken() async throws {
        let named = try await LoopSupport.run {
            let source = AccessTokenTests.Mint().token()
            let first = try await source.value(deadline: .after(milliseconds: 10_000))
            source.invalidate(first)
            let between = source.isNamed(in: Array("with t1".utf8))
            _ = try await source.value(deadline: .after(milliseconds: 10_000))
            return [between] + ["with t1", "t2", "t3"].map { source.isNamed(in: Array($0.utf8)) }
        }
        #expect(named == [true, true, true, false])
    }
}
