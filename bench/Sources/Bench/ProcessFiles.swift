import Glibc

/// What /proc says of a process, read from the text of its files.
enum ProcessFiles {
    /// The part of /proc/PID/stat that is needed here.
    struct Status: Equatable {
        var parent: Int32
        /// Clock ticks of the process and of those of its children that it has waited for.
        var userTicks: Int
        var systemTicks: Int
    }

    struct Memory: Equatable {
        var proportionalKibibytes = 0
        var residentKibibytes = 0
        var anonymousKibibytes = 0
        var peakKibibytes = 0

        static func + (left: Memory, right: Memory) -> Memory {
            Memory(
                proportionalKibibytes: left.proportionalKibibytes + right.proportionalKibibytes,
                residentKibibytes: left.residentKibibytes + right.residentKibibytes,
                anonymousKibibytes: left.anonymousKibibytes + right.anonymousKibibytes,
                peakKibibytes: left.peakKibibytes + right.peakKibibytes)
        }
    }

    /// Nil when the text has not the form of that file. The program's name stands in brackets and may hold
    /// spaces and brackets itself.
    static func status(_ stat: String) -> Status? {
        guard let bracket = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: bracket)...].split(separator: " ")
        guard fields.count > 14, let parent = Int32(fields[1]), let user = Int(fields[11]),
            let system = Int(fields[12]), let childUser = Int(fields[13]), let childSystem = Int(fields[14])
        else { return nil }
        return Status(parent: parent, userTicks: user + childUser, systemTicks: system + childSystem)
    }

    /// The time on a processor in nanoseconds, from /proc/PID/task/TID/schedstat.
    static func runTime(_ schedstat: String) -> UInt64? {
        schedstat.split { $0 == " " || $0 == "\n" }.first.flatMap { UInt64($0) }
    }

    /// From smaps_rollup, and the peak of the resident memory from status.
    static func memory(rollup: String, status: String) -> Memory? {
        guard let proportional = kibibytes("Pss", in: rollup), let resident = kibibytes("Rss", in: rollup),
            let anonymous = kibibytes("Anonymous", in: rollup)
        else { return nil }
        return Memory(
            proportionalKibibytes: proportional, residentKibibytes: resident, anonymousKibibytes: anonymous,
            peakKibibytes: kibibytes("VmHWM", in: status) ?? resident)
    }

    /// The number in a line such as `Pss:    329 kB`.
    private static func kibibytes(_ name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            if words.count == 3, words[0] == "\(name):", words[2] == "kB" { return Int(words[1]) }
        }
        return nil
    }

    /// A file's text; nil when the process is gone, or the file is not for us.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count <= 0 { break }
            bytes.append(contentsOf: piece[..<count])
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// The names in a folder that are numbers.
    static func numbers(in folder: String) -> [Int32] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name) { found.append(number) }
        }
        return found
    }
}
