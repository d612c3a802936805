import JSON
import TestSupport
import Testing

@testable import Functions

/// A recorded request to the event handler, and what came of it.
private struct RecordedRequest {
    var name: String
    var fields: Fields
    var body: [UInt8]
    var status: Int
    /// The row that was sent to BigQuery.
    var row: JSONDocument.Value?

    init?(_ recorded: JSONDocument.Value) throws {
        guard recorded["function"]?.equals("handle_event") == true, let request = recorded["request"],
            request["method"]?.equals("POST") == true, let status = recorded["response"]?["status"]?.integer
        else { return nil }
        name = recorded["name"]?.string ?? ""
        fields = Fields(
            request["headers"]?.members.map { ($0.key.string ?? "", $0.value.string ?? "") } ?? [])
        body = request["body"]?.stringBytes ?? []
        self.status = status
        let sent = recorded["upstream"]?["bigquery"]?.elements.first { _ in true }
        row = try sent?["body"]?.stringBytes.flatMap { bytes in
            try JSONDocument(parsing: bytes).root["rows"]?.elements.first { _ in true }?["json"]
        }
    }

    func event() -> (status: Int, event: Event?) {
        do throws(NotAnEvent) {
            let message = try CloudEvent.message(fields, body: body)
            guard let event = try? Event(message) else { return (400, nil) }
            return (200, event)
        } catch {
            return (error.status, nil)
        }
    }
}

/// Where the answer is another one than the recorded one; each is a line of docs/DIFFERENCES.md. (The
/// recorded program's 500 for a malformed event is a 400 throughout.)
private let differences: [String: Int] = [
    "input_values NaN": 400, "input_values Infinity": 400, "input_values 1e400": 400,
    "data: base64 with spaces": 400, "event kind null": 400,
    "message_id only (no messageId)": 200, "raw push, no messageId": 200, "event with utf-8 BOM": 200,
    "data: base64 no padding": 200, "form": 400,
]

@Test("every recorded request is answered as it was, but for the differences that are written down")
func recordedAnswers() throws {
    var seen = Set<String>()
    for recorded in try Repository.cases().compactMap({ try RecordedRequest($0) }) {
        let (status, _) = recorded.event()
        let expected = differences[recorded.name] ?? (recorded.status == 500 ? 400 : recorded.status)
        #expect(status == expected, "\(recorded.name): recorded \(recorded.status)")
        if differences[recorded.name] != nil { seen.insert(recorded.name) }
    }
    #expect(seen == Set(differences.keys))
}

@Test("every recorded row's columns are found in the request")
func recordedColumns() throws {
    var checked = 0
    for recorded in try Repository.cases().compactMap({ try RecordedRequest($0) }) {
        guard let row = recorded.row, let event = recorded.event().event else { continue }
        checked += 1
        for name in AttributeName.required.map(\.description) + ["parent_question_uuid"] {
            #expect(
                event.message.attributes[name].map { text($0) } == row.member(named: name)?.string,
                "\(recorded.name): \(name)")
        }
        #expect(event.kindValue.string == row["kind"]?.string)
        var others: [UInt8] = []
        event.message.attributes.appendPythonText(to: &others, omittingColumns: true)
        #expect(text(others) == row["other_attributes"]?.string, "\(recorded.name)")
        let metadata = try JSONDocument(parsing: row["backend_metadata"]?.stringBytes ?? []).root
        #expect(
            event.message.messageID.map { text($0) } == metadata["message_id"]?.string, "\(recorded.name)")
        // The recorded program lost the ordering key of a wrapped push.
        if event.message.form != .push {
            #expect(
                event.message.orderingKey.map { text($0) } == metadata["ordering_key"]?.string,
                "\(recorded.name)")
        }
    }
    #expect(checked > 90)
}

@Test("whatever the bytes of a request, it is an event, malformed or none", arguments: 0..<6 as Range<UInt64>)
func mutatedRequests(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let requests = try Repository.cases().compactMap { try RecordedRequest($0) }.filter { !$0.body.isEmpty }
    var counts = (events: 0, malformed: 0, refused: 0)
    for _ in 0..<3_000 {
        guard let request = requests.randomElement(using: &generator) else { continue }
        var body = request.body
        for _ in 0..<Int.random(in: 0...3, using: &generator) where !body.isEmpty {
            let place = Int.random(in: 0..<body.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: body[place] = UInt8.random(in: 0...255, using: &generator)
            case 1:
                body.removeSubrange(
                    place..<min(body.count, place + Int.random(in: 1...40, using: &generator)))
            default:
                body.insert(Array(#""\{}[],:=/+0"#.utf8).randomElement(using: &generator) ?? 0, at: place)
            }
        }
        do throws(NotAnEvent) {
            let message = try CloudEvent.message(request.fields, body: body)
            do throws(MalformedEvent) {
                let event = try Event(message)
                counts.events += 1
                var text: [UInt8] = []
                #expect(event.document.root.appendPythonText(to: &text))
                event.message.attributes.appendPythonText(to: &text)
                #expect(text.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "Python's text is printable ASCII")
                if let question = try? Question(event) {
                    #expect(
                        question.uuid.jobName.utf8.allSatisfy { $0 == 0x2D || ASCII.isLowerAlphanumeric($0) })
                }
            } catch {
                counts.malformed += 1
                #expect(error.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
            }
        } catch {
            counts.refused += 1
            #expect(error.status == 400 || error.status == 415)
        }
    }
    #expect(counts.events > 300 && counts.malformed > 100 && counts.refused > 100, "\(counts)")
}
