import Foundation
import LoadGenerator
import Testing

@testable import Bench

@Suite("Events as they are pushed")
struct EventRequestsTests {
    private func requests(_ kind: EventRequests.Kind, bytes: Int = 64, _ count: Int) throws -> [String] {
        let source = try EventRequests.make(kind, payloadBytes: bytes, numbering: .fresh(from: 1))
        var buffer: [UInt8] = []
        return (0..<count).map { _ in
            _ = source.write(into: &buffer)
            return String(decoding: buffer, as: UTF8.self)
        }
    }

    private func message(_ request: String) throws -> [String: Any] {
        let body = try #require(request.range(of: "\r\n\r\n")).upperBound
        let push = try JSONSerialization.jsonObject(with: Data(request[body...].utf8)) as? [String: Any]
        return try #require(push?["message"] as? [String: Any])
    }

    @Test(
        "each event has a uuid and a question of its own",
        arguments: [EventRequests.Kind.heartbeat, .question])
    func uuids(kind: EventRequests.Kind) throws {
        let attributes = try requests(kind, 50).map {
            try #require(message($0)["attributes"] as? [String: String])
        }
        #expect(Set(attributes.compactMap { $0["uuid"] }).count == 50)
        #expect(Set(attributes.compactMap { $0["question_uuid"] }).count == 50)
        #expect(attributes[0]["uuid"]?.count == 36)
    }

    @Test("the length that is announced is the body's")
    func length() throws {
        for request in try requests(.result, bytes: 1_000, 2) {
            let body = try #require(request.range(of: "\r\n\r\n")).upperBound
            #expect(request.contains("Content-Length: \(request[body...].utf8.count)\r\n"))
            #expect(
                try EventRequests.bodyLength(.result, payloadBytes: 1_000) == request[body...].utf8.count)
        }
    }

    @Test("the data is JSON of its kind, and as long as was asked", arguments: [0, 47, 1_000, 65_536])
    func data(bytes: Int) throws {
        let text = try #require(message(requests(.result, bytes: bytes, 1)[0])["data"] as? String)
        let data = try #require(Data(base64Encoded: text))
        let event = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        #expect(event?["kind"] as? String == "result")
        #expect((bytes..<bytes + 120).contains(data.count))
    }
}

@Suite("Targets")
struct ProgramTests {
    @Test("a target is a name and a command, or a command alone")
    func parse() throws {
        #expect(
            try Program.parse("go=build/peers/go -v")
                == Program(name: "go", command: ["build/peers/go", "-v"]))
        #expect(
            try Program.parse("python3 main.py") == Program(name: "other", command: ["python3", "main.py"]))
        #expect(try Program.parse("env A=b c") == Program(name: "other", command: ["env", "A=b", "c"]))
    }

    @Test("nothing is no target", arguments: ["", "  ", "go=", "=a"])
    func refused(text: String) { #expect(throws: BenchError.self) { try Program.parse(text) } }
}
