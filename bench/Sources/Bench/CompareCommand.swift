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
        let earlier = try ResultFile.read(URL(fileURLWithPath: before))
        let later = try ResultFile.read(URL(fileURLWithPath: after))
        guard earlier.extent == later.extent else {
            throw ValidationError(
                "\(before) is of a \(earlier.extent.rawValue) run and \(after) of a \(later.extent.rawValue) "
                    + "one. Expected two of the same extent: their rounds are of different lengths")
        }
        Judgement.printComparison(earlier, later, showsAll: all)
    }
}
