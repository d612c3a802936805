import Synchronization
import Testing

@testable import Net

@Suite("The event loop")
struct EventLoopTests {
    @Test("what is left for the end of a turn is done once, after all that was ready, isolated to the loop")
    func endOfTurn() async throws {
        var order: [String] = []
        // Other tests use the loop too, and one that drains a log ends the turn before all that was ready.
        for _ in 0..<100 where order != ["first", "ready", "end"] {
            order = try await orderOfOneTurn()
            #expect(order.first == "first" && order.filter { $0 == "end" }.count == 1)
        }
        #expect(order == ["first", "ready", "end"])
    }

    private func orderOfOneTurn() async throws -> [String] {
        let done = Mutex<[String]>([])
        func note(_ text: String) { done.withLock { $0.append(text) } }
        try await onLoop {
            EventLoop.shared.atEndOfTurn {
                EventLoopActor.preconditionIsolated()
                note("end")
            }
            EventLoop.shared.start { note("ready") }
            note("first")
            await EventLoop.shared.sleep(until: .after(milliseconds: 2))
            await EventLoop.shared.sleep(until: .after(milliseconds: 2))
        }
        return done.withLock { $0 }
    }

    @Test("a task that is started at the end of a turn runs at once")
    func startedAtTheEnd() async throws {
        let gate = try await onLoop { Gate() }
        let opened = try await onLoop {
            EventLoop.shared.atEndOfTurn { EventLoop.shared.start { gate.open() } }
            return await gate.wait(until: .after(milliseconds: 10_000))
        }
        #expect(opened)
    }

    @Test("a closure that waits in a task's place is isolated to the loop when it is called")
    func closureThatWaits() async throws {
        let gate = try await onLoop { Gate() }
        let isCalled = try await onLoop {
            let waiter = Waiter()
            waiter.park(
                { _ in
                    EventLoopActor.preconditionIsolated(); gate.open()
                }, for: 1, until: .after(milliseconds: 2))
            return await gate.wait(until: .after(milliseconds: 10_000))
        }
        #expect(isCalled)
    }
}
