import Glibc

/// An error number of the kernel, as `errno` holds it.
public struct Errno: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The number, for example `ECONNREFUSED`.
    public let code: CInt

    /// The error `code`.
    public init(_ code: CInt) {
        self.code = code
    }

    /// Nobody listens there (`ECONNREFUSED`).
    public static let connectionRefused = Errno(ECONNREFUSED)
    /// The process has as many descriptors as it may (`EMFILE`).
    public static let tooManyOpenFiles = Errno(EMFILE)
    /// The machine has (`ENFILE`).
    public static let tooManyOpenFilesInSystem = Errno(ENFILE)

    /// The error of the call that has just failed on this thread.
    static var current: Errno { Errno(errno) }

    /// glibc's words for it.
    public var description: String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}

/// Makes a system call, again when a signal interrupted it.
///
/// `EBADF` and `EFAULT` are never the world's fault: a descriptor of another owner or a pointer into nowhere
/// would answer the wrong client, so the program stops there.
func systemCall<Result: FixedWidthInteger>(_ body: () -> Result) throws(Errno) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let error = Errno.current
        if error.code == EINTR { continue }
        precondition(
            error.code != EBADF && error.code != EFAULT, "a system call was given a bad descriptor or pointer"
        )
        throw error
    }
}
