import Glibc
import Results
import Testing

@testable import Bench

@Suite("Programs that are started")
struct ChildProcessTests {
    private func start(_ script: String) throws -> ChildProcess {
        try ChildProcess(
            ["/bin/sh", "-c", script], environment: [:], output: STDOUT_FILENO, error: STDERR_FILENO)
    }

    private func wait(for process: ChildProcess) { while !process.hasEnded { usleep(1_000) } }

    @Test("one that ends with 0 after SIGTERM has ended as it should")
    func clean() throws {
        let process = try start("trap 'exit 0' TERM; kill -STOP $$; while :; do sleep 0.01; done")
        // The trap is there once it has stopped itself.
        var status: CInt = 0
        #expect(waitpid(process.process, &status, WUNTRACED) == process.process)
        process.signal(SIGCONT)
        try process.terminate()
        #expect(process.fault == nil)
    }

    @Test("another code, and a signal, are faults that say which")
    func faults() throws {
        let failed = try start("exit 3")
        wait(for: failed)
        #expect(failed.fault == "ended with 3")
        let ended = try start("exec sleep 20")
        try ended.terminate()
        #expect(ended.fault == "was ended by signal 15")
        let crashed = try start("kill -SEGV $$")
        wait(for: crashed)
        #expect(crashed.fault == "was ended by signal 11")
    }

    @Test("one that is running has no fault yet")
    func running() throws {
        let process = try start("exec sleep 20")
        #expect(process.fault == nil && process.ending == "is running")
        process.kill()
    }
}

@Suite("Remarks")
struct RemarkTests {
    @Test("one way of ending is one remark, with the rounds after which it was seen")
    func faults() {
        #expect(
            Runner.remark("was ended by signal 15", [0, 1, 2])
                == "was ended by signal 15 instead of by itself with 0: after the warm-up, round 1, round 2")
    }

    @Test("an error beside the answers counts in their share, where there is one")
    func share() {
        var measurement = Measurement(scenario: "heartbeat-c1", target: "a", round: 1)
        measurement.events = 3
        measurement.add(error: "ended with 1")
        #expect(measurement.errors == ["ended with 1": 1] && measurement.figures[.errorShare] == nil)
        measurement.figures[.errorShare] = 0
        measurement.add(error: "ended with 1")
        #expect(measurement.errors == ["ended with 1": 2] && measurement.figures[.errorShare] == 40)
    }
}

@Suite("Turns")
struct TurnTests {
    @Test("each round begins one target further on, so that none is always the first or after the same one")
    func order() {
        let orders = (1...4).map { Runner.order(of: 3, round: $0) }
        #expect(orders == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]])
        #expect(Runner.order(of: 1, round: 5) == [0])
        #expect(Runner.order(of: 0, round: 1).isEmpty)
    }
}
