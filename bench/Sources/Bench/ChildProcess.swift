import CLinux
import Glibc
import LoadGenerator

/// A program that this one has started, in a process group of its own, and that it ends.
final class ChildProcess {
    let process: Int32
    /// Just before it was started, by the monotonic clock.
    let started: UInt64
    let name: String
    /// The wait status, once it has ended.
    private(set) var status: CInt?

    /// Starts a command. `output` and `error` are descriptors.
    init(_ command: [String], environment: [String: String], output: CInt, error: CInt) throws {
        guard let program = command.first else { throw BenchError("a command is empty") }
        name = program
        let arguments = CStrings(command)
        let variables = CStrings(environment.map { "\($0.key)=\($0.value)" }.sorted())
        var process: pid_t = 0
        var started: UInt64 = 0
        let failure = clinux_spawn(
            program, arguments.pointers, variables.pointers, output, error, &process, &started)
        if failure != 0 { throw BenchError("\(program): \(Errno(number: failure))") }
        self.process = process
        self.started = started
    }

    deinit { kill() }

    var tree: ProcessTree { ProcessTree(root: process) }

    /// Whether it has ended; it is then no longer in the system's table.
    var hasEnded: Bool {
        if status != nil { return true }
        var value: CInt = 0
        guard waitpid(process, &value, WNOHANG) == process else { return false }
        clinux_forget(process)
        status = value
        return true
    }

    func signal(_ number: CInt) { if status == nil { Glibc.kill(process, number) } }

    /// Asks it to end and waits until it has. The time that took, in milliseconds.
    @discardableResult
    func terminate(patienceSeconds: Double = 15) throws -> Double {
        let start = Clock.now()
        signal(SIGTERM)
        while !hasEnded {
            if Double(Clock.now() - start) > patienceSeconds * 1e9 {
                kill()
                throw BenchError("\(name) did not end within \(patienceSeconds) s of SIGTERM")
            }
            Clock.sleep(milliseconds: 0.05)
        }
        let taken = Double(Clock.now() - start) / 1e6
        endGroup()
        return taken
    }

    /// Ends it and everything in its group.
    func kill() {
        endGroup()
        if status != nil { return }
        Glibc.kill(process, SIGKILL)
        var value: CInt = 0
        while waitpid(process, &value, 0) < 0, errno == EINTR {}
        clinux_forget(process)
        status = value
    }

    private func endGroup() { Glibc.kill(-process, SIGKILL) }

    /// How it ended, where that was not by itself with 0; nil while it runs.
    ///
    /// Asked to end by SIGTERM it is to end by itself: one that leaves that to the signal has ended in the
    /// middle of whatever it did.
    var fault: String? { status == nil || status == 0 ? nil : ending }

    /// How it ended, for people.
    var ending: String {
        guard let status else { return "is running" }
        return status & 0x7f == 0
            ? "ended with \((status >> 8) & 0xff)" : "was ended by signal \(status & 0x7f)"
    }
}

/// Strings as C's programs get them: an array of pointers that ends with NULL.
private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}

/// What went wrong, in words for the person who runs the bench.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
