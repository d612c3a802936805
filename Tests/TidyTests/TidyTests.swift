import Testing

/// Rules of the house that a compiler does not know, read from the source itself.
@Suite("The house rules")
struct TidyTests {
    private static let swift = SourceTree.files(in: "Sources", endings: [".swift"])
    private static let c = SourceTree.files(in: "Sources", endings: [".c", ".h"])
    private static let bench = SourceTree.files(in: "bench", endings: [".swift", ".c", ".h", ".py"])
    private static let tests = SourceTree.files(in: "Tests", endings: [".swift", ".py"])

    @Test("the source is found, so that no rule below passes for want of files")
    func found() {
        #expect(Self.swift.count > 30)
        #expect(Self.c.count > 5)
        #expect(Self.tests.count > 5)
        #expect(Self.bench.count > 20)
    }

    @Test("no file is over 500 lines, no line over 110 columns, of Python over 120, but with a text in it")
    func sizes() {
        for path in Self.swift + Self.c + Self.tests + Self.bench {
            let lines = SourceTree.lines(path)
            #expect(lines.count <= 501, "\(path) has \(lines.count) lines")
            // Python's own convention here is 120.
            let columns = path.hasSuffix(".py") ? 120 : 110
            for (index, line) in lines.enumerated() where line.count > columns && !line.contains("\"") {
                Issue.record("\(path):\(index + 1) has \(line.count) columns")
            }
        }
    }

    @Test("no function is longer than 70 lines")
    func functions() {
        for path in (Self.swift + Self.tests + Self.bench).filter({ $0.hasSuffix(".swift") }) {
            for (name, length) in Self.functionLengths(SourceTree.lines(path)) where length > 70 {
                Issue.record("\(path): \(name) has \(length) lines")
            }
        }
    }

    @Test(
        "imports run down only",
        arguments: [
            ("Sources/JSON", []),
            ("Sources/Net", ["CHTTP", "CNet", "COpenSSL", "CProvider", "CZlib", "Glibc", "Synchronization"]),
            ("Sources/Functions", ["JSON", "Net", "Glibc"]),
            ("Sources/twined-functions", ["Functions", "Net", "Glibc"]),
            ("Sources/LocalCloud", ["JSON", "Net", "Glibc", "COpenSSL", "CZlib"]),
            ("Sources/echo-server", ["Net", "Glibc"]),
        ])
    func imports(folder: String, allowed: [String]) {
        for path in SourceTree.files(in: folder, endings: [".swift"]) {
            for module in Self.imports(path) where !allowed.contains(module) {
                Issue.record("\(path) imports \(module)")
            }
        }
    }

    @Test(
        "what decides does no IO: it imports the standard library, JSON and the HTTP grammar at most",
        arguments: [
            "Net/HTTPServerStateMachine", "Net/HTTPClientStateMachine", "Net/ConnectionPoolStateMachine",
            "Functions/Policy", "Functions/PolicyDetail", "Functions/Retry", "Functions/Names",
            "Functions/URLPath",
        ])
    func pure(file: String) {
        let path = "Sources/\(file).swift"
        #expect(SourceTree.read(path) != nil, "\(path) is missing")
        for module in Self.imports(path) where !["CHTTP", "JSON"].contains(module) {
            Issue.record("\(path) imports \(module)")
        }
    }

    @Test(
        "what is banned does not occur",
        arguments: [
            "try" + "!", "as" + "!", "fatal" + "Error(", "Task" + ".sleep", " Task" + " {",
            "import Foun" + "dation",
            "import Disp" + "atch", "Ounch" + "ecked", "TO" + "DO", "FIX" + "ME",
        ])
    func banned(text: String) {
        for path in Self.swift {
            for (index, line) in SourceTree.lines(path).enumerated() where line.contains(text) {
                // A comment may say that a thing is banned.
                if line.drop(while: { $0 == " " }).hasPrefix("//") { continue }
                Issue.record("\(path):\(index + 1) has \(text)")
            }
        }
    }

    @Test("the C of the grammar calls nothing that allocates or does IO")
    func pureC() {
        for path in SourceTree.files(in: "Sources/CHTTP", endings: [".c", ".h"]) {
            for line in SourceTree.lines(path) where line.hasPrefix("#include <") {
                let header = String(line.dropFirst("#include <".count).prefix { $0 != ">" })
                let allowed = ["stdbool.h", "stddef.h", "stdint.h", "string.h"]
                #expect(allowed.contains(header), "\(path): \(header)")
            }
        }
    }

