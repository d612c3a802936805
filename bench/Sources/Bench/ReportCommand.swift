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
        let goals = try Goal.read(URL(fileURLWithPath: goals))
        try Self.write(found, to: output, goals: goals, previous: previous(of: found))
        print(output)
    }

    /// The result that was named, or the newest kept one that is older and of the same extent: a round of a
    /// full run is longer than one of a quick run.
    private func previous(of found: BenchmarkResult) throws -> BenchmarkResult? {
        guard let before else {
            return try ResultFile.newest(
                in: URL(fileURLWithPath: results), extent: found.extent, before: found.date)
        }
        let named = try ResultFile.read(URL(fileURLWithPath: before))
        guard named.extent == found.extent, named.date < found.date else {
            throw ValidationError(
                "\(before) is of a \(named.extent.rawValue) run of \(named.date). Expected one of a "
                    + "\(found.extent.rawValue) run before \(found.date)")
        }
        return named
    }

    /// Draws a result into a file.
    static func write(
        _ result: BenchmarkResult, to output: String, goals: [Goal], previous: BenchmarkResult?
    ) throws {
        let page = Page.html(of: result, goals: goals, previous: previous)
        let file = URL(fileURLWithPath: output)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(page.utf8).write(to: file, options: .atomic)
    }
}
