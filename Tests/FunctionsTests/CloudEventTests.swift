import JSON
import Testing

@testable import Functions

private let attributes = """
    "datetime":"2024-04-11T09:26:39.144818+00:00","uuid":"u-1","parent":"p","originator":"o","sender":"s",\
    "sender_type":"PARENT","sender_sdk_version":"0.70.0","recipient":"octue/another-service:1.0.0",\
    "question_uuid":"q-1","originator_question_uuid":"oq"
    """
private let heartbeat = text(Base64.encode(Array(#"{"kind":"heartbeat"}"#.utf8)))
private let pushMessage =
    #"{"attributes":{\#(attributes)},"data":"\#(heartbeat)","messageId":"7","orderingKey":"k"}"#
private let push = #"{"message":\#(pushMessage),"subscription":"projects/p/subscriptions/s"}"#
private let json = [("Content-Type", "application/json")]
private let cloudEvent = [("ce-id", "1"), ("CE-Source", "s"), ("ce-type", "t"), ("ce-specversion", "1.0")]

private func message(_ fields: [(String, String)], _ body: String) throws(NotAnEvent) -> PubSubMessage {
    try CloudEvent.message(Fields(fields), body: Array(body.utf8))
}

private func event(_ body: String) throws -> Event { try Event(message(json, body)) }

/// A push whose message has these members.
private func pushed(_ members: String) -> String {
    #"{"message":{"messageId":"7",\#(members)},"subscription":"s"}"#
}

private func pushed(event: String, attributes: String = attributes) -> String {
    pushed(#""attributes":{\#(attributes)},"data":"\#(text(Base64.encode(Array(event.utf8))))""#)
}

@Test("each of the five ways in gives the same message")
func waysIn() throws {
    let encoded = text(Base64.encode(Array(push.utf8)))
    let structured = #""specversion":"1.0","id":"1","source":"s","type":"t""#
    let forms: [([(String, String)], String, PubSubMessage.Form)] = [
        (cloudEvent + json, push, .binary), (cloudEvent, push, .binary),
        (cloudEvent + [("Content-Type", "text/plain")], push, .binary),
        (
            [("Content-Type", "application/cloudevents+json; charset=UTF-8")],
            #"{\#(structured),"data":\#(push)}"#, .structured
        ),
        (
            [("Content-Type", "Application/CloudEvents+JSON")],
            #"{"data_base64":"\#(encoded)",\#(structured)}"#, .structured
        ),
        (json, push, .push), ([("content-type", "application/vnd.x+json ; a=b")], push, .push),
    ]
    for (fields, body, form) in forms {
        let message = try message(fields, body)
        #expect(message.form == form)
        #expect(text(message.data) == #"{"kind":"heartbeat"}"#)
        #expect(message.messageID.map { text($0) } == "7" && message.orderingKey.map { text($0) } == "k")
        #expect(message.subscription.map { text($0) } == "projects/p/subscriptions/s")
        #expect(message.attributes.count == 10 && message.attributes["uuid"].map { text($0) } == "u-1")
        #expect(message.malformation == nil && message.isPublishable)
        #expect(try Event(message).kind == .other)
    }
}

@Test("which delivery it is says the push, or else the message")
func deliveryAttempt() throws {
    let counted = pushMessage.dropLast() + #","deliveryAttempt":3}"#
    for (body, expected) in [
        (#"{"message":\#(pushMessage),"subscription":"s","deliveryAttempt":5}"#, 5),
        (#"{"deliveryAttempt":5,"message":\#(counted),"subscription":"s"}"#, 5),
        (#"{"message":\#(counted),"subscription":"s"}"#, 3), (push, nil),
    ] as [(String, Int?)] {
        #expect(try message(json, body).deliveryAttempt == expected)
        #expect(try message(cloudEvent, body).deliveryAttempt == expected)
    }
}

@Test("a legacy background event is a message whose id is the event's, unless it has its own")
func legacy() throws {
    let data = #"{"@type":"t","data":"\#(heartbeat)","attributes":{\#(attributes)}}"#
    for type in ["google.pubsub.topic.publish", "providers/cloud.pubsub/eventTypes/topic.publish"] {
        let context =
            #""eventId":"9","timestamp":"2024-04-11T09:26:40.1Z","eventType":"\#(type)","resource":{}"#
        for body in [#"{"context":{\#(context)},"data":\#(data)}"#, #"{\#(context),"data":\#(data)}"#] {
            let message = try message(json, body)
            #expect(message.form == .legacy && message.messageID.map { text($0) } == "9")
            #expect(message.malformation == nil)
        }
    }
    for body in [
        #"{"eventId":"9","eventType":"google.storage.object.finalize","data":{}}"#,
        #"{"eventType":"google.pubsub.topic.publish","data":{}}"#,
        #"{"eventId":"9","eventType":"google.pubsub.topic.publish","data":"x"}"#,
        #"{"context":{},"message":{"messageId":"1"},"subscription":"s"}"#,
    ] {
        #expect(throws: NotAnEvent.noForm) { try message(json, body) }
    }
}

@Test("an unwrapped push has its attributes in field lines, and its data in the body as it is")
func unwrapped() throws {
    let lines = [
        ("X-Goog-Pubsub-Message-Id", "7"), ("x-goog-pubsub-subscription-name", "s"),
        ("x-goog-pubsub-publish-time", "t"),
        ("x-goog-pubsub-ordering-key", "k"), ("Content-Type", "application/x-www-form-urlencoded"),
        ("Question_UUID", "q"), ("UUID", "u"),
        ("datetime", "d"), ("cpus", "2"), ("Accept", "*/*"), ("ce-id", "1"), ("host", "h"), ("x_custom", "1"),
        ("sender", "a"), ("sender", "b"),
    ]
    let message = try message(lines, "not json")
    #expect(message.form == .unwrapped && text(message.data) == "not json" && message.malformation == nil)
    #expect(message.messageID.map { text($0) } == "7" && message.orderingKey.map { text($0) } == "k")
    var names: [String] = []
    for index in 0..<message.attributes.count {
        names.append(text(message.attributes.bytes[message.attributes.nameRange(at: index)]))
    }
    #expect(names == ["question_uuid", "uuid", "datetime", "cpus", "x_custom", "sender"])
    #expect(message.attributes["sender"].map { text($0) } == "b" && message.attributes["host"] == nil)
    let fromEmulator = try emulated()
    #expect(fromEmulator.orderingKey.map { text($0) } == "k" && fromEmulator.messageID == nil)
}

private func emulated() throws -> PubSubMessage {
    try message([("x-goog-pubsub-subscription-name", "s"), ("x-goog-ordering-key", "k")], "")
}

@Test("what is no message in any form is refused, and the text says nothing of what came")
func notAnEvent() {
    let cases: [([(String, String)], String, NotAnEvent)] = [
        (json, "", .bodyNotJSON), (json, "{", .bodyNotJSON), (json, "[1]", .noForm), (json, "null", .noForm),
        (json, #"{"a":1}"#, .noForm),
        (json, #"{"message":{},"subscription":"s"}"#, .noForm),
        (json, #"{"message":{"messageId":1},"subscription":"s"}"#, .noForm),
        (json, #"{"message":{"messageId":"1"}}"#, .noForm),
        (json, #"{"message":[],"subscription":"s"}"#, .noForm),
        ([("Content-Type", "application/cloudevents-batch+json")], "[]", .batch),
        ([("Content-Type", "text/plain")], push, .contentType),
        ([], push, .contentType),
        ([("Content-Type", "application/x-www-form-urlencoded")], "a=1", .bodyNotJSON),
        ([("Content-Type", "text/json")], push, .contentType), (cloudEvent + json, "{}", .noMessage),
        (cloudEvent + json, #"{"message":"x"}"#, .noMessage),
        (Array(cloudEvent.dropFirst()) + json, #"{"message":{"messageId":"1"}}"#, .noForm),
        (cloudEvent + json, "", .bodyNotJSON),
        (
            [("Content-Type", "application/cloudevents+json")],
            #"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#, .noMessage
        ),
        (
            [("Content-Type", "application/cloudevents+json")],
            #"{"specversion":"1.0","id":"1","source":"s","type":"t","data":"{}"}"#, .noMessage
        ),
        (
            [("Content-Type", "application/cloudevents+json")],
            #"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"!"}"#, .noMessage
        ),
        (
            [("Content-Type", "application/cloudevents+json")],
            #"{"specversion":"1.0","id":"1","source":"s","data":{"message":{}}}"#, .noForm
        ),
    ]
    for (fields, body, expected) in cases {
        #expect(throws: expected, "\(fields) \(body)") { try message(fields, body) }
    }
}

@Test("a CloudEvent that lacks something is still taken for a push where it is one")
func incompleteCloudEvents() throws {
    for fields in [
        Array(cloudEvent.dropFirst()), Array(cloudEvent.dropLast()),
        Array(cloudEvent.dropLast()) + [("ce-specversion", "2.0")],
    ] {
        #expect(try message(fields, push).form == .push)
        #expect(throws: NotAnEvent.noForm) { try message(fields, #"{"message":\#(pushMessage)}"#) }
    }
    #expect(try message([("Content-Type", "application/cloudevents+json")], push).form == .push)
}

@Test("a message that can be no event says why, and whether it can be published as it is")
func malformed() throws {
    let data = #""data":"\#(heartbeat)""#
    let object = #""attributes":{\#(attributes)}"#
    let cases: [(String, MalformedEvent, Bool)] = [
        (object, .dataMissing, true), (object + #","data":null"#, .dataMissing, true),
        (object + #","data":5"#, .dataNotString, false),
        (object + #","data":{}"#, .dataNotString, false), (data, .attributesMissing, true),
        (data + #","attributes":null"#, .attributesMissing, true),
        (data + #","attributes":[]"#, .attributesNotObject, false),
        (data + #","attributes":{"a":1}"#, .attributeNotString, false),
        (data + #","attributes":{"a":null}"#, .attributeNotString, false),
        (data + #","attributes":{}"#, .attributeMissing("datetime"), true),
    ]
    for (members, expected, isPublishable) in cases {
        let message = try message(json, pushed(members))
        #expect(message.isPublishable == isPublishable, "\(members)")
        #expect(throws: expected, "\(members)") { try Event(message) }
        #expect(!expected.description.isEmpty)
    }
    let both = try message(json, pushed(#""data":"!","attributes":{"a":1}"#))
    #expect(!both.isPublishable && both.data.isEmpty && both.attributes.count == 0)
}

@Test("an event is a JSON object with a kind, and has every required attribute")
func events() throws {
    let cases: [(String, MalformedEvent)] = [
        ("", .eventNotJSON(JSONError(.emptyDocument, at: 0))),
        ("x", .eventNotJSON(JSONError(.unexpectedByte, at: 0))), ("[]", .eventNotObject),
        (#""question""#, .eventNotObject), ("1", .eventNotObject), ("{}", .kindMissing),
        (#"{"kind":null}"#, .kindNotString),
        (#"{"kind":["question"]}"#, .kindNotString),
        (#"{"kind":"a"} x"#, .eventNotJSON(JSONError(.trailingBytes, at: 13))),
        (#"{"kind":"a","x":NaN}"#, .eventNotJSON(JSONError(.unexpectedByte, at: 16))),
        (#"{"kind":"a","x":1e400}"#, .eventNotJSON(JSONError(.numberOutOfRange, at: 16))),
    ]
    for (body, expected) in cases { #expect(throws: expected, "\(body)") { try event(pushed(event: body)) } }
    for name in AttributeName.required.map(\.description) {
        let without = attributes.split(separator: ",").filter { !$0.hasPrefix("\"\(name)\":") }.joined(
            separator: ",")
        #expect(throws: MalformedEvent.attributeMissing(name)) {
            try event(pushed(event: #"{"kind":"a"}"#, attributes: without))
        }
    }
    let kinds: [(String, Event.Kind)] = [
        ("question", .question), ("cancellation", .cancellation), ("exception", .exception),
        ("QUESTION", .other), ("", .other), ("result", .other),
        ("questi\\u006fn", .question),
    ]
    for (kind, expected) in kinds {
        #expect(try event(pushed(event: #"{"kind":"\#(kind)"}"#)).kind == expected, "\(kind)")
    }
    #expect(try event(pushed(event: "\u{feff}{\"kind\":\"a\"}")).kindValue.string == "a")
}

@Test("attributes keep their order, fold equal names, and are read through their escapes")
func attributesInOrder() throws {
    let plain = try event(pushed(event: #"{"kind":"a"}"#, attributes: attributes + #","z":"1","a":"2""#))
    #expect(plain.message.attributes.count == 12)
    let escaped = try event(
        pushed(
            event: #"{"kind":"a"}"#,
            attributes: #"\#(attributes),"n\u006fte":"Z\u00fcrich \ud83d\ude00\n","uuid":"u-2""#))
    #expect(
        escaped.message.attributes["note"].map { text($0) } == "Zürich 😀\n" && text(escaped.uuid) == "u-2")
    #expect(escaped.message.attributes.isNamed("uuid", at: 1), "at the first one's place")
    var output: [UInt8] = []
    escaped.message.attributes.appendPythonText(to: &output, omittingColumns: true)
    #expect(text(output) == #"{"note": "Z\u00fcrich \ud83d\ude00\n"}"#)
}

@Test("attributes without a column are told from the others, wherever they stand and whatever they hold")
func attributesWithoutColumn() throws {
    for value in ["1", "$(A)", "ü"] {
        let others = (0..<80).map { #""x\#($0)":"\#(value)""# }.joined(separator: ",")
        let event = try event(pushed(event: #"{"kind":"a"}"#, attributes: "\(others),\(attributes)"))
        #expect(event.message.attributes.count == 90)
        var output: [UInt8] = []
        let form = JSONPythonForm(escapesNonASCII: false, escapesDollars: true)
        event.message.attributes.appendPythonText(to: &output, form: form, omittingColumns: true)
        let written = try JSONDocument(parsing: output).root
        #expect(written.members.map { $0.key.string } == (0..<80).map { "x\($0)" })
        #expect(written.members.allSatisfy { $0.value.string == value })
        #expect(!text(output).contains("$(") && text(output).hasPrefix(#"{"x0": ""#))
    }
}

@Test("a question's Job is made of proven names only")
func questions() throws {
    func question(_ more: String) throws -> Question {
        try Question(event(pushed(event: #"{"kind":"question"}"#, attributes: attributes + more)))
    }
    let plain = try question("")
    #expect(plain.uuid.jobName == "question-q-1" && plain.recipient.tag.text == "1.0.0" && plain.cpus == nil)
    let sized = try question(#","cpus":"500m","memory":"2Gi ","ephemeral_storage":"20Gi""#)
    #expect(
        sized.cpus?.text == "500m" && sized.memory?.text == "2Gi" && sized.ephemeralStorage?.text == "20Gi")
    #expect(throws: Undispatchable.quantity("cpus")) { try question(#","cpus":"""#) }
    #expect(throws: Undispatchable.quantity("memory")) { try question(#","memory":"-1""#) }
    #expect(throws: Undispatchable.quantity("ephemeral_storage")) {
        try question(#","ephemeral_storage":"1GB""#)
    }
    for uuid in ["", "ABC_1", "a/b c?d#e"] {
        #expect(throws: Undispatchable.questionUUID) { try question(#","question_uuid":"\#(uuid)""#) }
    }
    for recipient in ["octue/svc", "octue/svc:1.0:2", "host:5000/svc", ""] {
        #expect(throws: Undispatchable.recipient) { try question(#","recipient":"\#(recipient)""#) }
    }
}

@Test("inputs that are empty in Python's sense do not reach the Job")
func inputs() throws {
    for (value, isThere) in [
        ("0", false), ("{}", false), ("null", false), ("\"x\"", true), ("[0]", true), ("true", true),
        ("-0.0", false),
    ] {
        let event = try event(pushed(event: #"{"kind":"question","input_values":\#(value)}"#))
        #expect((event.input("input_values") != nil) == isThere, "\(value)")
        #expect(event.input("input_manifest") == nil)
    }
}
