import Glibc

/// A TCP socket to a port of the loopback.
package struct Socket {
    package let descriptor: CInt

    /// Connects. With `blocking` it returns once the connection is there; otherwise it may still be on its
    /// way.
    package init(port: UInt16, blocking: Bool) throws(Errno) {
        let type =
            CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue) | (blocking ? 0 : CInt(SOCK_NONBLOCK.rawValue))
        descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else { throw Errno(number: errno) }
        var on: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0, errno != EINPROGRESS {
            let failure = Errno(number: errno)
            Glibc.close(descriptor)
            throw failure
        }
    }

    /// Makes reads and writes of a blocking socket fail after a while.
    package func setPatience(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Closes without keeping the port for a minute, as thousands of ended connections would.
    package func abort() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        Glibc.close(descriptor)
    }

    package func close() { Glibc.close(descriptor) }

    /// The error that a connection on its way has ended with; 0 when there is none.
    package var pendingError: CInt {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &size)
        return value
    }

    /// Sends all of `bytes` on a blocking socket.
    package func sendAll(_ bytes: [UInt8]) throws(Errno) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
                return send(descriptor, rest.baseAddress, rest.count, Flags.noSignal)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Errno(number: errno) }
            sent += count
        }
    }

    enum Flags {
        static let noSignal = CInt(MSG_NOSIGNAL)
    }
}

/// An error of the system's.
package struct Errno: Error, Equatable, CustomStringConvertible {
    package let number: CInt
    package init(number: CInt) { self.number = number }
    package var description: String { String(cString: strerror(number)) }
}
