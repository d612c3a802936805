import Testing

@testable import Net

extension SocketTests {
    @Suite("The clock of a request")
    struct RequestClockTests {
        private static let limits = {
            var limits = ServerLimits()
            limits.headTimeoutMilliseconds = 1_000
            limits.idleTimeoutMilliseconds = 2_000
            limits.bodyGraceMilliseconds = 3_000
            limits.bodyTimeoutMilliseconds = 5_000
            return limits
        }()

        /// Milliseconds from `start` to what the clock gives for a wait.
        @EventLoopActor
        private static func time(
            _ clock: inout RequestClock, for wait: HTTPServerStateMachine.Wait, since start: UInt64
        ) -> UInt64 {
            (clock.deadline(for: wait, limits).nanoseconds - start) / 1_000_000
        }

        @Test("gives the first request a head's time, and a kept connection that of idling")
        func idle() async throws {
            try await onLoop {
                let start = EventLoop.shared.nowNanoseconds
                var first = RequestClock()
                var later = RequestClock(isFirst: false)
                #expect(Self.time(&first, for: .idle, since: start) == 1_000)
                #expect(Self.time(&later, for: .idle, since: start) == 2_000)
            }
        }

        @Test("counts a head from its first byte, however long the connection idled, and not from its last")
        func head() async throws {
            try await onLoop {
                let connected = EventLoop.shared.nowNanoseconds
                var first = RequestClock()
                var later = RequestClock(isFirst: false)
                await EventLoop.shared.sleep(until: .after(milliseconds: 2))
                let begun = EventLoop.shared.nowNanoseconds
                for _ in 0..<2 {
                    #expect(Self.time(&first, for: .head, since: connected) == 1_000)
                    #expect(Self.time(&later, for: .head, since: begun) == 1_000)
                    await EventLoop.shared.sleep(until: .after(milliseconds: 2))
                }
            }
        }

        @Test("lets a body earn time with each byte, but no more than a whole one may take")
        func body() async throws {
            try await onLoop {
                let start = EventLoop.shared.nowNanoseconds
                var clock = RequestClock()
                let second = Int(Limits.bodyBytesPerSecondMin)
                for (bytes, time) in [(0, 3_000), (second, 4_000), (2 * second, 5_000), (1_000_000, 5_000)] {
                    #expect(Self.time(&clock, for: .body(bytesReceived: bytes), since: start) == UInt64(time))
                }
                #expect(clock.bodyDeadline(Self.limits).nanoseconds - start == 5_000_000_000)
            }
        }
    }
}
