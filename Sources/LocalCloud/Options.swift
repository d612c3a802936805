/// The command line of the local cloud.
public struct LocalCloudOptions: Sendable {
    /// Where certificates and environment files go; nil: a fresh temporary folder.
    public var directory: String?
    /// The loopback address of every listener.
    public var address = "127.0.0.1"
    /// Fixed ports by service.
    public var ports: [ServiceName: UInt16] = [:]
    /// The port of a listener that tells the services apart by their host names.
    public var frontPort: UInt16?
    /// The project of everything.
    public var project = "demo-project"
    /// Whether requests are kept from the start.
    public var isRecording = true
    /// Whether the end of standard input ends the program.
    public var stopsWithStandardInput = false
    /// Whether only the help is wanted.
    public var wantsHelp = false

    /// The defaults.
    public init() {}

    /// What is wrong with the arguments, in one line.
    public struct Mistake: Error, Equatable, Sendable, CustomStringConvertible {
        /// One line.
        public let description: String
    }

    /// Reads arguments, without the program's name.
    public init(arguments: [String]) throws(Mistake) {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            switch option {
            case "--help", "-h": wantsHelp = true
            case "--no-recording": isRecording = false
            case "--stop-with-stdin": stopsWithStandardInput = true
            case "--directory": directory = try Self.value(of: option, &rest)
            case "--address": address = try Self.loopback(try Self.value(of: option, &rest))
            case "--project": project = try Self.value(of: option, &rest)
            case "--front": frontPort = try Self.port(try Self.value(of: option, &rest))
            case "--port":
                let text = try Self.value(of: option, &rest)
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, let service = ServiceName(rawValue: parts[0]) else {
                    throw Mistake(description: "--port takes SERVICE=PORT, not \(text)")
                }
                ports[service] = try Self.port(parts[1])
            default: throw Mistake(description: "unknown option \(option); see --help")
            }
        }
    }

    private static func value(of option: String, _ rest: inout ArraySlice<String>) throws(Mistake) -> String {
        guard let value = rest.popFirst(), !value.isEmpty else {
            throw Mistake(description: "\(option) needs a value")
        }
        return value
    }

    private static func port(_ text: String) throws(Mistake) -> UInt16 {
        guard let port = UInt16(text), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw Mistake(description: "\(text) is not a port number")
        }
        return port
    }

    private static func loopback(_ text: String) throws(Mistake) -> String {
        guard text == "::1" || text.hasPrefix("127.") else {
            throw Mistake(description: "--address takes a loopback address, not \(text)")
        }
        return text
    }

    /// What `--help` prints.
    public static let help = """
        local-cloud: a pretend Google on loopback, for tests, demo and benchmarks (docs/LOCAL_CLOUD.md)

          --directory DIR      for ca.pem, cluster-ca.pem and the .env files (default: a temporary folder)
          --address ADDRESS    loopback address of every listener (default 127.0.0.1)
          --port SERVICE=PORT  a fixed port (default: chosen by the kernel); may be repeated. Services:
                               control metadata bigquery container kubernetes artifactregistry pubsub
                               pubsub-emulator credentials
          --front PORT         one more https listener that tells services apart by host name
          --project ID         the project of everything (default demo-project)
          --no-recording       count requests, but do not keep them
          --stop-with-stdin    end when standard input closes
          --help               this

        It prints one line of JSON when it is ready: ports, control URL, certificates, environment.

        """
}
