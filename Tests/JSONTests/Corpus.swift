import Glibc
import JSON
import Testing

/// Files of Tests/Corpus, found beside this source.
enum Corpus {
    struct Unreadable: Error { var path: String }

    static func bytes(_ name: String, source: String = #filePath) throws -> [UInt8] {
        let folders = source.split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "/\(folders)/Corpus/\(name)"
        guard let file = fopen(path, "rb") else { throw Unreadable(path: path) }
        defer { fclose(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return content }
            content.append(contentsOf: buffer[..<count])
        }
    }

    /// One document a line.
    static func documents(_ name: String) throws -> [JSONDocument.Value] {
        let content = try bytes(name)
        return try content.split(separator: 0x0A).map { line in
            try JSONDocument(parsing: content, in: line.startIndex..<line.endIndex).root
        }
    }
}

/// The pseudo-random numbers of SplitMix64: a failing seed replays.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
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
