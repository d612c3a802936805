import ArgumentParser

@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures the two functions, or any program that does their work.",
        subcommands: [ReportCommand.self])
}
