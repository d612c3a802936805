import Net
import Testing

@testable import Functions

extension ServiceRegistryTests {
    @Test("equal questions at the same time share their calls, different ones do not")
    func coalescing() async throws {
        let (calls, statuses) = try await LoopSupport.run {
            let bench = try Bench()
            let door = Gate()
            bench.fake.door = door
            let all = Gate()
            var statuses: [Int] = []
            for index in 0..<60 {
                EventLoop.shared.start {
                    let target =
                        index % 3 == 0 ? "/my-org/my-service" : "/my-org/my-service?revision_tag=0.1.0"
                    statuses.append(await bench.get(target).status)
                    if statuses.count == 60 { all.open() }
                }
            }
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            door.open()
            _ = await all.wait(until: .after(milliseconds: 10_000))
            return (bench.calls, statuses)
        }
        #expect(calls.count == 3)
        #expect(statuses == [Int](repeating: 200, count: 60))
    }

    @Test("who waited for a look-up that failed in its asker's time has it made once more, together")
    func failureOfAnother() async throws {
        let (statuses, sent) = try await LoopSupport.run {
            let bench = try Bench()
            let door = Gate()
            bench.fake.door = door
            bench.fake.instead = .failure(.timedOut)
            let all = Gate()
            var statuses: [Int] = []
            for index in 0..<3 {
                EventLoop.shared.start {
                    statuses.append(await bench.get("/my-org/my-service?revision_tag=0.1.0").status)
                    if index == 0 {
                        bench.fake.instead = nil
                        bench.fake.door = nil
                    }
                    if statuses.count == 3 { all.open() }
                }
            }
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            door.open()
            _ = await all.wait(until: .after(milliseconds: 10_000))
            return (statuses, bench.fake.exchange.sent.count)
        }
        #expect(statuses == [504, 200, 200])
        #expect(sent == 3 + 1, "three attempts without an answer in time, and one for both who waited")
    }

    @Test("in an outage who waited for a look-up has it made once more, and not again")
    func outage() async throws {
        let (statuses, sent) = try await LoopSupport.run {
            let bench = try Bench()
            let door = Gate()
            bench.fake.door = door
            bench.fake.instead = .success(.json(503, "{}"))
            let all = Gate()
            var statuses: [Int] = []
            for _ in 0..<10 {
                EventLoop.shared.start {
                    statuses.append(await bench.get("/my-org/my-service?revision_tag=0.1.0").status)
                    if statuses.count == 10 { all.open() }
                }
            }
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            door.open()
            _ = await all.wait(until: .after(milliseconds: 20_000))
            return (statuses, bench.fake.exchange.sent.count)
        }
        #expect(statuses == [Int](repeating: 502, count: 10))
        #expect(sent <= 2 * 3)
    }
}
