import ArgumentParser
import CLinux
import Foundation
import Results

/// `bench run`: measures, prints, writes and draws the result, compares it with the last one that was kept.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Measures one or more programs, in turns.",
        discussion: """
            Each program is started as the platform would start it: with the variables of the function, \
            HOST and PORT, and with FUNCTION_TARGET set to handle_event or handle_request. Run it from the \
            project's root.
            """)

    @OptionGroup var setting: Setting

    @Flag(name: .long, help: "Everything, with longer rounds, instead of the quick part.")
    var full = false

    @Option(name: .long, help: "Only scenarios whose names contain this text; may be given several times.")
    var only: [String] = []

    @Option(name: .long, help: "The folder for result.json and report.html.")
    var output = "build/bench"

    @Option(name: .long, help: "The folder of results to compare with.")
    var results = "bench/results"

    @Option(name: .long, help: "The file of goals.")
    var goals = "bench/goals.json"

    @Flag(name: .long, help: "List the scenarios and measure nothing.")
    var list = false

    func run() throws {
        let extent: BenchmarkResult.Extent = full ? .full : .quick
        var experiments = Experiment.all(Experiment.Effort(extent: extent))
        if !only.isEmpty {
            experiments = experiments.filter { experiment in
                only.contains { experiment.scenario.name.contains($0) }
            }
        }
        if experiments.isEmpty {
            throw ValidationError("no scenario's name contains \(only.joined(separator: ", "))")
        }
        if list {
            for experiment in experiments {
                print("\(experiment.scenario.name): \(experiment.scenario.title)")
            }
            return
        }
        // Both are read first: a mistake in them is to cost no run.
        let goals = try Goal.read(URL(fileURLWithPath: goals))
        let previous = try ResultFile.newest(
            in: URL(fileURLWithPath: results), extent: extent, before: Surroundings.date)
        let result = try measure(experiments, extent)
        try Outputs.write(result.result, to: URL(fileURLWithPath: output))
        try ReportCommand.write(
            result.result, to: "\(output)/report.html", goals: goals, previous: previous)
        print("\n\(output)/result.json, \(output)/report.html")
        Judgement.print(result.result, goals: goals, previous: previous)
        if result.hasFailed { throw ExitCode(1) }
    }

    private func measure(_ experiments: [Experiment], _ extent: BenchmarkResult.Extent) throws -> Runner {
        let programs = try setting.programs()
        var result = BenchmarkResult(
            date: Surroundings.date, commit: Surroundings.commit, extent: extent,
            machine: Surroundings.machine,
            targets: programs.map { Target(name: $0.name, binaryBytes: $0.binaryBytes) })
        let load = result.machine.loadBefore
        if load > 0.5 { result.remarks.append("the machine was busy before the run: load average \(load)") }
        let machine = result.machine
        print("\(machine.processor), \(machine.cores) cores, \(machine.kernel), \(machine.system)")
        print("medians of rounds in turns (minimum–maximum); \(extent.rawValue), commit \(result.commit)")
        let runner = Runner(
            cloud: try setting.cloud(), programs: programs, logs: setting.logs, result: result)
        runner.finished = { scenario, result in
            print("\n" + Terminal.scenario(scenario, result))
            // What has been measured is kept, whatever ends the run.
            do { try Outputs.write(result, to: URL(fileURLWithPath: output)) } catch { print("! \(error)") }
            // A person watches; what is buffered says nothing.
            fflush(nil)
        }
        try runner.run(experiments)
        for remark in runner.result.remarks { print("\n! \(remark)") }
        return runner
    }
}

/// What every command that measures needs.
struct Setting: ParsableArguments {
    /// The name of this project's own program in results and goals.
    static let ownName = "twined-functions"

    @Option(name: .long, help: "name=command of a program to measure; may be given several times.")
    var target: [String] = []

    @Flag(name: .long, help: "Leave this project's own program out.")
    var withoutOwn = false

    @Option(name: .long, help: "This project's own program.")
    var own = "build/twined-functions"

    @Option(name: .long, help: "The local cloud's program.")
    var localCloud = "build/local-cloud"

    @Option(name: .long, help: "A folder for what the programs print; without it nobody keeps it.")
    var logs: String?

    func programs() throws -> [Program] {
        var programs = withoutOwn ? [] : [Program(name: Self.ownName, command: [own])]
        programs += try target.map(Program.parse)
        if programs.isEmpty { throw ValidationError("there is no target. Expected --target name=command") }
        guard Set(programs.map(\.name)).count == programs.count else {
            throw ValidationError(
                "two targets have the same name. Expected --target name=command, each name once")
        }
        for program in programs where program.command[0].contains("/") {
            guard FileManager.default.isExecutableFile(atPath: program.command[0]) else {
                throw ValidationError("\(program.command[0]) is no program that can be run")
            }
        }
        return programs
    }

    func cloud() throws -> Cloud {
        clinux_end_processes_on_signals()
        Surroundings.raiseDescriptorLimit()
        if let logs {
            try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        }
        return try Cloud(program: localCloud)
    }
}
