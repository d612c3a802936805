import JSON
import Testing

@testable import Functions

// Each test here is a line of docs/DIFFERENCES.md.

private let attributes = AttributeName.required.map(\.description).map { "\"\($0)\":\"octue/x:1\"" }.joined(
    separator: ",")

/// A wrapped push of this event.
private func push(data: String, attributes: String = attributes, ids: String = #""messageId":"1""#) -> String
{
    #"{"message":{"data":"\#(data)","attributes":{\#(attributes)},\#(ids)},"subscription":"s"}"#
}

private func encoded(_ event: String) -> String { text(Base64.encode(Array(event.utf8))) }

private func message(_ body: String, type: String = "application/json") throws(NotAnEvent) -> PubSubMessage {
    try CloudEvent.message(Fields([("content-type", type)]), body: Array(body.utf8))
}

private let heartbeat = encoded(#"{"kind":"heartbeat"}"#)

@Test("a malformed event is answered 400, not 500")
func malformedIs400() async throws {
    let malformed = ["", "!", encoded("x"), encoded("[]"), encoded("{}")].map { push(data: $0) }
    let bodies = malformed + [push(data: heartbeat, attributes: ""), "{}", ""]
    let (statuses, calls) = try await HandlerBench.handle(bodies.map { HandlerBench.post($0) })
    #expect(statuses == bodies.map { _ in 400 } && calls.isEmpty)
}

@Test("a push with message_id alone is taken")
func messageIDAlone() throws {
    let message = try message(push(data: heartbeat, ids: #""message_id":"5""#))
    #expect(message.messageID.map { text($0) } == "5")
}

@Test("a wrapped push keeps its ordering key")
func orderingKey() throws {
    let message = try message(push(data: heartbeat, ids: #""messageId":"1","orderingKey":"k""#))
    #expect(message.orderingKey.map { text($0) } == "k")
}

@Test("unwrapped pushes are taken")
func unwrappedPush() throws {
    var fields = Fields([("x-goog-pubsub-message-id", "1")])
    fields.lines += AttributeName.required.map(\.description).map { ($0, Array("octue/x:1".utf8)) }
    let message = try CloudEvent.message(fields, body: Array(#"{"kind":"heartbeat"}"#.utf8))
    #expect(try Event(message).kind == .other)
}

@Test("a body that is no JSON is 400 under any Content-Type, not 415")
func notJSONIs400() {
    for type in ["application/json", "text/plain", "application/x-www-form-urlencoded", ""] {
        #expect(throws: NotAnEvent.bodyNotJSON) { try message("a=1", type: type) }
    }
}

@Test("base64 without its padding is taken")
func unpaddedBase64() throws {
    let bare = heartbeat.filter { $0 != "=" }
    #expect(bare != heartbeat)
    #expect(try Event(message(push(data: bare))).kind == .other)
}

@Test("base64 with spaces is refused")
func spacedBase64() throws {
    let message = try message(push(data: heartbeat.replacing("k", with: " k")))
    #expect(throws: MalformedEvent.self) { try Event(message) }
}

@Test("an event may begin with a byte order mark")
func byteOrderMark() throws {
    let message = try message(push(data: encoded("\u{feff}{\"kind\":\"heartbeat\"}")))
    #expect(try Event(message).kind == .other)
}

@Test("NaN and Infinity are refused", arguments: ["NaN", "Infinity", "-Infinity"])
func notNumbers(value: String) throws {
    let message = try message(push(data: encoded(#"{"kind":"result","x":\#(value)}"#)))
    #expect(throws: MalformedEvent.self) { try Event(message) }
}

@Test("a number beyond a double's range is refused")
func outOfRange() throws {
    let message = try message(push(data: encoded(#"{"kind":"result","x":1e400}"#)))
    #expect(throws: MalformedEvent.eventNotJSON(JSONError(.numberOutOfRange, at: 21))) { try Event(message) }
}

@Test("an event's kind must be a string", arguments: ["null", "1", "[\"question\"]", "{}"])
func kindIsString(kind: String) throws {
    let message = try message(push(data: encoded(#"{"kind":\#(kind)}"#)))
    #expect(throws: MalformedEvent.kindNotString) { try Event(message) }
}

@Test("attribute values must be strings", arguments: ["null", "1", "true", "[]", "{}"])
func attributesAreStrings(value: String) throws {
    let message = try message(push(data: heartbeat, attributes: attributes + #","retry_count":\#(value)"#))
    #expect(throws: MalformedEvent.attributeNotString) { try Event(message) }
}

@Test("a dollar that the kubelet would expand is written as an escape")
func dollars() throws {
    let document = try JSONDocument(parsing: Array(#"{"a":"$(HOME) $$ $x"}"#.utf8))
    var output: [UInt8] = []
    #expect(document.root.appendPythonText(to: &output, form: JSONPythonForm(escapesDollars: true)))
    #expect(text(output) == #"{"a": "\u0024(HOME) \u0024$ $x"}"#)
    #expect(try JSONDocument(parsing: output).root["a"]?.string == "$(HOME) $$ $x")
}

@Test("what the cluster would refuse or never start is not sent")
func undispatchable() throws {
    for (name, value) in [
        ("recipient", "octue/svc"), ("question_uuid", "ABC_1"), ("cpus", ""), ("memory", "256MB"),
    ] {
        let more = attributes + #","\#(name)":"\#(value)""#
        let event = try Event(message(push(data: encoded(#"{"kind":"question"}"#), attributes: more)))
        #expect(throws: Undispatchable.self) { try Question(event) }
    }
}

@Test("a default of the CPUs may be any quantity")
func defaultQuantity() {
    #expect(Quantity("1")?.integer == 1)
    #expect(Quantity("500m")?.text == "500m" && Quantity("500m")?.integer == nil)
}
