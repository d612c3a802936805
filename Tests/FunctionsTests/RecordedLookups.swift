import JSON
import TestSupport

/// The look-ups among the recorded cases of the original.
struct RecordedLookups: Sendable {
    let method: String
    let target: String
    let status: Int
    let body: String

    static func all() throws -> [RecordedLookups] {
        try Repository.cases().compactMap { value in
            guard value["function"]?.equals("handle_request") == true, let request = value["request"],
                let response = value["response"], let method = request["method"]?.string,
                let target = request["path"]?.string, let status = response["status"]?.integer
            else { return nil }
            return RecordedLookups(
                method: method, target: target, status: status, body: response["body"]?.string ?? "")
        }
    }
}
