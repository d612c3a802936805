internal import Net

/// The fields that the requests to one API have in common: put together once for each token.
@EventLoopActor
final class PreparedFields {
    private let accept: StaticString?
    private let quotaProjectID: [UInt8]?
    private var withBody: Kept?
    private var withoutBody: Kept?

    /// The fields of the last request, which are those of the next while the token is the same.
    private struct Kept {
        let authorization: [UInt8]?
        let fields: HTTPFields
    }

    /// - Parameters:
    ///   - accept: the media type that is asked for, where the API has several.
    ///   - quotaProjectID: the project that is billed, where it is not the token's own.
    init(accept: StaticString? = nil, quotaProjectID: ProjectID? = nil) {
        self.accept = accept
        self.quotaProjectID = quotaProjectID.map { Array($0.text.utf8) }
    }

    /// The fields of one request; `authorization` is the value of its Authorization field.
    func fields(_ authorization: [UInt8]?, hasBody: Bool) -> HTTPFields {
        if let kept = hasBody ? withBody : withoutBody, kept.authorization == authorization {
            return kept.fields
        }
        var fields = HTTPFields()
        if hasBody { fields.append("Content-Type", "application/json") }
        if let accept { fields.append("Accept", accept.description) }
        if let authorization { fields.append("Authorization", authorization) }
        if let quotaProjectID { fields.append("x-goog-user-project", quotaProjectID) }
        let kept = Kept(authorization: authorization, fields: fields)
        if hasBody { withBody = kept } else { withoutBody = kept }
        return fields
    }
}
