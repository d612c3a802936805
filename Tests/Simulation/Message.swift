import JSON
import Net
import TestSupport

/// A published message, and what must become of it.
@EventLoopActor
final class Message {
    /// What the promises say of it.
    enum Fate: Equatable {
        /// Stored, nothing else.
        case stored
        /// Stored, and a Job.
        case dispatched
        /// Stored, and the question's Job is gone; nil where the name can be none.
        case cancelled(question: String?)
        /// Stored, no Job, and the asker is told.
        case undispatchable
        /// Never stored: a dead letter, or refused with 400.
        case unstorable(isPublishable: Bool)
        /// Never stored, and Pub/Sub would not take it as a dead letter either: 400.
        case unpublishable
        /// No Pub/Sub message: 400 or 415.
        case noEvent
    }

    let index: Int
    let id: String
    let fate: Fate
    /// The event's id; events that were published twice share it.
    let uuid: String
    let kind: String
    let questionUUID: String
    let attributes: [(name: String, value: String)]
    let data: [UInt8]
    let body: [UInt8]
    let contentType: String
    /// When it is published, in milliseconds of the run.
    let atMilliseconds: Int
    /// Published once this one is acknowledged.
    let after: Message?

    /// Whether a delivery of it was answered 200 and Pub/Sub has heard so.
    var isAcknowledged = false
    /// Whether the subscription's own policy has taken it, after refusals.
    var isLeftToPolicy = false
    /// When the handler first answered 200, in nanoseconds of the loop.
    var answeredNanoseconds: UInt64?

    var isSettled: Bool { isAcknowledged || isLeftToPolicy }

    init(
        index: Int, id: String, fate: Fate, uuid: String, kind: String, questionUUID: String,
        attributes: [(name: String, value: String)], data: [UInt8], body: [UInt8],
        contentType: String, atMilliseconds: Int, after: Message?
    ) {
        self.index = index
        self.id = id
        self.fate = fate
        self.uuid = uuid
        self.kind = kind
        self.questionUUID = questionUUID
        self.attributes = attributes
        self.data = data
        self.body = body
        self.contentType = contentType
        self.atMilliseconds = atMilliseconds
        self.after = after
    }

    func attribute(_ name: String) -> String? { attributes.first { $0.name == name }?.value }

    /// Whether its row is to be stored.
    var isStorable: Bool {
        switch fate {
        case .stored, .dispatched, .cancelled, .undispatchable: true
        case .unstorable, .unpublishable, .noEvent: false
        }
    }
}

/// Why BigQuery will never take a row.
enum RowRefusal { case invalid, payloadTooLarge, contentTooLarge }

/// How the subscription hands its messages over.
enum PushForm: Int { case push, binary, structured }

/// The messages of one run, from its seed.
@EventLoopActor
struct Traffic {
    private(set) var messages: [Message] = []
    /// Events that BigQuery refuses for ever, by uuid.
    private(set) var rowRefusals: [String: RowRefusal] = [:]
    /// Questions whose Job the cluster refuses for ever, and with which status.
    private(set) var jobRefusals: [String: Int] = [:]
    private let form: PushForm
    private let spanMilliseconds: Int

    init(events: Int, spanMilliseconds: Int, form: PushForm, random: inout SeededGenerator) {
        self.form = form
        self.spanMilliseconds = spanMilliseconds
        while messages.count < events { addGroup(&random) }
    }

    /// What a scenario asks for.
    enum Part { case question, copy, second, cancellation, result, undispatchable, malformed }

    /// These messages, one every `intervalMilliseconds`.
    init(_ parts: [Part], intervalMilliseconds: Int, form: PushForm, random: inout SeededGenerator) {
        self.form = form
        spanMilliseconds = 1
        var question = Draft(kind: "question", &random)
        var asked: Message?
        for part in parts {
            var draft = Draft(kind: part == .cancellation ? "cancellation" : "question", &random)
            switch part {
            case .question:
                question = draft
                asked = add(draft, .dispatched, &random, at: messages.count * intervalMilliseconds)
            case .copy: add(question, .dispatched, &random, at: messages.count * intervalMilliseconds)
            case .second:
                draft.set("question_uuid", question.questionUUID)
                add(draft, .dispatched, &random, at: messages.count * intervalMilliseconds)
            case .cancellation:
                draft.set("question_uuid", question.questionUUID)
                let fate = Message.Fate.cancelled(question: question.questionUUID)
                add(draft, fate, &random, after: asked, at: messages.count * intervalMilliseconds)
            case .result:
                draft = Draft(kind: "result", &random)
                add(draft, .stored, &random, at: messages.count * intervalMilliseconds)
            case .undispatchable:
                draft.set("cpus", "-1")
                add(draft, .undispatchable, &random, at: messages.count * intervalMilliseconds)
            case .malformed:
                draft.data = Array("not JSON".utf8)
                let fate = Message.Fate.unstorable(isPublishable: true)
                add(draft, fate, &random, at: messages.count * intervalMilliseconds)
            }
        }
    }

