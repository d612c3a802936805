import Glibc
import LoadGenerator
import Testing

@testable import Bench

@Suite("Slow clients")
struct SlowClientsTests {
    /// Listens on a port of the loopback; the port is free when the descriptor is closed.
    private func listen(on port: UInt16) throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(descriptor >= 0)
        var on: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isBound && Glibc.listen(descriptor, 16) == 0)
        return descriptor
    }

    private func work(_ clients: SlowClients, times: Int) {
        for _ in 0..<times { clients.work(at: Clock.now()) }
    }

    @Test("one that the server ends is replaced, and one that it refuses is tried again, and both count")
    func replaced() throws {
        let port = try FreePort.next()
        var listener = try listen(on: port)
        let clients = try SlowClients(count: 3, port: port)
        var taken = (0..<3).map { _ in accept(listener, nil, nil) }
        work(clients, times: 3)
        #expect(clients.ended == 0 && clients.refused == 0)

        close(taken.removeFirst())
        work(clients, times: 3)
        #expect(clients.ended == 1 && clients.refused == 0)

        taken.append(accept(listener, nil, nil))
        for descriptor in taken { close(descriptor) }
        close(listener)
        work(clients, times: 6)
        #expect(clients.ended == 4 && clients.refused == 6, "none is left, and each was tried twice")

        listener = try listen(on: port)
        defer { close(listener) }
        work(clients, times: 6)
        #expect(clients.ended == 4 && clients.refused == 6, "all are there again")
    }
}
