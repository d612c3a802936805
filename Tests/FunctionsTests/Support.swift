import JSON
import TestSupport
import Testing

@testable import Functions

extension Repository {
    /// The recorded cases, one a line; the first line is about them all.
    static func cases() throws -> [JSONDocument.Value] {
        let content = try bytes("Tests/Corpus/original-cases.jsonl")
        return try content.split(separator: 0x0A).dropFirst().map { line in
            try JSONDocument(parsing: content, in: line.startIndex..<line.endIndex).root
        }
    }
}

/// Field lines for tests.
struct Fields: FieldLookup {
    var lines: [(name: String, value: [UInt8])] = []

    init(_ lines: [(String, String)] = []) { self.lines = lines.map { ($0, Array($1.utf8)) } }

    subscript(name: StaticString) -> ArraySlice<UInt8>? {
        lines.first { $0.name.lowercased() == "\(name)" }?.value[...]
    }

    func forEachField(_ body: (ArraySlice<UInt8>, ArraySlice<UInt8>) -> Void) {
        for line in lines { body(Array(line.name.utf8)[...], line.value[...]) }
    }
}

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
