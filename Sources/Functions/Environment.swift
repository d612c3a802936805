internal import Glibc

/// What the program is started in: its variables, and the files that some of them name.
///
/// A value that is handed around, so that a test can be in any environment it likes.
public struct Environment: Sendable {
    /// Why a file could not be read.
    public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
        /// There is none of that name.
        case notFound
        /// It may be there, behind a directory that is none or may not be entered; the text is the system's
        /// reason.
        case unreachable(String)
        /// It is there, and cannot be opened or read; the text is the system's reason.
        case unreadable(String)
        /// It is a directory, a pipe, a device.
        case notAFile
        /// It has more than `ServiceLimits.credentialsBytesMax` bytes.
        case tooLarge

        /// A phrase that follows the file's name.
        public var description: String {
            switch self {
            case .notFound: "does not exist"
            case .unreachable(let reason): "cannot be reached: \(reason)"
            case .unreadable(let reason): "cannot be read: \(reason)"
            case .notAFile: "is not a file"
            case .tooLarge: "is larger than any credentials"
            }
        }
    }

    private let variable: @Sendable (String) -> String?
    private let file: @Sendable (String) -> Result<[UInt8], FileError>

    /// An environment of these variables and files alone.
    public init(_ variables: [String: String], files: [String: [UInt8]] = [:]) {
        variable = { variables[$0] }
        file = { path in files[path].map { .success($0) } ?? .failure(.notFound) }
    }

    /// An environment whose variables and files come from these closures.
    public init(
        variable: @escaping @Sendable (String) -> String?,
        file: @escaping @Sendable (String) -> Result<[UInt8], FileError>
    ) {
        self.variable = variable
        self.file = file
    }

    /// The process's own.
    public static let process = Environment(
        variable: { name in
            guard let value = unsafe getenv(name) else { return nil }
            return unsafe String(cString: value)
        },
        file: { path in Self.read(path) })

    /// The value of a variable; nil when it is absent or empty, which mean the same.
    public subscript(_ name: String) -> String? {
        guard let value = variable(name), !value.utf8.isEmpty else { return nil }
        return value
    }

    /// Whether a variable is there and empty.
    func isEmpty(_ name: String) -> Bool { variable(name)?.utf8.isEmpty ?? false }

    /// A file's bytes. Blocks for as long as the disk takes.
    public func contents(of path: String) -> Result<[UInt8], FileError> {
        file(path)
    }

    private static func read(_ path: String) -> Result<[UInt8], FileError> {
        // Not blocking: a pipe without a writer must not hold the program.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        var status = stat()
        guard descriptor >= 0 else {
            if errno == ENOENT { return .failure(.notFound) }
            let reason = reason(errno)
            return .failure(unsafe stat(path, &status) == 0 ? .unreadable(reason) : .unreachable(reason))
        }
        defer { _ = close(descriptor) }
        guard unsafe fstat(descriptor, &status) == 0 else { return .failure(.unreadable(reason(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.notAFile) }
        guard status.st_size <= ServiceLimits.credentialsBytesMax else { return .failure(.tooLarge) }
        // One byte more than there should be: a read that fills it shows that the file has grown.
        var bytes: [UInt8] = []
        var room = Int(status.st_size) + 1
        while bytes.count <= ServiceLimits.credentialsBytesMax {
            var count = 0
            bytes.append(addingCapacity: room) { span in
                unsafe span.withUnsafeMutableBufferPointer { buffer, initialized in
                    count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                    initialized += max(0, count)
                }
            }
            if count == 0 { return .success(bytes) }
            if count < 0, errno != EINTR { return .failure(.unreadable(reason(errno))) }
            room = 4_096
        }
        return .failure(.tooLarge)
    }

    private static func reason(_ code: CInt) -> String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}
