import CNet
import Glibc

/// A socket address of either family, as the kernel takes it.
struct SocketAddress: Sendable, Equatable {
    /// The bytes of a `sockaddr_in` or `sockaddr_in6`.
    let bytes: [UInt8]

    /// AF_INET or AF_INET6.
    var family: CInt {
        unsafe bytes.withUnsafeBytes { CInt(unsafe $0.loadUnaligned(as: sa_family_t.self)) }
    }

    init(bytes: [UInt8]) {
        precondition(
            bytes.count >= MemoryLayout<sockaddr_in>.size, "a socket address is shorter than its family's")
        self.bytes = bytes
    }

    /// The address that `text` spells, IPv4 or IPv6 without brackets; nil when it is a name.
    init?(literal text: String, port: UInt16) {
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        if unsafe inet_pton(AF_INET, text, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            self.init(bytes: unsafe withUnsafeBytes(of: v4) { unsafe Array($0) })
        } else if unsafe inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            self.init(bytes: unsafe withUnsafeBytes(of: v6) { unsafe Array($0) })
        } else {
            return nil
        }
    }

    /// Calls `body` with the address as the socket calls take it.
    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else {
                preconditionFailure("a socket address is never empty")
            }
            return unsafe body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(buffer.count))
        }
    }
}

enum Socket {
    /// A listening TCP socket on `address`.
    static func listen(on address: SocketAddress) throws(Errno) -> FileDescriptor {
        let family = address.family
        let descriptor = FileDescriptor(owning: try systemCall { cnet_tcp_socket(family) })
        try setOption(descriptor.raw, level: SOL_SOCKET, name: SO_REUSEADDR, value: 1)
        let raw = descriptor.raw
        _ = try systemCall { unsafe address.withSockaddr { unsafe bind(raw, $0, $1) } }
        _ = try systemCall { Glibc.listen(raw, CInt(Limits.acceptQueueMax)) }
        return descriptor
    }

    /// The port that a listening socket got.
    static func port(of descriptor: borrowing FileDescriptor) throws(Errno) -> UInt16 {
        var address = sockaddr_in6()  // Large enough for both families; the port stands at the same place.
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let raw = descriptor.raw
        _ = try systemCall {
            unsafe withUnsafeMutablePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(raw, $0, &length)
                }
            }
        }
        return UInt16(bigEndian: address.sin6_port)
    }

    /// The next waiting connection, or nil when there is none.
    static func accept(from listener: borrowing FileDescriptor) throws(Errno) -> CInt? {
        let raw = listener.raw
        while true {
            do throws(Errno) {
                return try systemCall { cnet_accept(raw) }
            } catch {
                switch error.code {
                case EAGAIN: return nil
                // The peer gave up before it was accepted, or its network failed: accept(2), "Error
                // handling".
                case ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
                    ENETUNREACH:
                    continue
                default: throw error
                }
            }
        }
    }

    /// Small messages leave at once, and bytes that nobody acknowledges end the connection.
    static func setStreamOptions(_ descriptor: CInt, unacknowledgedMilliseconds: CInt) {
        // A peer that is gone already makes these fail; the next read says so.
        try? setOption(descriptor, level: CInt(IPPROTO_TCP), name: TCP_NODELAY, value: 1)
        try? setOption(
            descriptor, level: CInt(IPPROTO_TCP), name: TCP_USER_TIMEOUT,
            value: unacknowledgedMilliseconds)
    }

    /// Makes closing `descriptor` reset the connection instead of ending it.
    static func resetOnClose(_ descriptor: CInt) {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// What became of a connection attempt: nil when it stands.
    static func pendingError(of descriptor: CInt) -> Errno? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &length) == 0 else {
            return Errno.current
        }
        return value == 0 ? nil : Errno(value)
    }

    private static func setOption(
        _ descriptor: CInt, level: CInt, name: CInt, value: CInt
    ) throws(Errno) {
        var value = value
        _ = try systemCall {
            unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
        }
    }
}
