import Foundation

/// One line of the log, in Cloud Logging's form.
struct LogLine: Encodable {
    enum CodingKeys: String, CodingKey {
        case severity, message, time, event, kind, question, outcome, reason
        case trace = "logging.googleapis.com/trace"
        case milliseconds = "ms"
    }

    var severity: String
    var message: String
    var time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    var trace: String?
    var event: String?
    var kind: String?
    var question: String?
    var outcome: String?
    var reason: String?
    var milliseconds: Double?

    func write() {
        do {
            var line = try JSONEncoder().encode(self)
            line.append(0x0A)
            FileHandle.standardError.write(line)
        } catch {
            fail("a log line could not be written: \(error)", 1)
        }
    }
}
