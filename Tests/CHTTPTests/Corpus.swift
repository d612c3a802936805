import Glibc

/// One example of the corpus: bytes, and what must come out. `Tests/Corpus/README.md` describes the notation.
struct Example: Sendable, CustomStringConvertible {
    enum Kind: String { case request, response, chunked }

    let kind: Kind
    let ceilings: [String: UInt32]
    let input: [UInt8]
    let expected: [String]
    let place: String

    var description: String { place }
    var isRefusal: Bool { expected.first?.hasPrefix("refused ") ?? false }
}

/// A sentence about a behaviour, with its examples.
struct Case: Sendable {
    let title: String
    let section: String
    let examples: [Example]
}

/// The corpus, read once.
enum Corpus {
    static let cases: [Case] = files.flatMap { CorpusParser(file: $0).cases() }
    static let examples: [Example] = cases.flatMap { $0.examples }
    static let requests = examples.filter { $0.kind == .request }
    static let heads = examples.filter { $0.kind != .chunked }

    private static let folder: String = {
        let parts = #filePath.split(separator: "/").dropLast(2)
        return "/" + parts.joined(separator: "/") + "/Corpus/"
    }()

    private static var files: [String] {
        guard let directory = opendir(folder) else { preconditionFailure("no corpus in \(folder)") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".md") && name != "README.md" { names.append(folder + name) }
        }
        return names.sorted()
    }
}

/// Reads one file of the corpus. A mistake in the corpus stops the tests at once and says where it is.
private struct CorpusParser {
    let name: Substring
    var lines: [Substring]
    var next = 0

    init(file: String) {
        name = file.split(separator: "/").last ?? ""
        let text = String(decoding: Self.bytes(of: file), as: UTF8.self)
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    static func bytes(of path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { preconditionFailure("cannot open \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = getc(file), byte != EOF { bytes.append(UInt8(byte)) }
        return bytes
    }

    func mistake(_ text: String) -> Never { preconditionFailure("\(name):\(next): \(text)") }

    func cases() -> [Case] {
        var parser = self
        var cases: [Case] = []
        while parser.next < lines.count {
            let line = lines[parser.next]
            parser.next += 1
            if line.hasPrefix("## ") { cases.append(parser.parseCase(title: String(line.dropFirst(3)))) }
        }
        return cases
    }

    mutating func parseCase(title: String) -> Case {
        var section = ""
        var examples: [Example] = []
        while next < lines.count, !lines[next].hasPrefix("## ") {
            let line = lines[next]
            next += 1
            if line.hasPrefix("RFC ") { section = String(line) }
            if line.hasPrefix("```") { examples.append(parseExample(opening: line.dropFirst(3))) }
        }
        return Case(title: title, section: section, examples: examples)
    }

    mutating func parseExample(opening: Substring) -> Example {
        let place = "\(name):\(next)"
        let words = opening.split(separator: " ")
        guard let kind = words.first.flatMap({ Example.Kind(rawValue: String($0)) }) else {
            mistake("unknown kind of example")
        }
        var ceilings: [String: UInt32] = [:]
        for word in words.dropFirst() {
            let parts = word.split(separator: "=")
            guard parts.count == 2, let value = UInt32(parts[1]) else { mistake("not a ceiling: \(word)") }
            ceilings[String(parts[0])] = value
        }
        var input: [UInt8] = []
        while takeLine() != "--" { input += bytes(ofText: Array(lines[next - 1].utf8)) }
        var expected: [String] = []
        while takeLine() != "```" { expected.append(String(lines[next - 1])) }
        return Example(kind: kind, ceilings: ceilings, input: input, expected: expected, place: place)
    }

    mutating func takeLine() -> Substring {
        guard next < lines.count else { mistake("an example that does not end") }
        next += 1
        return lines[next - 1]
    }

    /// Replaces the escapes of one line by the bytes that they mean.
    func bytes(ofText text: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            bytes += escaped(&rest)
        }
        return bytes
    }

    func escaped(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        guard let byte = rest.popFirst() else { mistake("a backslash at the end of a line") }
        switch byte {
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "\\"): return [byte]
        case UInt8(ascii: "x"):
            guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                mistake("not a byte after \\x")
            }
            rest = rest.dropFirst(2)
            return [value]
        default:
            let digits = [byte] + rest.prefix { $0 != UInt8(ascii: "{") }
            let repeated = rest.drop { $0 != UInt8(ascii: "{") }.dropFirst().prefix {
                $0 != UInt8(ascii: "}")
            }
            guard let count = Int(String(decoding: digits, as: UTF8.self)), !repeated.isEmpty else {
                mistake("unknown escape")
            }
            rest = rest.dropFirst(digits.count + repeated.count + 1)
            return Array(repeatElement(bytes(ofText: Array(repeated)), count: count).joined())
        }
    }
}
