import Glibc
import JSON
import Testing

@testable import Functions

/// Files of the package, found from this source.
enum Repository {
    struct Unreadable: Error { var path: String }

    static func bytes(_ path: String, source: String = #filePath) throws -> [UInt8] {
        let root = source.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/\(path)"
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

    static func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

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

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
