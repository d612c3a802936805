import Foundation
import Results

/// The files that a run leaves.
enum Outputs {
    /// Everything that is made from a result when it is there.
    static func write(_ result: BenchmarkResult, to folder: URL) throws {
        try ResultFile.write(result, to: folder.appendingPathComponent("result.json"))
    }
}
