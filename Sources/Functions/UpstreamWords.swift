/// What of an error's own words may stand in the log: those that name a permission, a role or an object.
///
/// Google's APIs and Kubernetes have known forms for them. All others may repeat what was sent, above all
/// those of an admission webhook or policy, whose author writes them, and those of a field that is not taken.
enum UpstreamWords {
    /// How errors of Google's APIs begin: in BigQuery, IAM, GKE, Artifact Registry and Pub/Sub.
    private static let openings = [
        "Access Denied: ", "Not found: ", "Permission ", "Required \"", "Requested entity was not found",
        "Request had ", "Request is missing ", "Request is prohibited by organization's policy",
        "VPC Service Controls: ",
        "Caller does not have ", "The caller does not have ", "User not authorized", "Resource not found",
        "Quota exceeded: ", "Exceeded rate limits: ", "This API method requires billing", "Unauthorized",
    ]
    /// Google's, after a service's name.
    private static let disabled = " API has not been used in project "
    /// Kubernetes' own, after the object's name.
    private static let forbidden = [" is forbidden: User \"", " is forbidden: exceeded quota: "]
    private static let objects = ["jobs.batch ", "pods ", "namespaces ", "serviceaccounts "]
    /// Errors of Kubernetes by how they begin, and up to where they are its own: what follows is somebody
    /// else's, or repeats a value.
    private static let cuts = [
        ("admission webhook \"", " denied the request"), ("jobs.batch \"", " denied request"),
        ("Job in version ", " cannot be handled as a Job"), ("Job.batch \"", ": Invalid"),
        ("Job.batch \"", ": Unsupported"), ("Job.batch \"", ": Required value"),
    ]

    /// The part of `message`, an error's printable text, that may be logged; nil where none may be.
    static func loggable(_ message: [UInt8]) -> [UInt8]? {
        // A cut comes before any form: a webhook may write what it likes behind its denial.
        let ends = cuts.compactMap { opening, cut in
            message.starts(with: opening.utf8) ? message.end(of: cut.utf8) : nil
        }
        if let first = ends.min() { return Array(message[..<first]) }
        let isGoogles =
            openings.contains { message.starts(with: $0.utf8) } || message.end(of: disabled.utf8) != nil
        let isKubernetes =
            objects.contains { message.starts(with: $0.utf8) }
            && (forbidden.contains { message.end(of: $0.utf8) != nil }
                || message.reversed().starts(with: " not found".utf8.reversed()))
        return isGoogles || isKubernetes ? message : nil
    }
}

extension [UInt8] {
    /// Where these bytes first hold `phrase`: the index behind it.
    func end(of phrase: some Collection<UInt8>) -> Int? {
        indices.first { self[$0...].starts(with: phrase) }.map { $0 + phrase.count }
    }
}