    @Test("unchecked promises to the compiler have a reason in the comment above them")
    func unchecked() {
        for path in Self.swift {
            let lines = SourceTree.lines(path)
            for (index, line) in lines.enumerated()
            where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe) var") {
                let above = lines[max(0, index - 8)..<index].contains {
                    $0.drop { $0 == " " }.hasPrefix("///")
                }
                #expect(above, "\(path):\(index + 1) gives no reason")
            }
        }
    }

    @Test("every make target that the README names exists")
    func commands() {
        let makefile = SourceTree.read("Makefile") ?? ""
        var named = 0
        for document in ["README.md", "CONTRIBUTING.md"] {
            for line in SourceTree.lines(document) {
                // Between backticks, or a line of code.
                let parts = line.split(separator: "`", omittingEmptySubsequences: false)
                let code =
                    line.hasPrefix("    ")
                    ? [line.drop { $0 == " " }]
                    : parts.enumerated()
                        .filter { $0.offset % 2 == 1 }.map(\.element)
                for part in code where part.hasPrefix("make ") {
                    let target = part.dropFirst(5).prefix { $0.isLetter || $0 == "-" }
                    named += 1
                    #expect(makefile.contains("\n\(target):"), "\(document): make \(target)")
                }
            }
        }
        #expect(named > 0)
    }

    // MARK: Reading

    private static func imports(_ path: String) -> [String] {
        SourceTree.lines(path).compactMap { line in
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"), at <= 1, words.count > at + 1 else { return nil }
            return String(words[at + 1])
        }
    }

    /// The length of each function, from its `func` to the closing brace of the same indentation.
    private static func functionLengths(_ lines: [Substring]) -> [(name: String, length: Int)] {
        var found: [(String, Int)] = []
        for (start, line) in lines.enumerated() {
            let text = line.drop { $0 == " " }
            let isFunction = text.contains("func ") || text.hasPrefix("init") || text.contains(" init(")
            guard !text.hasPrefix("//"), isFunction else { continue }
            let indentation = line.count - text.count
            let closing = String(repeating: " ", count: indentation) + "}"
            guard !text.hasSuffix("}"), let end = lines[start...].firstIndex(where: { $0.hasPrefix(closing) })
            else { continue }
            found.append((String(text.prefix(60)), end - start + 1))
        }
        return found
    }
}

/// The numbers that people read and the numbers that the program keeps.
@Suite("The documents")
struct DocumentTests {
    @Test(
        "docs/LIMITS.md names every ceiling of the source, with its number",
        arguments: [
            "Sources/Net/Limits.swift", "Sources/Functions/ServiceLimits.swift",
            "Sources/Functions/EventLimits.swift",
        ])
    func limits(source: String) {
        let lines = SourceTree.lines("docs/LIMITS.md")
        var checked = 0
        for line in SourceTree.lines(source) {
            let words = line.split { " :=".contains($0) }
            guard let at = words.firstIndex(of: "let"), words.count > at + 2 else { continue }
            let name = words[at + 1]
            let value = words[words.count - 1].filter { $0 != "_" }
            // What nobody outside meets is told in the source alone.
            if name == "eventsPerTurnMax" { continue }
            checked += 1
            let numbers = lines.filter { $0.contains("`\(name)`") }.flatMap { $0.split { !$0.isNumber } }
            #expect(numbers.contains { $0 == value }, "\(name) is \(value)")
        }
        #expect(checked > 10)
    }

    @Test("every difference from the original that docs/DIFFERENCES.md names is a test of that name")
    func differences() {
        let swift = SourceTree.files(in: "Tests/FunctionsTests", endings: [".swift"])
            .compactMap(SourceTree.read).joined()
        let python = SourceTree.files(in: "Tests/SystemTests", endings: [".py"])
            .compactMap(SourceTree.read).joined()
        let named = SourceTree.lines("docs/DIFFERENCES.md").filter { $0.hasPrefix("- ") }.map {
            $0.dropFirst(2)
        }
        for name in named {
            let words = name.lowercased().filter { $0.isLetter || $0.isNumber || $0 == " " }
            let function = "def test_\(words.replacing(" ", with: "_"))("
            #expect(
                swift.contains("\"\(name)\"") || python.contains(function), "no test is called: \(name)")
        }
        #expect(named.count > 20)
    }

    @Test("the links of the documents lead to files that exist")
    func links() {
        var checked = 0
        for path in SourceTree.files(in: "docs", endings: [".md"]) + ["README.md", "CONTRIBUTING.md"] {
            let folder = path.hasPrefix("docs/") ? "docs/" : ""
            for part in (SourceTree.read(path) ?? "").split(separator: "](").dropFirst() {
                let target = part.prefix { $0 != ")" && $0 != "#" }
                if target.isEmpty || target.contains("://") { continue }
                checked += 1
                let resolved = target.hasPrefix("../") ? String(target.dropFirst(3)) : folder + target
                #expect(SourceTree.exists(resolved), "\(path) links to \(target)")
            }
        }
        #expect(checked > 0)
    }
}
