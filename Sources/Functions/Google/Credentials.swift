internal import JSON
public import Net

/// Who the program is towards Google: application default credentials, read and proven, nothing fetched yet.
public struct Credentials: Sendable {
    /// How a token is come by.
    public indirect enum Kind: Sendable {
        /// A service account's private key.
        case serviceAccount(ServiceAccountKey)
        /// A person's refresh token, as `gcloud auth application-default login` leaves it.
        case authorizedUser(AuthorizedUser)
        /// Workload identity federation.
        case externalAccount(ExternalAccount)
        /// A service account that other credentials may act as.
        case impersonated(source: Kind, Impersonation)
        /// The identity of the machine.
        case metadataServer(MetadataServer)
    }

    /// How a token is come by.
    public let kind: Kind
    /// The project that the credentials belong to, where they say so.
    public let projectID: String?
    /// Whose quota calls are counted against, where the file says so (`x-goog-user-project`).
    public let quotaProjectID: String?
    /// The universe of the credentials, where the file says so.
    public let universeDomain: String?

    /// The machine's identity, which says nothing else about itself.
    public init(metadataServer: MetadataServer) {
        kind = .metadataServer(metadataServer)
        projectID = nil
        quotaProjectID = nil
        universeDomain = nil
    }

    /// Credentials from the text of a file. `file` names it in errors.
    public init(parsing bytes: [UInt8], file: String) throws(CredentialsError) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: bytes, depthMax: 32, allowsByteOrderMark: true)
        } catch {
            throw CredentialsError(file: file, field: nil, reason: "is not JSON: \(error)")
        }
        guard document.root.isObject else {
            throw CredentialsError(file: file, field: nil, reason: "is not a JSON object")
        }
        let fields = CredentialsFields(document.root, file: file)
        universeDomain = try fields.universeDomain()
        kind = try Kind(fields, universeDomain: universeDomain ?? Universe.standard, nesting: 0)
        if case .serviceAccount = kind {
            projectID = try fields.projectID("project_id")
            quotaProjectID = nil
        } else {
            projectID = nil
            quotaProjectID = try fields.projectID("quota_project_id")
        }
    }

    /// The credentials of `environment`, in Google's order: the file that GOOGLE_APPLICATION_CREDENTIALS
    /// names, gcloud's well-known file, the metadata server.
    public static func find(in environment: Environment) throws(CredentialsError) -> Credentials {
        if let path = environment["GOOGLE_APPLICATION_CREDENTIALS"] {
            switch environment.contents(of: path) {
            case .success(let bytes): return try Credentials(parsing: bytes, file: path)
            case .failure(let error):
                throw CredentialsError(file: path, field: nil, reason: error.description)
            }
        }
        if let path = wellKnownPath(in: environment) {
            switch environment.contents(of: path) {
            case .success(let bytes): return try Credentials(parsing: bytes, file: path)
            case .failure(.notFound), .failure(.unreachable), .failure(.notAFile): break
            case .failure(let error):
                throw CredentialsError(file: path, field: nil, reason: error.description)
            }
        }
        return Credentials(metadataServer: try MetadataServer(in: environment))
    }

    /// The universe that the credentials are for; a file that names none is for Google's own. Nil for the
    /// metadata server, which is not asked: what it gives is for the universe that the function runs in.
    var ownUniverseDomain: String? {
        if case .metadataServer = kind { return nil }
        return universeDomain ?? Universe.standard
    }

    /// Where `gcloud auth application-default login` writes.
    private static func wellKnownPath(in environment: Environment) -> String? {
        let name = "application_default_credentials.json"
        if let directory = environment["CLOUDSDK_CONFIG"] { return "\(directory)/\(name)" }
        guard let home = environment["HOME"] else { return nil }
        return "\(home)/.config/gcloud/\(name)"
    }
}

/// The part of Google Cloud that is talked to: its domain is in every host name.
public enum Universe {
    /// The one that is meant unless another is named.
    public static let standard = "googleapis.com"
}

/// A service account's key, as the console hands it out.
public struct ServiceAccountKey: Sendable {
    let email: String
    let key: RSAPrivateKey
    let keyID: String?
    let tokenURL: AbsoluteURL
    /// In a universe other than the standard one tokens are not asked for: the account signs them itself.
    let signsOwnTokens: Bool
}

/// A person's credentials.
public struct AuthorizedUser: Sendable {
    let clientID: String
    let clientSecret: String
    let refreshToken: String
    let tokenURL: AbsoluteURL
}

/// What workload identity federation needs: a subject token from somewhere, and where to exchange it.
public struct ExternalAccount: Sendable {
    /// Where the subject token is.
    public enum Source: Sendable {
        /// In a file, read anew each time.
        case file(path: String)
        /// Behind a URL, with these fields on the request.
        case url(AbsoluteURL, fields: HTTPFields)
    }

    /// What the source holds.
    public enum Format: Sendable, Equatable {
        /// The token itself.
        case text
        /// A JSON object with the token in this member.
        case json(field: String)
    }

    let audience: String
    let subjectTokenType: String
    let tokenURL: AbsoluteURL
    let source: Source
    let format: Format
    let clientAuthentication: (id: String, secret: String)?
    let workforcePoolUserProject: String?
    let impersonation: Impersonation?
}

/// A service account that is acted as (IAM Credentials API, generateAccessToken).
public struct Impersonation: Sendable {
    let url: AbsoluteURL
    let delegates: [String]?
    let lifetimeSeconds: Int
}

/// Why credentials cannot be used: which file, which field, what is wrong. Never a value of a field.
public struct CredentialsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file, or the variable where there is none.
    public let file: String
    /// The path of the field in the file.
    public let field: String?
    /// A phrase that follows them.
    public let reason: String

    /// One line.
    public var description: String {
        let file = ConfigurationError.Problem.shown(file)
        return field.map { "\(file): \($0) \(reason)" } ?? "\(file) \(reason)"
    }
}
