import Glibc

/// A file or folder could not be made; the text says which and why.
public struct FileError: Error, CustomStringConvertible, Sendable {
    /// One line.
    public let description: String
}

/// The few files that the local cloud writes, at start.
enum Files {
    /// Makes a folder unless it is there.
    static func makeDirectory(_ path: String) throws(FileError) {
        if unsafe mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        throw FileError(description: "cannot make \(path): \(reason)")
    }

    /// A new folder among the temporary ones.
    static func makeTemporaryDirectory() throws(FileError) -> String {
        let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/local-cloud.XXXXXX".utf8.map { CChar(bitPattern: $0) }) + [0]
        guard unsafe mkdtemp(&template) != nil else {
            throw FileError(description: "cannot make a folder in \(base): \(reason)")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes a file anew, readable once it is whole.
    static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let part = path + ".part"
        let descriptor = unsafe open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(description: "cannot write \(path): \(reason)") }
        defer { _ = close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else { throw FileError(description: "cannot write \(path): \(reason)") }
            rest = rest.dropFirst(count)
        }
        guard unsafe rename(part, path) == 0 else {
            throw FileError(description: "cannot write \(path): \(reason)")
        }
    }

    /// Removes a folder of our own with these files in it. What cannot be removed stays, for the system to
    /// clear.
    static func remove(_ directory: String, _ files: [String]) {
        for file in files { _ = unsafe unlink("\(directory)/\(file)") }
        _ = unsafe rmdir(directory)
    }

    private static var reason: String {
        guard let text = unsafe strerror(errno) else { return "error \(errno)" }
        return unsafe String(cString: text)
    }
}
