/// What `/settings` changes. The defaults are those of the start.
struct Settings {
    var isRecording = true
    var recordedRequestsMax = 20_000
    var recordedBodyBytesMax = 16_777_216
    var recordedBytesMax = 268_435_456
    var jobsMax = 20_000
    var podsPerJob = 1
    var latencyMilliseconds: [String: Int] = [:]
    var bigQueryTooLargeStatus = 413
    var deduplicationSeconds = 60
    var imagesPageSizeMax = 1_000
    var imagesPageSizeDefault = 100
    var tables: [String]
    var topics: Set<String>
    var deniedPermissions: Set<String> = []

    init(project: String) {
        tables = ["projects/\(project)/datasets/octue_twined/tables/service-events"]
        topics = [
            "projects/\(project)/topics/main.octue.twined.services",
            "projects/\(project)/topics/main.octue.twined.dead-letters",
        ]
    }

    /// How long `service` waits before an answer, in milliseconds.
    func latency(of service: ServiceName) -> Int {
        if latencyMilliseconds.isEmpty { return 0 }
        return latencyMilliseconds[service.rawValue] ?? latencyMilliseconds["*"] ?? 0
    }
}
