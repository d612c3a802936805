import ArgumentParser
import Foundation
import Results

/// `bench tables`: makes the tables of documents anew.
struct TablesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tables", abstract: "Makes the tables of figures in documents anew from a result.",
        discussion: """
            A table stands between the lines <!-- bench:begin NAME --> and <!-- bench:end -->. NAME is \
            machine, goals, summary or a group of scenarios.
            """)

    @Option(name: .long, help: "The result; without it the newest one that was kept of the extent.")
    var result: String?

    @Option(name: .long, help: "Which kept results are meant: quick or full.")
    var extent = BenchmarkResult.Extent.quick

    @Option(name: .long, help: "The folder of results that were kept.")
    var results = "bench/results"

    @Option(name: .long, help: "The file of goals.")
    var goals = "bench/goals.json"

    @Argument(help: "The documents.")
    var documents: [String]

    func run() throws {
        let source = try find()
        let goals = try Goal.read(URL(fileURLWithPath: goals))
        for document in documents {
            let file = URL(fileURLWithPath: document)
            let text = try String(contentsOf: file, encoding: .utf8)
            let filled: String
            do {
                filled = try Tables.fill(text, from: source, goals: goals)
            } catch {
                throw ValidationError("\(document): \(error)")
            }
            if filled != text { try filled.write(to: file, atomically: true, encoding: .utf8) }
        }
    }

    private func find() throws -> BenchmarkResult {
        if let result { return try ResultFile.read(URL(fileURLWithPath: result)) }
        if let newest = try ResultFile.newest(in: URL(fileURLWithPath: results), extent: extent) {
            return newest
        }
        throw ValidationError("\(results) holds no \(extent.rawValue) result")
    }
}

extension BenchmarkResult.Extent: ExpressibleByArgument {}
