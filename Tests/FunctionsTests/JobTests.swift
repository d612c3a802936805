import JSON
import Net
import Testing

@testable import Functions

/// An event with these attributes besides the required ones, and this text as its data.
private func event(_ data: String, _ attributes: [(String, String)] = []) throws -> Event {
    var pairs = AttributeName.required.map { ($0.description, "octue/x:1.0.0") }
    pairs = pairs.map { name, value in name == "question_uuid" ? (name, "q-1") : (name, value) } + attributes
    let attributes = Attributes(pairs.map { (Array($0.0.utf8), Array($0.1.utf8)) })
    return try Event(PubSubMessage(form: .push, data: Array(data.utf8), attributes: attributes))
}

private func settings(_ change: (inout JobSettings) -> Void = { _ in }) throws -> JobSettings {
    var settings = JobSettings(
        repositoryURL: try #require(RepositoryURL("r.example/p/r")), queue: "queue",
        serviceAccount: "account",
        topic: "topic", command: ["octue", "twined", "question", "ask-local"],
        defaultCPUs: try #require(Quantity("1")), defaultMemory: try #require(Quantity("512Mi")),
        defaultEphemeralStorage: try #require(Quantity("1Gi")))
    change(&settings)
    return settings
}

private func document(_ job: Job) throws -> JSONDocument.Value { try JSONDocument(parsing: job.body).root }

private func arguments(_ job: Job) throws -> [String] {
    let container = try container(job)
    return container["args"]?.elements.compactMap(\.string) ?? []
}

private func container(_ job: Job) throws -> JSONDocument.Value {
    let containers = try document(job)["spec"]?["template"]?["spec"]?["containers"]
    return try #require(containers.flatMap { Array($0.elements).first })
}

private func text(_ value: JSONDocument.Value?) -> String {
    guard let value else { return "absent" }
    return String(decoding: value.document.source[value.rawRange], as: UTF8.self)
}

@Suite("A question's Job")
struct JobTests {
    @Test("optional fields are in the Job where they are set, and absent where they are not")
    func options() throws {
        let question = try event(#"{"kind":"question"}"#)
        let plain = try document(try Job(of: question, settings: try settings()))["spec"]
        for name in ["ttlSecondsAfterFinished", "backoffLimit", "activeDeadlineSeconds"] {
            #expect(plain?.member(named: name) == nil)
        }
        let job = try document(
            try Job(
                of: question,
                settings: try settings {
                    $0.ttlSecondsAfterFinished = 0
                    $0.backoffLimit = 3
                    $0.activeDeadlineSeconds = 3_600
                    $0.priorityClass = "urgent"
                }))
        #expect(text(job["spec"]?["ttlSecondsAfterFinished"]) == "0")
        #expect(text(job["spec"]?["backoffLimit"]) == "3")
        #expect(text(job["spec"]?["activeDeadlineSeconds"]) == "3600")
        #expect(
            text(job["metadata"]?["labels"])
                == #"{"kueue.x-k8s.io/queue-name":"queue","kueue.x-k8s.io/priority-class":"urgent"}"#)
    }

    @Test(
        "the command is that of the image's generation, or the image's own",
        arguments: [
            (["octue", "question", "ask", "local"], #"["octue","question","ask","local"]"#),
            (
                ["octue", "twined", "question", "ask", "local"],
                #"["octue","twined","question","ask","local"]"#
            ),
            (["octue", "twined", "question", "ask-local"], #"["octue","twined","question","ask-local"]"#),
            ([], "absent"),
        ])
    func command(words: [String], expected: String) throws {
        let job = try Job(
            of: try event(#"{"kind":"question"}"#), settings: try settings { $0.command = words })
        #expect(text(try container(job)["command"]) == expected)
    }

    @Test(
        "a default of the CPUs that is a plain number is a number in the Job, every other quantity a string",
        arguments: [
            ("1", nil, "1"), ("16", nil, "16"), ("0.5", nil, #""0.5""#), ("500m", nil, #""500m""#),
            ("1", "2", #""2""#), ("1", "250m", #""250m""#),
        ] as [(String, String?, String)])
    func cpus(standard: String, attribute: String?, expected: String) throws {
        let question = try event(#"{"kind":"question"}"#, attribute.map { [("cpus", $0)] } ?? [])
        let quantity = try #require(Quantity(standard))
        let job = try Job(of: question, settings: try settings { $0.defaultCPUs = quantity })
        #expect(text(try container(job)["resources"]?["requests"]?["cpu"]) == expected)
    }

    @Test(
        "inputs go to the Job where Python takes them for true",
        arguments: [
            ("null", false), ("false", false), ("0", false), ("-0", false), ("0.0", false), ("-0.0e5", false),
            (#""""#, false), ("[]", false), ("{}", false), ("true", true), ("1", true), ("0.1", true),
            (#""0""#, true), ("[0]", true), (#"{"a":0}"#, true), (#"" ""#, true),
        ])
    func inputs(value: String, isSent: Bool) throws {
        let job = try Job(
            of: try event(#"{"kind":"question","input_values":\#(value),"children":[{"key":"c"}]}"#),
            settings: try settings())
        let names = try arguments(job).filter { $0.hasPrefix("--") }
        #expect(names == (isSent ? ["--attributes", "--input-values"] : ["--attributes"]))
    }

    @Test("what the kubelet would expand is written as an escape, and stays the same JSON")
    func dollars() throws {
        let job = try Job(
            of: try event(#"{"kind":"question","input_values":{"a":"$(HOME) $$ $ $x $"}}"#),
            settings: try settings())
        #expect(try arguments(job)[3] == #"{"a": "\u0024(HOME) \u0024$ $ $x $"}"#)
        let argument = try arguments(job)[3]
        #expect(!argument.contains("$(") && !argument.contains("$$"))
    }

    @Test("an argument may have 131,071 bytes and not one more")
    func argumentCeiling() throws {
        func question(_ count: Int) throws -> Event {
            try event(#"{"kind":"question","input_values":"\#(String(repeating: "a", count: count - 2))"}"#)
        }
        #expect(throws: Never.self) { try Job(of: try question(131_071), settings: try settings()) }
        #expect(throws: Undispatchable.argumentTooLong("--input-values")) {
            try Job(of: try question(131_072), settings: try settings())
        }
    }

    @Test(
        "what a cluster would refuse, or take and never start, is told apart before anything is sent",
        arguments: [
            ("question_uuid", "ABC_1"), ("question_uuid", ""), ("question_uuid", "a/b"),
            ("question_uuid", "-a"),
            ("question_uuid", String(repeating: "a", count: 55)), ("recipient", "octue/x"),
            ("recipient", "x:1"),
            ("recipient", "octue/x:1:2"), ("recipient", "Octue/x:1"), ("recipient", "octue/x y:1"),
            ("recipient", "host:5000/octue/x:1"), ("cpus", ""), ("cpus", "-1"), ("cpus", "two"),
            ("memory", "1 Gi"),
            ("ephemeral_storage", "1GB"),
        ])
    func undispatchable(name: String, value: String) throws {
        // The last of equal names is taken.
        let question = try event(#"{"kind":"question"}"#, [(name, value)])
        #expect(throws: Undispatchable.self) { try Job(of: question, settings: try settings()) }
    }

    @Test("an image's name may have 255 characters behind the registry's host, and not one more")
    func imageName() throws {
        let path = try settings().repositoryURL.text.drop { $0 != "/" }.dropFirst()
        for (isTooLong, count) in [(false, 255), (true, 256)] {
            let name = String(repeating: "a", count: count - path.count - "/octue/".count)
            let question = try event(#"{"kind":"question"}"#, [("recipient", "octue/\(name):1.0.0")])
            let make = { try Job(of: question, settings: try settings()) }
            if isTooLong {
                #expect(throws: Undispatchable.imageNameTooLong) { try make() }
            } else {
                #expect(throws: Never.self) { try make() }
            }
        }
    }

    @Test("the Job's name is the question's, and its event is told by the uuid inside --attributes")
    func identity() throws {
        let job = try Job(
            of: try event(#"{"kind":"question"}"#, [("uuid", "ev\"\\u")]), settings: try settings())
        #expect(job.name == "question-q-1")
        #expect(Kubernetes.eventUUID(inJob: job.body) == Array("ev\"\\u".utf8))
        #expect(Kubernetes.eventUUID(inJob: Array("{}".utf8)) == nil)
        #expect(Kubernetes.eventUUID(inJob: Array("nonsense".utf8)) == nil)
    }

    @Test("whose a Job is that the cluster has is told whether or not its attributes are ours to the byte")
    func owner() throws {
        func job(_ attributes: [(String, String)]) throws -> Job {
            try Job(of: try event(#"{"kind":"question"}"#, attributes), settings: try settings())
        }
        let ours = try job([("uuid", "ev-1"), ("sender", "a/b:1")])
        #expect(Kubernetes.eventUUID(inJob: ours.body, comparing: ours) == Array("ev-1".utf8))
        for other in [
            try job([("uuid", "ev-2"), ("sender", "a/b:1")]),
            try job([("uuid", "ev-22"), ("sender", "a/b:1")]),
        ] {
            #expect(Kubernetes.eventUUID(inJob: other.body, comparing: ours) == other.eventUUID)
        }
        // A dollar sign is an escape in an argument of a container, so that the cluster expands nothing.
        let dollars = try job([("uuid", "ev-$(HOME)")])
        #expect(Kubernetes.eventUUID(inJob: dollars.body, comparing: dollars) == Array("ev-$(HOME)".utf8))
        // The same text with an escape that is not ours, as another writer of JSON has it.
        let escaped = String(decoding: ours.body, as: UTF8.self).replacing("a/b:1", with: "a\\/b:1")
        #expect(Kubernetes.eventUUID(inJob: Array(escaped.utf8), comparing: ours) == Array("ev-1".utf8))
    }
}
