import Foundation
import Glibc
import Results

/// What a run took place in.
enum Surroundings {
    static var machine: Machine {
        let cpu = ProcessFiles.read("/proc/cpuinfo") ?? ""
        let memory = ProcessFiles.read("/proc/meminfo") ?? ""
        return Machine(
            processor: field("model name", of: cpu) ?? "unknown",
            cores: Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))),
            memoryMebibytes: (field("MemTotal", of: memory)?.split(separator: " ").first.flatMap { Int($0) }
                ?? 0) / 1_024,
            kernel: kernel, system: system,
            loadBefore: (ProcessFiles.read("/proc/loadavg")?.split(separator: " ").first).flatMap {
                Double($0)
            } ?? 0)
    }

    private static func field(_ name: String, of text: String) -> String? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.split(separator: ":", maxSplits: 1).last.map {
                $0.trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }

    private static var kernel: String {
        let release = ProcessFiles.read("/proc/sys/kernel/osrelease") ?? "unknown"
        return "Linux " + release.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static var system: String {
        let text = ProcessFiles.read("/etc/os-release") ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
            return line.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" }
        }
        return "Linux"
    }

    static var date: String { ISO8601DateFormatter().string(from: Date()) }

    /// The short hash of the commit, with a `+` when something was changed since; `unknown` without git.
    static var commit: String {
        guard let hash = output(["git", "rev-parse", "--short=8", "HEAD"]), !hash.isEmpty else {
            return "unknown"
        }
        let changes = output(["git", "status", "--porcelain", "--untracked-files=no"]) ?? ""
        return changes.isEmpty ? hash : hash + "+"
    }

    private static func output(_ command: [String]) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { return nil }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Lets this process, and those that it starts, have as many descriptors as they may.
    static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
