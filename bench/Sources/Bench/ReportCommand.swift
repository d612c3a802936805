import ArgumentParser
import Foundation
import Report
import Results

/// `bench report`: a result as a page.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Draws a result: one HTML file that needs nothing else.")

    @Argument(help: "The result.")
    var result: String

    @Option(name: .long, help: "The file to write.")
    var output = "build/bench/report.html"

    @Option(name: .long, help: "The file of goals.")
    var goals = "bench/goals.json"

    @Option(
        name: .long, help: "The earlier result to compare with; without it the newest kept one of the extent."
    )
    var before: String?

    @Option(name: .long, help: "The folder of results that were kept.")
    var results = "bench/results"

    func run() throws {
        let found = try ResultFile.read(URL(fileURLWithPath: result))
        let previous = try before.map { try ResultFile.read(URL(fileURLWithPath: $0)) }
        try Self.write(
            found, to: output, goals: goals, previous: previous ?? Self.newest(in: results, beside: found))
        print(output)
    }

    /// Draws a result into a file.
    static func write(
        _ result: BenchmarkResult, to output: String, goals: String, previous: BenchmarkResult?
    ) throws {
        let page = Page.html(
            of: result, goals: try Goal.read(URL(fileURLWithPath: goals)), previous: previous)
        let file = URL(fileURLWithPath: output)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(page.utf8).write(to: file, options: .atomic)
    }

    /// The newest kept result of the same extent; a kept result is not compared with itself.
    static func newest(in results: String, beside result: BenchmarkResult) throws -> BenchmarkResult? {
        let newest = try ResultFile.newest(in: URL(fileURLWithPath: results), extent: result.extent)
        return newest == result ? nil : newest
    }
}
