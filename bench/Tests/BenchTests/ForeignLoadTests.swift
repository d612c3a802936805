import Testing

@testable import Bench

@Suite("What others do on the machine")
struct ForeignLoadTests {
    private static let stat = """
        cpu  3235616 666768 580383 6851437 33346 0 214226 3589 0 0
        cpu0 1364721 319087 271421 3722984 4498 0 106080 1791 0 0
        cpu1 1870895 347680 308961 3128453 28848 0 108146 1797 0 0
        intr 1 2 3
        ctxt 4
        """

    /// A reading after some seconds: two processors, and how much of their time was idle, and ours.
    private func reading(at seconds: Double, idle: Double, own: Double, count: Int = 2)
        -> ForeignLoad.Reading
    {
        ForeignLoad.Reading(
            time: UInt64(seconds * 1e9),
            processors: ForeignLoad.Processors(count: count, idleNanoseconds: UInt64(idle * 1e9)),
            own: UInt64(own * 1e9))
    }

    @Test("the processors are counted, and idle is what is idle or waits for a disk")
    func processors() {
        #expect(
            ForeignLoad.processors(Self.stat, ticksPerSecond: 100)
                == ForeignLoad.Processors(count: 2, idleNanoseconds: (6_851_437 + 33_346) * 10_000_000))
    }

    @Test(
        "what is no /proc/stat is nothing",
        arguments: ["", "cpu 1 2 3", "cpu a b c d e f\ncpu0 1 2 3 4 5 6"])
    func another(text: String) { #expect(ForeignLoad.processors(text, ticksPerSecond: 100) == nil) }

    @Test("foreign is what is neither idle nor ours, as a share of one processor")
    func share() throws {
        let before = reading(at: 10, idle: 5, own: 3)
        // Of 2 x 4 s were 3 idle and 4 ours: one second in four was somebody else's.
        let load = try #require(ForeignLoad(from: before, to: reading(at: 14, idle: 8, own: 7)))
        #expect(load.share == 0.25 && load.seconds == 4)
        #expect(load.isWorthARemark)
        let quiet = try #require(ForeignLoad(from: before, to: reading(at: 14, idle: 8.7, own: 7)))
        #expect(abs(quiet.share - 0.075) < 1e-9 && !quiet.isWorthARemark)
    }

    @Test("what the kernel's unit leaves open is nobody's: less than none is none, and little is no remark")
    func unit() throws {
        let before = reading(at: 10, idle: 5, own: 3)
        let less = try #require(ForeignLoad(from: before, to: reading(at: 11, idle: 6.01, own: 4)))
        #expect(less.share == 0)
        // 20 ms of a start that took 50 are two ticks.
        let short = try #require(ForeignLoad(from: before, to: reading(at: 10.05, idle: 5.04, own: 3.04)))
        #expect(short.share > 0.3 && !short.isWorthARemark)
    }

    @Test("where a processor came or went nothing can be said")
    func changed() {
        let before = reading(at: 10, idle: 5, own: 3)
        #expect(ForeignLoad(from: before, to: reading(at: 11, idle: 6, own: 4, count: 3)) == nil)
        #expect(ForeignLoad(from: before, to: before) == nil)
    }

    @Test("this machine can be read, and an idle wait is not taken for this process's own work")
    func own() throws {
        let before = try #require(ForeignLoad.Reading(of: [], isFirst: true))
        let after = try #require(ForeignLoad.Reading(of: [], isFirst: false))
        #expect(after.own >= before.own && after.time > before.time)
        #expect(after.processors.count == before.processors.count)
    }
}
