import JSON
import Testing

/// What the recorded program was given and what it wrote.
private struct RecordedEvent {
    var name: String
    var data: JSONDocument.Value
    var attributes: JSONDocument.Value?
    var row: JSONDocument.Value
    var job: JSONDocument.Value?

    /// Nil where no row was written.
    init?(_ recorded: JSONDocument.Value) throws {
        guard recorded["function"]?.equals("handle_event") == true,
            let sent = recorded["upstream"]?["bigquery"]?.elements.first(where: { _ in true }),
            let request = try JSONDocument(parsing: sent["body"]?.stringBytes ?? []).root["rows"]?.elements
                .first(where: { _ in true })?["json"],
            let body = recorded["request"]?["body"]?.stringBytes
        else { return nil }
        name = recorded["name"]?.string ?? ""
        let envelope = try JSONDocument(parsing: body).root
        let message: JSONDocument.Value?
        if let encoded = envelope["data_base64"], let decoded = try Base64.decode(encoded) {
            message = try JSONDocument(parsing: decoded).root["message"]
        } else {
            message = envelope["message"] ?? envelope["data"]?["message"] ?? envelope["data"]
        }
        guard let message, let data = message["data"] else { return nil }
        self.data = data
        attributes = message["attributes"]
        row = request
        if let created = recorded["upstream"]?["kubernetes"]?.elements.first(where: { _ in true })?["body"]?
            .stringBytes
        {
            job = created.isEmpty ? nil : try JSONDocument(parsing: created).root
        }
    }

    func argument(_ name: String) -> String? {
        guard
            let arguments = job?["spec"]?["template"]?["spec"]?["containers"]?.elements.first(where: { _ in
                true
            })?["args"]
        else { return nil }
        var isNext = false
        for argument in arguments.elements {
            if isNext { return argument.string }
            isNext = argument.equals(text: name)
        }
        return nil
    }
}

/// Cases that the strict rules refuse though the recorded program took them.
private let refused: Set<String> = [
    "input_values NaN", "input_values Infinity", "input_values 1e400", "data: base64 with spaces",
]

@Test("every recorded event is written to its row and its Job as it was recorded")
func recordedEvents() throws {
    var checked = 0
    for recorded in try Corpus.documents("original-cases.jsonl") {
        guard let event = try RecordedEvent(recorded) else { continue }
        if refused.contains(event.name) {
            let decoded = try? Base64.decode(event.data)
            #expect(throws: (any Error).self, "\(event.name)") { try JSONDocument(parsing: decoded ?? []) }
            continue
        }
        let data = try #require(try Base64.decode(event.data))
        let document = try JSONDocument(parsing: data)
        #expect(pythonText(document.root, omitting: ["kind"]) == event.row["event"]?.string, "\(event.name)")
        checked += 1
        guard event.job != nil else { continue }
        #expect(
            event.attributes.flatMap { pythonText($0) } == event.argument("--attributes"), "\(event.name)")
        for (key, option) in [("input_values", "--input-values"), ("input_manifest", "--input-manifest")] {
            let value = document.root.member(named: key)
            let expected = value.flatMap { $0.isTrueInPython ? pythonText($0) : nil }
            #expect(expected == event.argument(option), "\(event.name)")
        }
    }
    #expect(checked > 90)
}
