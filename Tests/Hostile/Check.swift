import Glibc

/// Writes a line to standard error.
func say(_ text: String) {
    var line = text + "\n"
    line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
}

/// Stops the program where something is not as it must be: a fuzzer takes this for a finding.
func check(_ condition: Bool, _ text: @autoclosure () -> String) {
    if condition { return }
    stop(text())
}

private func stop(_ text: String) -> Never {
    if let file = Current.file { say(file) }
    say("not so: \(text)")
    #if FUZZING
    abort()
    #else
    exit(1)
    #endif
}

/// The value, which must be there.
func required<Value>(_ value: Value?, _ text: @autoclosure () -> String) -> Value {
    guard let value else {
        stop(text())
    }
    return value
}

/// Bytes as they can be read, with everything but visible ASCII escaped.
func shown(_ bytes: some Collection<UInt8>) -> String {
    var text = ""
    for byte in bytes.prefix(2_000) {
        if byte >= 0x20, byte < 0x7F, byte != 0x5C {
            text.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            text += "\\x" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
    }
    return text
}

/// A folder's files and their bytes, in order of their names.
enum Folder {
    static func files(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append("\(path)/\(name)") }
        }
        return names.sorted()
    }

    static func bytes(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var content: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            if count == 0 { return content }
            content.append(contentsOf: piece[..<count])
        }
    }
}
