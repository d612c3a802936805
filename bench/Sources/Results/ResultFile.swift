package import Foundation

/// Results as files.
package enum ResultFile {
    /// Why a file is no result that can be used.
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads a result; a file in another form is an error that says so.
    package static func read(_ file: URL) throws -> BenchmarkResult {
        struct Form: Decodable { let format: Int }
        let data: Data
        do {
            data = try Data(contentsOf: file)
        } catch {
            throw Unreadable(description: "\(file.path): cannot be read")
        }
        guard let form = try? JSONDecoder().decode(Form.self, from: data) else {
            throw Unreadable(description: "\(file.path): expected the JSON file of a benchmark's result")
        }
        guard form.format == BenchmarkResult.currentFormat else {
            throw Unreadable(
                description:
                    "\(file.path): has format \(form.format); expected \(BenchmarkResult.currentFormat)")
        }
        return try JSONDecoder().decode(BenchmarkResult.self, from: data)
    }

    /// Writes a result with one measurement a line, so that the file is small and two of them can be told
    /// apart.
    package static func write(_ result: BenchmarkResult, to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var rest = result
        rest.measurements = []
        let lines = try result.measurements.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
        let frame = String(decoding: try encoder.encode(rest), as: UTF8.self)
        // Within a text the quotes would be escaped: this is the member, and there is one.
        let text = frame.replacingOccurrences(
            of: #""measurements":[]"#, with: "\n\"measurements\":[\n" + lines.joined(separator: ",\n") + "\n]"
        )
        let data = Data((text + "\n").utf8)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file, options: .atomic)
    }

    /// The newest result that was kept, by the time at which it was measured; of an extent, and older than a
    /// date, where these are given. A folder that cannot be read is an error.
    package static func newest(
        in folder: URL, extent: BenchmarkResult.Extent? = nil, before date: String? = nil
    ) throws -> BenchmarkResult? {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        } catch {
            throw Unreadable(description: "\(folder.path): cannot be read. Expected a folder of results")
        }
        return try names.filter { $0.hasSuffix(".json") }
            .map { try read(folder.appendingPathComponent($0)) }
            .filter { extent == nil || $0.extent == extent }
            // Dates are written in one form, in UTC: as texts they are in the order of time.
            .filter { result in date.map { result.date < $0 } ?? true }
            .max { $0.date < $1.date }
    }
}
