import Glibc
import JSON

/// The look-ups among the recorded cases of the original.
struct RecordedLookups: Sendable {
    let method: String
    let target: String
    let status: Int
    let body: String

    static func all() throws -> [RecordedLookups] {
        let here = "\(#filePath)"
        let tests = here.split(separator: "/").dropLast(2).joined(separator: "/")
        var lookups: [RecordedLookups] = []
        for line in lines(of: "/\(tests)/Corpus/original-cases.jsonl") {
            let value = try JSONDocument(parsing: line).root
            guard value["function"]?.equals("handle_request") == true, let request = value["request"],
                let response = value["response"], let method = request["method"]?.string,
                let target = request["path"]?.string, let status = response["status"]?.integer
            else { continue }
            lookups.append(
                RecordedLookups(
                    method: method, target: target, status: status, body: response["body"]?.string ?? ""))
        }
        return lookups
    }

    private static func lines(of path: String) -> [[UInt8]] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer.prefix(count)
        }
        return bytes.split(separator: 0x0A).map(Array.init)
    }
}
