import Glibc
import Synchronization
import Testing

@testable import Net

/// A name server that answers the first request, and is silent from then on until it is let go.
private final class SilentAfterFirst: Sendable {
    private let asked = Mutex(0)
    private let isReleased = Atomic(false)
    var requests: Int { asked.withLock { $0 } }

    func lookUp(_ host: String, _ port: UInt16) -> [SocketAddress] {
        let number = asked.withLock { count in
            count += 1
            return count
        }
        while number > 1, !isReleased.load(ordering: .acquiring) { usleep(1_000) }
        return SocketAddress(literal: "127.0.0.\(number)", port: port).map { [$0] } ?? []
    }

    func release() { isReleased.store(true, ordering: .releasing) }
}

extension SocketTests {
    @Suite("The resolver")
    struct ResolverTests {
        @Test("keeps an answer while it is fresh, and asks anew once it is old")
        func old() async throws {
            try await onLoop {
                let server = SilentAfterFirst()
                server.release()
                let resolver = Resolver(freshMilliseconds: 20) { server.lookUp($0, $1) }
                let (first, patient) = (EventLoop.shared.nowNanoseconds, Deadline.patient)
                let answers = await resolver.addresses(of: "name.test", port: 80, deadline: patient)
                while server.requests == 1, !patient.hasPassed {
                    let again = await resolver.addresses(of: "name.test", port: 80, deadline: patient)
                    if server.requests == 1 { #expect(again == answers) }
                    await EventLoop.shared.sleep(until: .after(milliseconds: 1))
                }
                #expect(server.requests == 2)
                #expect(EventLoop.shared.nowNanoseconds - first >= 20_000_000, "not before it was old")
            }
        }

        @Test("gives an old answer while the name server is silent, long before the deadline")
        func silent() async throws {
            try await onLoop {
                let server = SilentAfterFirst()
                let resolver = Resolver(freshMilliseconds: 0) { server.lookUp($0, $1) }
                let old = try #require(SocketAddress(literal: "127.0.0.1", port: 80))
                let deadline = Deadline.patient
                #expect(await resolver.addresses(of: "name.test", port: 80, deadline: deadline) == [old])
                for _ in 0..<3 {
                    #expect(await resolver.addresses(of: "name.test", port: 80, deadline: deadline) == [old])
                }
                #expect(!deadline.hasPassed)
                #expect(server.requests == 2, "everybody shares the request that is on its way")
                server.release()
                var latest = [old]
                while latest == [old], !deadline.hasPassed {
                    latest = await resolver.addresses(of: "name.test", port: 80, deadline: deadline)
                }
                #expect(latest != [old])
            }
        }
    }
}
