import Foundation
import Glibc
import LoadGenerator
import Results

/// Which of the two functions a program is started as.
enum Function: String {
    case eventHandler = "event-handler"
    case serviceRegistry = "service-registry"

    /// The value of FUNCTION_TARGET, by which the program knows.
    var target: String { self == .eventHandler ? "handle_event" : "handle_request" }
}

/// A program to be measured: a name, and the command that starts it.
struct Program: Equatable {
    let name: String
    let command: [String]

    /// Reads `name=command`, or a command alone, which is then called `other`.
    static func parse(_ text: String) throws -> Program {
        var name = "other"
        var command = text
        if let equals = text.firstIndex(of: "="),
            text[..<equals].allSatisfy({ $0.isLetter || $0.isNumber || "-_.".contains($0) })
        {
            name = String(text[..<equals])
            command = String(text[text.index(after: equals)...])
        }
        let words = command.split(separator: " ").map(String.init)
        guard !name.isEmpty, !words.isEmpty else {
            throw BenchError("\"\(text)\" is no target. Expected name=command, for example go=build/peers/go")
        }
        return Program(name: name, command: words)
    }

    /// The size of the executable file; nil for a script.
    var binaryBytes: Int? {
        guard let file = FileHandle(forReadingAtPath: command[0]) else { return nil }
        defer { try? file.close() }
        guard let magic = try? file.read(upToCount: 4), magic.elementsEqual([0x7f, 0x45, 0x4c, 0x46]) else {
            return nil
        }
        return (try? file.seekToEnd()).map(Int.init)
    }

    /// An empty folder.
    private static func noAuthorities() throws -> String {
        let path = NSTemporaryDirectory() + "twined-bench-no-authorities"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// Starts it as a function of the cloud. Does not wait for anything.
    func launch(_ function: Function, cloud: Cloud, logs: String?) throws -> (
        process: ChildProcess, port: UInt16
    ) {
        let port = try FreePort.next()
        var environment = cloud.environment(function)
        environment["PATH"] = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        environment["HOST"] = "127.0.0.1"
        environment["PORT"] = "\(port)"
        environment["FUNCTION_TARGET"] = function.target
        // Else a program in Go reads all the authorities of the machine besides SSL_CERT_FILE, and the others
        // do not.
        environment["SSL_CERT_DIR"] = try Self.noAuthorities()
        let file = logs.map { "\($0)/\(name).log" } ?? "/dev/null"
        let log = open(file, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0o600)
        if log < 0 { throw BenchError("\(file): \(Errno(number: errno))") }
        defer { close(log) }
        return (try ChildProcess(command, environment: environment, output: log, error: log), port)
    }
}

/// Ports for programs to listen on. They lie below those that the kernel gives to outgoing connections: one
/// that polls a port of that range would sooner or later be connected with itself.
enum FreePort {
    nonisolated(unsafe) private static var last: UInt16 = UInt16.random(in: 20_000..<31_000)

    static func next() throws -> UInt16 {
        for _ in 0..<10_000 {
            last = last >= 32_000 ? 20_000 : last + 1
            if isFree(last) { return last }
        }
        throw BenchError("no port between 20000 and 32000 is free")
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        if descriptor < 0 { return false }
        defer { close(descriptor) }
        var on: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
