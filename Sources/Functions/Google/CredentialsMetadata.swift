public import Net

/// The metadata server of a Google machine, and how it is asked.
public struct MetadataServer: Sendable {
    /// Where it answers; always in clear, on a link that only the machine is on.
    public let origin: Origin
    /// Whether it must be looked for before it is trusted to be there: unless the platform or a variable says
    /// so.
    public let needsProbing: Bool
    /// The time for one request.
    public let timeoutMilliseconds: UInt64

    /// As Google's libraries read the environment.
    ///
    /// GCE_METADATA_HOST, else GCE_METADATA_IP, else the well-known address (no name server needs to be
    /// asked). An error when NO_GCE_CHECK rules the metadata server out: then there are no credentials at
    /// all.
    init(in environment: Environment) throws(CredentialsError) {
        if environment["NO_GCE_CHECK"] == "true", environment["K_SERVICE"] == nil {
            throw CredentialsError(
                file: "GOOGLE_APPLICATION_CREDENTIALS", field: nil,
                reason: "is not set, gcloud's file is not there, and NO_GCE_CHECK forbids the metadata server"
            )
        }
        let named = environment["GCE_METADATA_HOST"]
        let host = named ?? environment["GCE_METADATA_IP"] ?? "169.254.169.254"
        guard let origin = Origin(.http, authority: host.utf8) else {
            throw CredentialsError(
                file: named != nil ? "GCE_METADATA_HOST" : "GCE_METADATA_IP", field: nil,
                reason: "is not a host or host:port")
        }
        self.origin = origin
        needsProbing = named == nil && environment["K_SERVICE"] == nil
        guard let time = Self.timeoutMilliseconds(environment["GCE_METADATA_TIMEOUT"]) else {
            throw CredentialsError(
                file: "GCE_METADATA_TIMEOUT", field: nil, reason: "is not a number of seconds from 1 to 600")
        }
        timeoutMilliseconds = time
    }

    /// The time that GCE_METADATA_TIMEOUT gives in seconds; three of them where it is not set.
    static func timeoutMilliseconds(_ text: String?) -> UInt64? {
        guard let text else { return ServiceLimits.metadataMilliseconds }
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy(ASCII.isDigit),
            let seconds = UInt64(text),
            (1...600).contains(seconds)
        else { return nil }
        return seconds * 1_000
    }

    /// A request for `path` under `/computeMetadata/v1/`.
    static func request(_ path: String) -> HTTPRequest {
        var fields = HTTPFields()
        fields.append("Metadata-Flavor", "Google")
        return HTTPRequest(method: .get, target: Array("/computeMetadata/v1/\(path)".utf8), fields: fields)
    }

    /// The request that finds out whether it is there.
    static var probe: HTTPRequest {
        var fields = HTTPFields()
        fields.append("Metadata-Flavor", "Google")
        return HTTPRequest(method: .get, target: [UInt8(ascii: "/")], fields: fields)
    }

    /// Whether an answer is a metadata server's: anything that happens to listen at the address is none.
    static func isAnswer(_ response: HTTPResponse) -> Bool {
        response.fields["metadata-flavor"]?.equals("Google") ?? false
    }
}
