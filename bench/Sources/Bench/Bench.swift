import ArgumentParser

/// The benchmark suite: measures the two functions, or any program that does their work, against the local
/// cloud.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures the two functions, or any program that does their work, against the local cloud.",
        subcommands: [
            RunCommand.self, CompareCommand.self, TablesCommand.self, ReportCommand.self,
            SelfTestCommand.self,
        ],
        defaultSubcommand: RunCommand.self)
}
