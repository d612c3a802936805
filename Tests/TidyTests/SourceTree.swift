import Glibc

/// The project's own files, read as text: what the house rules are checked on.
enum SourceTree {
    /// The project's root, found from this file's own path.
    static let root: String = {
        var parts = #filePath.split(separator: "/").map(String.init)
        parts.removeLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// A file's text; nil when it is not there.
    static func read(_ path: String) -> String? {
        guard let file = fopen("\(root)/\(path)", "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            if count == 0 { break }
            bytes.append(contentsOf: piece[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether there is such a file or folder.
    static func exists(_ path: String) -> Bool { access("\(root)/\(path)", R_OK) == 0 }

    /// A file's lines, split at line feeds.
    static func lines(_ path: String) -> [Substring] {
        (read(path) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The paths below `folder`, relative to the root, that end in one of `endings`.
    static func files(in folder: String, endings: [String]) -> [String] {
        guard let directory = opendir("\(root)/\(folder)") else { return [] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix(".") || name == "__pycache__" { continue }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            if entry.pointee.d_type == UInt8(DT_DIR) {
                found += files(in: path, endings: endings)
            } else if endings.contains(where: { name.hasSuffix($0) }) {
                found.append(path)
            }
        }
        return found.sorted()
    }
}
