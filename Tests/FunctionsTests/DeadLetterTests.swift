import JSON
import Net
import Testing

@testable import Functions

@Suite("Dead letters")
struct DeadLetterTests {
    private func letter(_ attributes: String, reason: String) throws -> OutgoingMessage {
        let body = Array(
            """
            {"message":{"data":"e30=","messageId":"7","attributes":{\(attributes)}},"subscription":"s"}
            """.utf8)
        var fields = HTTPFields()
        fields.append("Content-Type", "application/json")
        let message = try CloudEvent.message(fields, body: body)
        return try #require(DeadLetter.message(of: message, requestBody: body, reason: reason))
    }

    private func texts(_ letter: OutgoingMessage) -> [String] {
        letter.attributes.map {
            "\(String(decoding: $0.name, as: UTF8.self))=\(String(decoding: $0.value, as: UTF8.self))"
        }
    }

    @Test("the message is unchanged but for three attributes more")
    func unchanged() throws {
        let letter = try letter(#""a":"b""#, reason: "why")
        #expect(letter.data == Array("{}".utf8))
        #expect(
            texts(letter) == [
                "a=b", "twined-dead-letter-reason=why", "twined-dead-letter-subscription=s",
                "twined-dead-letter-message-id=7",
            ])
    }

    @Test("what was a dead letter already becomes one again: no attribute comes twice, and its form stays")
    func again() throws {
        let letter = try letter(
            #""twined-dead-letter-reason":"old","a":"b","twined-dead-letter-form":"request""#, reason: "new")
        #expect(
            texts(letter) == [
                "a=b", "twined-dead-letter-form=request", "twined-dead-letter-reason=new",
                "twined-dead-letter-subscription=s", "twined-dead-letter-message-id=7",
            ])
    }

    @Test("a dead letter with as many attributes as there may be comes again as one")
    func fullAgain() throws {
        let own = (0..<EventLimits.deadLetterAttributesMax).map { "\"a\($0)\":\"b\"" }
        let ours = ["reason", "subscription", "message-id"].map { "\"twined-dead-letter-\($0)\":\"old\"" }
        let letter = try letter((own + ours).joined(separator: ","), reason: "new")
        #expect(letter.attributes.count == EventLimits.deadLetterAttributesMax + 3)
    }
}
