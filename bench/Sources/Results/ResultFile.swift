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

    /// Writes a result so that two of them can be compared line by line.
    package static func write(_ result: BenchmarkResult, to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        var data = try encoder.encode(result)
        data.append(UInt8(ascii: "\n"))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file, options: .atomic)
    }

    /// The newest committed result: files are called `DATE-COMMIT.json`, so the last name is the newest.
    package static func newest(in folder: URL, extent: BenchmarkResult.Extent? = nil) throws
        -> BenchmarkResult?
    {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names.filter({ $0.hasSuffix(".json") }).sorted().reversed() {
            let result = try read(folder.appendingPathComponent(name))
            if extent == nil || result.extent == extent { return result }
        }
        return nil
    }
}
