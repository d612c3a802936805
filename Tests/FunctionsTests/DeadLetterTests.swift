import JSON
import Net
import Testing

@testable import Functions

@Suite("Dead letters")
struct DeadLetterTests {
    private func body(_ attributes: String, data: String = "e30=") -> [UInt8] {
        Array(
            """
            {"message":{"data":"\(data)","messageId":"7","attributes":{\(attributes)}},"subscription":"s"}
            """.utf8)
    }

    private func letter(of body: [UInt8], reason: String) throws -> OutgoingMessage? {
        var fields = HTTPFields()
        fields.append("Content-Type", "application/json")
        let message = try CloudEvent.message(fields, body: body)
        return DeadLetter.message(of: message, requestBody: body, reason: reason)
    }

    private func letter(_ attributes: String, reason: String) throws -> OutgoingMessage {
        try #require(try letter(of: body(attributes), reason: reason))
    }

    private func attributes(_ count: Int) -> [String] { (0..<count).map { "\"a\($0)\":\"b\"" } }

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
        let own = attributes(EventLimits.deadLetterAttributesMax)
        let ours = ["reason", "subscription", "message-id"].map { "\"twined-dead-letter-\($0)\":\"old\"" }
        let letter = try letter((own + ours).joined(separator: ","), reason: "new")
        #expect(letter.attributes.count == EventLimits.deadLetterAttributesMax + 3)
    }

    @Test("one attribute more than Pub/Sub takes beside ours, or one of its own names, and there is none")
    func tooMany() throws {
        let most = attributes(97)
        #expect(try letter(of: body(most.joined(separator: ",")), reason: "r") != nil)
        for one in [#""b":"c""#, #""googclient":"x""#] {
            let kept = one.contains("goog") ? Array(most.dropLast()) : most
            #expect(try letter(of: body((kept + [one]).joined(separator: ",")), reason: "r") == nil, "\(one)")
        }
    }

    @Test("what is said of it is cut where an attribute is full, and between characters")
    func longValues() throws {
        let letter = try letter("", reason: String(repeating: "a", count: 1_023) + "é!")
        #expect(texts(letter).first == "twined-dead-letter-reason=" + String(repeating: "a", count: 1_023))
    }

    @Test("data that is no base64 travels in the whole request, however many attributes stand in that")
    func request() throws {
        let body = body(attributes(98).joined(separator: ","), data: "!")
        let letter = try #require(try letter(of: body, reason: "why"))
        #expect(letter.data == body)
        #expect(
            texts(letter) == [
                "twined-dead-letter-form=request", "twined-dead-letter-reason=why",
                "twined-dead-letter-subscription=s", "twined-dead-letter-message-id=7",
            ])
    }
}
