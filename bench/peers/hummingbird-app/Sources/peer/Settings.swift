import Foundation

/// Reads environment variables, and collects what is wrong with them.
struct Settings {
    private let variables = ProcessInfo.processInfo.environment
    private(set) var problems: [String] = []

    func optional(_ name: String) -> String? {
        variables[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    mutating func required(_ name: String) -> String {
        if let value = optional(name) { return value }
        problems.append("\(name) is not set")
        return ""
    }

    mutating func refuse(_ problem: String) { problems.append(problem) }

    func number(_ name: String, _ fallback: Int) -> Int {
        optional(name).flatMap { Int($0) } ?? fallback
    }

    /// A Google service's own address, or the one that gcloud's override names.
    func endpoint(_ service: String) -> String {
        var value =
            optional("CLOUDSDK_API_ENDPOINT_OVERRIDES_\(service.uppercased())")
            ?? "https://\(service).googleapis.com"
        while value.hasSuffix("/") { value.removeLast() }
        let suffix = "/bigquery/v2"
        return value.hasSuffix(suffix) ? String(value.dropLast(suffix.count)) : value
    }

    /// How long one event may take: the platform's limit, less five seconds.
    var eventSeconds: Int { max(5, number("CLOUD_RUN_TIMEOUT_SECONDS", 60) - 5) }
}
