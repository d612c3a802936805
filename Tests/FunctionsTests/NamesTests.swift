import TestSupport
import Testing

@testable import Functions

/// What each grammar takes and refuses, as text.
private func check<Name: ProvenText>(_ type: Name.Type, takes: [String], refuses: [String]) {
    for text in takes { #expect(Name(text)?.text == text, "\(type) should take \(text)") }
    for text in refuses { #expect(Name(text) == nil, "\(type) should refuse \(text)") }
}

private let hostile = [
    "", " ", ".", "..", "../x", "a/../b", "a b", "a\n", "\na", "a\r\nb", "a\0", "a?b", "a#b", "a%2fb", "a\\b",
    "é", "a\u{2028}", "a\u{301}",
    "Ａ", "a\"", "a'", "<a>", "a;b", "a@b", "a,b", String(repeating: "a", count: 65_536),
]

@Test("a question's id names a Job, or nothing is sent")
func questionUUID() {
    let longest = String(repeating: "a", count: 54)
    check(
        QuestionUUID.self, takes: ["ca534cdd-24cb-4ed2-af57-e36757192acb", "a", "0", "a--b", longest],
        refuses: hostile + ["-", "-a", "a-", "A", "ABC_1", "a.b", "a/b", longest + "a", "a:b"])
    #expect(QuestionUUID("a1")?.jobName == "question-a1")
}

@Test("a service revision is namespace/name:tag")
func serviceRevision() {
    check(
        ServiceRevision.self,
        takes: [
            "octue/another-service:1.0.0", "a/b:c", "0/1:2", "a-b-c/d-e:_x.Y-z",
            "a/b:" + String(repeating: "t", count: 128), "a/" + String(repeating: "n", count: 253) + ":1",
        ],
        refuses: hostile + [
            "octue/svc", "octue/svc:", "octue/svc:1.0:2", "host:5000/svc", "a/b/c:1", "/b:1", "a/:1", "A/b:1",
            "a_b/c:1", "a--b/c:1", "-a/b:1",
            "a-/b:1", "a/b:.1", "a/b:-1", "a/b: 1", "a/b:1 ", "a.b/c:1", "a/b:1/2", "a/b:é",
            "a/b:" + String(repeating: "t", count: 129), "a/b@sha256:1",
            "a/" + String(repeating: "n", count: 254) + ":1",
        ])
    #expect(ServiceRevision("octue/svc:1.0.0")?.tag.text == "1.0.0")
}

@Test("a service's name has any number of segments of the OCI grammar")
func serviceName() {
    check(
        ServiceName.self, takes: ["solo", "my-org/my-service", "a/b/c", "a.b/c_d/e__f/g---h", "0"],
        refuses: hostile + [
            "/a", "a/", "a//b", "MY-ORG/x", "a..b", "a___b", "a._b", "a-_b", "_a", "a_", ".a", "a.", "a-",
            "-a", "a:b", "a._.b", "a-.b",
            "my-org/./my-service", "my-org/../x",
        ])
}

@Test("an image tag is what the distribution specification says")
func imageTag() {
    check(
        ImageTag.self, takes: ["latest", "0.1.0", "0.1.0-rc_1", "_", "A"],
        refuses: hostile + ["-a", ".a", "a+b", "a:b", "a/b"])
}

@Test("resource names are whole paths of safe segments")
func resourceNames() {
    check(
        ClusterID.self,
        takes: [
            "projects/demo-project/locations/europe-west1/clusters/main-octue-twined-cluster",
            "projects/example.com:p/locations/l/clusters/c",
        ],
        refuses: hostile + [
            "projects/p/locations/l/clusters/", "projects//locations/l/clusters/c",
            "/projects/p/locations/l/clusters/c",
            "projects/p/locations/l/clusters/c/", "projects/p/locations/l/repositories/c",
            "projects/p/locations/../clusters/c",
            "projects/p/locations/l/clusters/c?x", "projects/p/locations/l/clusters/c d",
            "projects/p/locations/%2e/clusters/c",
        ])
    #expect(
        RepositoryID("//projects/p/locations/l/repositories/r/")?.text
            == "projects/p/locations/l/repositories/r")
    #expect(RepositoryID("projects/p/locations/l/repositories/r")?.project.text == "p")
    check(RepositoryID.self, takes: [], refuses: hostile + ["projects/p/locations/l/repositories", "/"])
    check(
        RepositoryURL.self,
        takes: ["europe-west1-docker.example/demo-project/octue-twined-services", "host:5000/p/r"],
        refuses: hostile + ["https://host/p/r", "host//r", "host/p/", "/p/r"])
    check(ProjectID.self, takes: ["demo-project", "example.com:p", "123"], refuses: hostile + ["-p", "p/q"])
    check(
        KubernetesName.self, takes: ["default", "main.octue-sa", "0"],
        refuses: hostile + ["A", "a_b", "-a", "a-", "a..b", ".a", String(repeating: "a", count: 254)])
    check(
        KubernetesLabel.self, takes: ["default", "local-queue"],
        refuses: hostile + ["a.b", String(repeating: "a", count: 64)])
}

@Test("a table is dataset.table, with a project before it or without")
func tableID() {
    check(
        TableID.self, takes: ["octue_twined.service-events", "demo-project.d.t", "example.com:p.d.t"],
        refuses: hostile + ["a", "a.", ".a", "a-b.c", ".d.t", "p..t", "a.b/c", "p.d.t.", "-p.d.t"])
    #expect(TableID("d.t")?.project == nil)
    let old = TableID("example.com:p.d.t")
    #expect(old?.project?.text == "example.com:p" && old?.dataset == "d" && old?.table == "t")
}

@Test("a topic is its id or its whole name")
func topicName() {
    check(
        TopicName.self, takes: ["main.octue.twined.services", "abc", "projects/p/topics/a.b", "a~b+c%d"],
        refuses: hostile.filter { !$0.contains("%") } + [
            "ab", "1abc", "google-topic", "-abc", "projects/p/topics/ab", "projects/p/subscriptions/abc",
            "projects//topics/abc", "a/b",
        ])
    #expect(TopicName("projects/p/topics/abc")?.project?.text == "p")
    #expect(TopicName("projects/p/topics/abc")?.id == "abc" && TopicName("abc")?.project == nil)
}

@Test("a quantity is what an API server takes, but for negative ones")
func quantity() {
    let taken = [
        "1", "2", "0", "0.5", "500m", "1500m", "256Mi", "1Gi", "1e3", "1E3", "1e-1", "1e+3", "+1", ".5", "1.",
        "2e0", "1E", "1Ki", "256M", "256k", "1.5Gi", "100m",
        "9E", "99999999999999999999", "1n", "1u", "1T", "1P", "1Ei", "-0", "0e999", "1e0003", "0.0001",
    ]
    check(
        Quantity.self, takes: taken,
        refuses: [
            "", " ", "-1", "-0.1", "-1e3", "256mi", "256MB", "256MiB", "256 MB", "256K", "abc", "1 Gi",
            "1.5.5", "..", ".", "m", "Ki", "1e", "1e+", "1eM",
            "1ee3", "1e3Ki", "1mm", "++1", "+-1", "1+", "1e1.5", "0x10", "1_000", "NaN", "Infinity", "١",
            "1é", "1\u{0}", "true", "1,5", "1e1000",
            String(repeating: "9", count: 257),
        ])
    for padded in ["1 ", " 1", "\t1\n"] { #expect(Quantity(padded)?.text == "1") }
    #expect(Quantity("4")?.integer == 4 && Quantity("+4")?.integer == nil && Quantity("500m")?.integer == nil)
    #expect(Quantity("0.5")?.integer == nil && Quantity("99999999999999999999")?.integer == nil)
}

@Test("whatever bytes come, proven text is made of the safe ones only", arguments: 0..<4 as Range<UInt64>)
func anything(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array("abz09AZ-_./:%~+ \u{0}\n\r?#é".utf8) + [0xFF, 0x80]
    var proven = 0
    for _ in 0..<20_000 {
        let bytes = (0..<Int.random(in: 0...8, using: &generator)).compactMap { _ in
            alphabet.randomElement(using: &generator)
        }
        var texts = [
            QuestionUUID(bytes)?.text, ServiceRevision(bytes)?.text, ServiceName(bytes)?.text,
            ImageTag(bytes)?.text,
        ]
        texts += [
            ProjectID(bytes)?.text, RepositoryURL(bytes)?.text, TableID(bytes)?.text,
            KubernetesName(bytes)?.text,
        ]
        for text in texts.compactMap({ $0 }) {
            proven += 1
            #expect(Array(text.utf8) == bytes)
            #expect(
                text.utf8.allSatisfy {
                    $0 > 0x20 && $0 < 0x7F && $0 != 0x3F && $0 != 0x23 && $0 != 0x25 && $0 != 0x5C
                })
            #expect(!text.split(separator: "/").contains { $0 == "." || $0 == ".." })
        }
    }
    #expect(proven > 1_000)
}
