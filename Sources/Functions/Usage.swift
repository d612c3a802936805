/// What the command line asks for.
enum Command: Equatable, Sendable {
    case run(FunctionKind)
    /// Looks at what the function needs, and says what to do about what is wrong.
    case check(FunctionKind, asJSON: Bool)
    case version
    case help
    /// None of these: the text says why.
    case misused(String)
    /// FUNCTION_TARGET is set and means neither function.
    case wrongTarget(String)

    /// Reads the arguments after the program's name; without one, FUNCTION_TARGET decides.
    init(_ arguments: [String], environment: Environment) {
        guard let first = arguments.first else {
            self = Command(target: environment["FUNCTION_TARGET"])
            return
        }
        if first == "check" {
            self = Command(check: arguments.dropFirst(), environment: environment)
            return
        }
        guard arguments.count == 1 else {
            self = .misused("only one argument is taken")
            return
        }
        switch first {
        case "--version": self = .version
        case "--help", "-h", "help": self = .help
        default:
            if let kind = FunctionKind(rawValue: first) {
                self = .run(kind)
            } else {
                self = .misused("there is no function of the name that was given")
            }
        }
    }

    /// `check`, the function (else FUNCTION_TARGET decides), `--json`, in any order.
    private init(check arguments: ArraySlice<String>, environment: Environment) {
        let names = arguments.filter { $0 != "--json" }
        let asJSON = names.count < arguments.count
        let target = environment["FUNCTION_TARGET"]
        let kind =
            names.first.map { FunctionKind(rawValue: $0) }
            ?? FunctionKind.allCases.first { $0.target == target }
        if names.count <= 1, arguments.count <= 2, let kind {
            self = .check(kind, asJSON: asJSON)
        } else {
            self = .misused("check takes event-handler or service-registry, and --json where wanted")
        }
    }

    private init(target: String?) {
        guard let target else {
            self = .misused("no function is named, and FUNCTION_TARGET is not set")
            return
        }
        if let kind = FunctionKind.allCases.first(where: { $0.target == target }) {
            self = .run(kind)
        } else {
            self = .wrongTarget(target)
        }
    }
}

/// The texts that `--help` and wrong usage print.
enum Usage {
    static let summary = """
        Usage: twined-functions event-handler
               twined-functions service-registry
               twined-functions check event-handler|service-registry [--json]
               twined-functions --version | --help
        Without a function's name FUNCTION_TARGET decides: handle_event or handle_request.
        check reads the settings, gets a token and asks every upstream whether the function may do what it
        must, without changing anything; a line for each, with what to do about a failure.

        """

    /// The whole of `--help`: usage, and every environment variable of the table.
    static var help: String {
        var text =
            "twined-functions \(Version.current): the two cloud functions of a Twined service network.\n\n"
        text += summary
        text += group("event-handler, required") { $0.isRequired && $0.functions == [.eventHandler] }
        text += group("service-registry, required") { $0.isRequired && $0.functions == [.serviceRegistry] }
        text += group("event-handler, optional") { !$0.isRequired && $0.functions == [.eventHandler] }
        text += group("service-registry, optional") { !$0.isRequired && $0.functions == [.serviceRegistry] }
        text += group("both, optional") { !$0.isRequired && $0.functions.count > 1 }
        text += "\nExit status: 0 after SIGTERM, 64 wrong usage, 71 cannot listen, 78 wrong settings.\n"
        text += "Of check: 0 nothing has failed, 1 something has.\n"
        return text
    }

    private static func group(_ title: String, _ belongs: (Setting) -> Bool) -> String {
        var text = "\nEnvironment, \(title):\n"
        for setting in Setting.all where belongs(setting) {
            text += "  \(setting.names.joined(separator: ", "))\n"
            text += "      \(setting.meaning): \(setting.expected)"
            text += setting.standard.map { "; default \($0)\n" } ?? "\n"
        }
        return text
    }
}
