import Glibc

/// An open descriptor. Closed exactly once, when the value ends.
///
/// Not copyable: two owners of one descriptor are how a server answers the wrong client.
struct FileDescriptor: ~Copyable, Sendable {
    let raw: CInt

    init(owning raw: CInt) {
        precondition(raw >= 0, "a descriptor must be open")
        self.raw = raw
    }

    deinit { _ = close(raw) }  // EINTR included: on Linux the descriptor is gone either way.
}
