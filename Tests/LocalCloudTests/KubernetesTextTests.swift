import JSON
import Testing

@testable import LocalCloud

@Suite("What the API server reads")
struct KubernetesTextTests {
    @Test(
        "quantities are given back as the recorded server gives them",
        arguments: [
            ("1.5", "1500m"), ("1.0", "1"), ("2", "2"), ("1500m", "1500m"), ("0.5", "500m"), ("0.0001", "1m"),
            ("1 ", "1"), ("+1", "+1"), (".5", "500m"), ("1.", "1."), ("2e0", "2e0"), ("256M", "256M"),
            ("256k", "256k"), ("1.5Gi", "1536Mi"), ("100m", "100m"), ("9E", "9E"),
            ("99999999999999999999", "99999999999999999999"),
        ])
    func quantities(given: String, stored: String) throws {
        #expect(try Quantity(Array(given.utf8)).text == stored)
    }

    @Test(
        "what is no quantity is refused by form or by suffix, as recorded",
        arguments: [
            ("", Quantity.Failure.form), ("abc", .form), ("256MB", .form), ("256MiB", .form),
            ("256 MB", .form),
            ("256mi", .suffix), ("256K", .suffix), ("true", .form),
        ])
    func notQuantities(given: String, failure: Quantity.Failure) {
        #expect(throws: failure) { try Quantity(Array(given.utf8)) }
    }

    private func errors(_ text: String) throws -> [FieldError] {
        JobValidation.errors(of: try JobReader.read(JSONDocument(parsing: Array(text.utf8)).root))
    }

    @Test("a question's Job has nothing wrong with it")
    func valid() throws {
        #expect(try errors(RunningCloud.job("question-1")).isEmpty)
    }

    @Test("names outside the grammar are refused, once for the name and twice for the Pods' labels")
    func names() throws {
        #expect(try errors(RunningCloud.job("Question-ABC")).map(\.field).first == "metadata.name")
        #expect(
            try errors(RunningCloud.job(String(repeating: "q", count: 64))).map(\.field) == [
                "spec.template.labels", "spec.template.labels", "spec.template.spec.containers[0].name",
            ])
        #expect(try errors(RunningCloud.job(String(repeating: "q", count: 63))).isEmpty)
    }

    @Test(
        "int32 fields take integer literals only",
        arguments: ["1.0", "\"1\"", "2147483648", "1e0"])
    func integers(literal: String) throws {
        let text = #"{"metadata":{"name":"a"},"spec":{"completions":\#(literal)}}"#
        let root = try JSONDocument(parsing: Array(text.utf8)).root
        #expect(throws: DecodingFailure.self) { try JobReader.read(root) }
    }

    @Test("null in args is an empty text, a lone surrogate becomes U+FFFD")
    func oddArguments() throws {
        let text = #"{"spec":{"template":{"spec":{"containers":[{"args":[null,"\ud800","a"]}]}}}}"#
        let job = try JobReader.read(JSONDocument(parsing: Array(text.utf8)).root)
        #expect(job.containers[0].arguments == [[], Array("\u{FFFD}".utf8), Array("a".utf8)])
    }

    @Test(
        "timestamps are those that BigQuery reads",
        arguments: [
            ("2024-04-11T09:26:39.144818+00:00", true), ("2024-04-11 09:26:39", true), ("2024-04-11", true),
            ("2024-4-1 9:26:39 UTC", true), ("1712827599.5", true), ("2024-02-29", true),
            ("2023-02-29", false), ("x", false), ("", false), ("2024-04-11T25:00:00Z", false),
            ("2024-04-11T09:26:39.1234567Z", false), ("2024-13-01", false),
            ("2024-04-11T09:26:39+99:00", false),
        ])
    func timestamps(text: String, isValid: Bool) {
        #expect(TimestampText.isValid(Array(text.utf8)) == isValid)
    }
}
