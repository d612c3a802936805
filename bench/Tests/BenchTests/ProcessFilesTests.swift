import Glibc
import Testing

@testable import Bench

@Suite("/proc is read")
struct ProcessFilesTests {
    @Test("a program's name may hold brackets and spaces; children that were waited for count")
    func status() {
        let text =
            "4242 (a (b) c) S 17 4242 4242 0 -1 4194304 101 0 0 0 120 34 5 6 20 0 1 0 1159614 3133440 380\n"
        #expect(ProcessFiles.status(text) == ProcessFiles.Status(parent: 17, userTicks: 125, systemTicks: 40))
    }

    @Test("what is no stat line is nothing", arguments: ["", "4242 (name", "1 (a) S 2 3"])
    func noStatus(text: String) { #expect(ProcessFiles.status(text) == nil) }

    @Test("the scheduler's first number is the time on a processor")
    func runTime() {
        #expect(ProcessFiles.runTime("123456789 55 7\n") == 123_456_789)
        #expect(ProcessFiles.runTime("") == nil)
    }

    @Test("memory is that of the whole process, and the peak that of its status")
    func memory() {
        let rollup = """
            5618effa3000-7ffdd06bc000 ---p 00000000 00:00 0    [rollup]
            Rss:                1640 kB
            Pss:                 329 kB
            Pss_Dirty:           112 kB
            Anonymous:            98 kB
            AnonHugePages:         0 kB
            """
        let memory = ProcessFiles.memory(
            rollup: rollup, status: "Name:\ta\nVmHWM:\t    2000 kB\nVmRSS:\t 1640 kB\n")
        #expect(memory?.proportionalKibibytes == 329)
        #expect(memory?.residentKibibytes == 1_640)
        #expect(memory?.anonymousKibibytes == 98)
        #expect(memory?.peakKibibytes == 2_000)
        #expect(ProcessFiles.memory(rollup: "Rss: 1 kB", status: "") == nil)
    }

    @Test("this process is in its own tree, and has had time and memory")
    func own() throws {
        let tree = ProcessTree(root: getpid())
        #expect(tree.members.contains(getpid()))
        #expect(tree.times.total > 0)
        #expect(try #require(tree.memory).residentKibibytes > 0)
        #expect(tree.descriptors > 2)
    }
}
