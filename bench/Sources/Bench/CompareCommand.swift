import ArgumentParser
import Foundation
import Results

/// `bench compare`: two results beside each other.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Says what differs between two results by more than their spreads.")

    @Argument(help: "The earlier result.")
    var before: String

    @Argument(help: "The later result.")
    var after: String

    @Flag(name: .long, help: "Every figure, the ones that are the same too.")
    var all = false

    func run() throws {
        Judgement.printComparison(
            try ResultFile.read(URL(fileURLWithPath: before)),
            try ResultFile.read(URL(fileURLWithPath: after)),
            showsAll: all)
    }
}