    private static let otherKinds = [
        "delivery_acknowledgement", "heartbeat", "log_record", "monitor_message", "exception", "result",
        "a_kind_to_come",
    ]

    private mutating func addGroup(_ random: inout SeededGenerator) {
        switch random.below(100) {
        case 0..<38: addQuestion(&random)
        case 38..<50: addUndispatchable(&random)
        case 50..<76: add(Draft(kind: random.pick(Self.otherKinds), &random), .stored, &random)
        case 76..<80: addLoneCancellation(&random)
        case 80..<92: addMalformed(&random)
        case 92..<97: addRefusedRow(&random)
        default: addNoEvent(&random)
        }
    }

    // MARK: Questions

    private mutating func addQuestion(_ random: inout SeededGenerator) {
        let draft = Draft(kind: "question", &random)
        let question = add(draft, .dispatched, &random)
        if random.happens(permille: 150) {
            // The asker's SDK published it twice: one event, two messages.
            add(draft, .dispatched, &random, near: question)
        }
        if random.happens(permille: 200) {
            var second = Draft(kind: "question", &random)
            second.set("question_uuid", draft.questionUUID)
            add(second, .dispatched, &random, near: question)
        }
        if random.happens(permille: 300) {
            var cancellation = Draft(kind: "cancellation", &random)
            cancellation.set("question_uuid", draft.questionUUID)
            let waits = random.happens(permille: 600)
            add(
                cancellation, .cancelled(question: draft.questionUUID), &random, near: question,
                after: waits ? question : nil)
        }
    }

    private mutating func addUndispatchable(_ random: inout SeededGenerator) {
        var draft = Draft(kind: "question", &random)
        switch random.below(9) {
        case 0: draft.set("question_uuid", "Not_A_Label_" + draft.questionUUID)
        case 1: draft.set("question_uuid", draft.questionUUID + "-" + draft.questionUUID)
        case 2: draft.set("recipient", "no revision of a service")
        case 3: draft.set("recipient", "octue/service:../../x")
        case 4: draft.set("cpus", "-1")
        case 5: draft.set("memory", "256 MB")
        case 6: jobRefusals[draft.questionUUID] = 400
        case 7: jobRefusals[draft.questionUUID] = 413
        default: jobRefusals[draft.questionUUID] = 422
        }
        if random.happens(permille: 20) { draft.input = "\"" + String(repeating: "x", count: 131_072) + "\"" }
        add(draft, .undispatchable, &random)
    }

    private mutating func addLoneCancellation(_ random: inout SeededGenerator) {
        var draft = Draft(kind: "cancellation", &random)
        switch random.below(4) {
        case 0: draft.set("question_uuid", "")
        case 1: draft.set("question_uuid", "../jobs")
        case 2: draft.set("question_uuid", "?x=1")
        default:
            add(draft, .cancelled(question: draft.questionUUID), &random)
            return
        }
        add(draft, .cancelled(question: nil), &random)
    }

    // MARK: What cannot be stored

    private mutating func addRefusedRow(_ random: inout SeededGenerator) {
        let draft = Draft(kind: random.happens(permille: 500) ? "question" : "result", &random)
        rowRefusals[draft.uuid] = random.pick([.invalid, .payloadTooLarge, .contentTooLarge])
        add(draft, .unstorable(isPublishable: true), &random)
    }

