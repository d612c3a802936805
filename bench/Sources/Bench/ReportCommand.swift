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
        let page = Page.html(
            of: found, goals: try Goal.read(URL(fileURLWithPath: goals)), previous: try previous(of: found))
        let file = URL(fileURLWithPath: output)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(page.utf8).write(to: file, options: .atomic)
        print(output)
    }

    private func previous(of found: BenchmarkResult) throws -> BenchmarkResult? {
        if let before { return try ResultFile.read(URL(fileURLWithPath: before)) }
        let newest = try ResultFile.newest(in: URL(fileURLWithPath: results), extent: found.extent)
        // A kept result is not compared with itself.
        return newest == found ? nil : newest
    }
}
