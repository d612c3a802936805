import LoadGenerator
import Testing

@Suite("The schedule of an open loop")
struct ScheduleTests {
    @Test("requests are due evenly from the start, as many as rate and length say")
    func even() {
        var schedule = Schedule(start: 1_000, perSecond: 1_000, seconds: 0.005)
        #expect(schedule.count == 5)
        var times: [UInt64] = []
        while let time = schedule.take(at: .max) { times.append(time) }
        #expect(times == [1_000, 1_001_000, 2_001_000, 3_001_000, 4_001_000])
        #expect(schedule.next == nil)
    }

    @Test("none is given before it is due")
    func early() {
        var schedule = Schedule(start: 0, perSecond: 1_000, seconds: 1)
        #expect(schedule.take(at: 0) == 0)
        #expect(schedule.take(at: 999_999) == nil)
        #expect(schedule.take(at: 1_000_000) == 1_000_000)
        #expect(schedule.taken == 2)
    }

    @Test("after a stall each request keeps the time at which it should have been sent")
    func stall() {
        var schedule = Schedule(start: 0, perSecond: 1_000, seconds: 1)
        _ = schedule.take(at: 0)
        let late = (0..<3).compactMap { _ in schedule.take(at: 500_000_000) }
        #expect(late == [1_000_000, 2_000_000, 3_000_000])
    }

    @Test("no rounding adds up: the last of three million odd intervals is where it belongs")
    func exact() {
        let schedule = Schedule(start: 0, perSecond: 30_000.5, seconds: 100)
        let last = schedule.time(of: 3_000_000)
        #expect(abs(Double(last) - 3_000_000 / 30_000.5 * 1e9) < 1_000)
    }
}

@Suite("Latencies")
struct LatenciesTests {
    @Test("percentiles are right to three digits")
    func percentiles() {
        var latencies = Latencies()
        for value in 1...1_000 { latencies.record(UInt64(value) * 1_000_000) }
        #expect(latencies.count == 1_000)
        #expect(abs(latencies.milliseconds(50) - 500) < 1)
        #expect(abs(latencies.milliseconds(99) - 990) < 2)
        #expect(abs(latencies.milliseconds(100) - 1_000) < 2)
        #expect(abs(latencies.meanMilliseconds - 500.5) < 1)
    }

    @Test("what took longer than two minutes is kept as two minutes, not dropped")
    func longest() {
        var latencies = Latencies()
        latencies.record(.max)
        #expect(latencies.count == 1)
        #expect(abs(latencies.milliseconds(50) - 120_000) < 200)
    }
}
