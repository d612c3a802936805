import Glibc

/// Files of the package, found from this source.
public enum Repository {
    /// A file cannot be read.
    public struct Unreadable: Error {
        /// Which one.
        public var path: String
    }

    /// The bytes of a file; its path begins at the package.
    public static func bytes(_ path: String) throws(Unreadable) -> [UInt8] {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/\(path)"
        guard let file = fopen(path, "rb") else { throw Unreadable(path: path) }
        defer { fclose(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return content }
            content.append(contentsOf: buffer[..<count])
        }
    }

    /// The same as text.
    public static func text(_ path: String) throws(Unreadable) -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }
}