    private mutating func addMalformed(_ random: inout SeededGenerator) {
        var draft = Draft(kind: "result", &random)
        var isPublishable = true
        switch random.below(10) {
        case 0: draft.data = Array("not JSON".utf8)
        case 1: draft.data = Array("[1,2]".utf8)
        case 2: draft.data = Array(#"{"no":"kind"}"#.utf8)
        case 3: draft.data = Array(#"{"kind":7}"#.utf8)
        case 4: draft.data = Array(#"{"kind":"result","x":NaN}"#.utf8)
        case 5: draft.attributes.removeAll { $0.name == "recipient" }
        case 6: draft.attributes.removeAll()
        case 7:
            draft.dataText = #""not*base64""#
            isPublishable = false
        case 8:
            draft.attributesText = #"{"uuid":1}"#
            isPublishable = false
        default:
            draft.attributes.removeAll { $0.name == "sender" }
            draft.attributes.append(("googleclient", "x"))
            add(draft, .unpublishable, &random)
            return
        }
        add(draft, .unstorable(isPublishable: isPublishable), &random)
    }

    private mutating func addNoEvent(_ random: inout SeededGenerator) {
        var draft = Draft(kind: "result", &random)
        switch random.below(3) {
        case 0: draft.wholeBody = "nothing at all"
        case 1: draft.wholeBody = "{}"
        default: draft.contentType = form == .push ? "text/plain" : nil
        }
        if draft.wholeBody == nil, draft.contentType == nil { draft.wholeBody = "[]" }
        add(draft, .noEvent, &random)
    }

    // MARK: Making messages

    @discardableResult
    private mutating func add(
        _ draft: Draft, _ fate: Message.Fate, _ random: inout SeededGenerator, near: Message? = nil,
        after: Message? = nil, at milliseconds: Int? = nil
    ) -> Message {
        let id = String(10_000_000_000 + messages.count)
        let at =
            milliseconds ?? near.map { $0.atMilliseconds + random.below(20_000) }
            ?? random.below(spanMilliseconds)
        let contentType = form == .structured ? "application/cloudevents+json" : "application/json"
        let message = Message(
            index: messages.count, id: id, fate: fate, uuid: draft.uuid, kind: draft.kind,
            questionUUID: draft.questionUUID, attributes: draft.attributes, data: draft.data,
            body: draft.body(id: id, form: form), contentType: draft.contentType ?? contentType,
            atMilliseconds: at, after: after)
        messages.append(message)
        return message
    }
}

/// A message while it is made up.
private struct Draft {
    let kind: String
    var attributes: [(name: String, value: String)]
    var data: [UInt8]
    var dataText: String?
    var attributesText: String?
    var wholeBody: String?
    var contentType: String?

    init(kind: String, _ random: inout SeededGenerator) {
        self.kind = kind
        attributes = [
            ("datetime", "2024-04-11T09:26:39.144818+00:00"), ("uuid", random.uuid()),
            ("parent", "octue/parent:5.6.3"), ("originator", "octue/ancestor:5.6.3"),
            ("sender", "octue/asker:5.6.3"), ("sender_type", "PARENT"), ("sender_sdk_version", "0.70.0"),
            ("recipient", "octue/another-service:1.0.0"), ("question_uuid", random.uuid()),
            ("originator_question_uuid", random.uuid()),
        ]
        if random.happens(permille: 500) { attributes.append(("parent_question_uuid", random.uuid())) }
        if random.happens(permille: 500) { attributes.append(("retry_count", String(random.below(3)))) }
        data = Array("{\"kind\":\"\(kind)\"}".utf8)
        guard kind == "question" else { return }
        if random.happens(permille: 300) { attributes.append(("cpus", "500m")) }
        input = #"{"height":1.10,"cost":"$(HOME) $$","deep":[[1],{"ä":null}]}"#
    }

    var uuid: String { value("uuid") }
    var questionUUID: String { value("question_uuid") }

    var input: String {
        get { "" }
        set { data = Array("{\"kind\":\"\(kind)\",\"input_values\":\(newValue),\"children\":[]}".utf8) }
    }

    mutating func set(_ name: String, _ value: String) {
        attributes.removeAll { $0.name == name }
        attributes.append((name, value))
    }

    private func value(_ name: String) -> String { attributes.first { $0.name == name }?.value ?? "" }

    func body(id: String, form: PushForm) -> [UInt8] {
        if let wholeBody { return Array(wholeBody.utf8) }
        var writer = JSONWriter()
        writer.beginObject()
        if form == .structured {
            writer.member("specversion", "1.0")
            writer.member("id", id)
            writer.member("source", "//pubsub.googleapis.com/projects/p/topics/twined")
            writer.member("type", "google.cloud.pubsub.topic.v1.messagePublished")
            writer.key("data")
            writer.beginObject()
        }
        writer.key("message")
        writer.beginObject()
        writer.key("attributes")
        writer.raw(attributesText.map { Array($0.utf8) } ?? attributesJSON)
        writer.key("data")
        if let dataText {
            writer.raw(Array(dataText.utf8))
        } else {
            writer.string(bytes: Base64.encode(data))
        }
        writer.member("messageId", id)
        writer.member("publishTime", "2024-04-11T09:26:40.100Z")
        writer.endObject()
        writer.member("subscription", "projects/p/subscriptions/s")
        if form == .structured { writer.endObject() }
        writer.endObject()
        return writer.finish()
    }

    private var attributesJSON: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for attribute in attributes { writer.member(named: attribute.name, attribute.value) }
        writer.endObject()
        return writer.finish()
    }
}
