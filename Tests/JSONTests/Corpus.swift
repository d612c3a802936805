import JSON
import TestSupport
import Testing

/// Files of Tests/Corpus.
enum Corpus {
    /// One document a line.
    static func documents(_ name: String) throws -> [JSONDocument.Value] {
        let content = try Repository.bytes("Tests/Corpus/\(name)")
        return try content.split(separator: 0x0A).map { line in
            try JSONDocument(parsing: content, in: line.startIndex..<line.endIndex).root
        }
    }
}

func pythonText(_ value: JSONDocument.Value, _ form: JSONPythonForm = .standard, omitting: [String] = [])
    -> String?
{
    var output: [UInt8] = []
    guard value.appendPythonText(to: &output, form: form, omitting: omitting) else { return nil }
    return String(decoding: output, as: UTF8.self)
}

func parse(_ text: String) throws(JSONError) -> JSONDocument.Value {
    try JSONDocument(parsing: Array(text.utf8)).root
}
