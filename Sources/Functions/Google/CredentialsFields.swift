internal import JSON
internal import Net

/// Reads the fields of a credentials file; what is missing or wrong is an error that names file and field.
struct CredentialsFields {
    let value: JSONDocument.Value
    let file: String
    let path: String

    init(_ value: JSONDocument.Value, file: String, path: String = "") {
        self.value = value
        self.file = file
        self.path = path
    }

    func error(_ field: String, _ reason: String) -> CredentialsError {
        CredentialsError(file: file, field: path + field, reason: reason)
    }

    /// A member that is there and not null.
    func member(_ name: String) -> JSONDocument.Value? {
        guard let found = value.member(named: name), !found.isNull else { return nil }
        return found
    }

    /// A text without control characters; empty counts as absent.
    func text(_ name: String) throws(CredentialsError) -> String? {
        guard let found = member(name) else { return nil }
        guard let text = found.string else { throw error(name, "is not a string") }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error(name, "has a control character in it")
        }
        return text.utf8.isEmpty ? nil : text
    }

    func requiredText(_ name: String) throws(CredentialsError) -> String {
        guard let text = try text(name) else { throw error(name, "is missing") }
        return text
    }

    /// A URL over TLS: what is sent there, or comes from there, is a secret.
    func secureURL(_ name: String, default standard: String? = nil) throws(CredentialsError) -> AbsoluteURL {
        guard let text = try text(name) ?? standard else { throw error(name, "is missing") }
        guard let url = AbsoluteURL(text), url.origin.scheme == .https else {
            throw error(name, "is not an https URL")
        }
        return url
    }

    func hostName(_ name: String) throws(CredentialsError) -> String? {
        guard let text = try text(name) else { return nil }
        guard Universe.isDomain(text) else { throw error(name, "is not a domain name") }
        return text
    }

    /// The universe that the credentials are for: those that impersonate are for the one of their source,
    /// where that names one. `nesting` counts the sources around this one.
    func universeDomain(nesting: Int = 0) throws(CredentialsError) -> String? {
        let own = try hostName("universe_domain")
        guard nesting < ServiceLimits.credentialsNestingMax,
            try text("type") == "impersonated_service_account",
            let source = try object("source_credentials")
        else { return own }
        return try source.universeDomain(nesting: nesting + 1) ?? own
    }

    func projectID(_ name: String) throws(CredentialsError) -> String? {
        guard let text = try text(name) else { return nil }
        guard ProjectID(text) != nil else { throw error(name, "is not a project id") }
        return text
    }

    func object(_ name: String) throws(CredentialsError) -> CredentialsFields? {
        guard let found = member(name) else { return nil }
        guard found.isObject else { throw error(name, "is not an object") }
        return CredentialsFields(found, file: file, path: "\(path)\(name).")
    }
}

extension Universe {
    /// Whether `text` can be the end of a host name.
    static func isDomain(_ text: String) -> Bool {
        guard let origin = Origin(.https, authority: text.utf8) else { return false }
        return origin.host == text && origin.port == 443 && text.utf8.contains(UInt8(ascii: "."))
    }
}

extension Credentials.Kind {
    /// The credentials a file's object describes; `nesting` counts the sources around it.
    init(_ fields: CredentialsFields, universeDomain: String, nesting: Int) throws(CredentialsError) {
        let type = try fields.requiredText("type")
        switch type {
        case "service_account":
            self = .serviceAccount(try ServiceAccountKey(fields, universeDomain: universeDomain))
        case "authorized_user":
            self = .authorizedUser(try AuthorizedUser(fields))
        case "external_account":
            self = .externalAccount(try ExternalAccount(fields, universeDomain: universeDomain))
        case "impersonated_service_account":
            guard nesting < ServiceLimits.credentialsNestingMax else {
                throw fields.error("source_credentials", "is nested too deep")
            }
            guard let source = try fields.object("source_credentials") else {
                throw fields.error("source_credentials", "is missing")
            }
            self = .impersonated(
                source: try Credentials.Kind(source, universeDomain: universeDomain, nesting: nesting + 1),
                try Impersonation(principalOf: fields, universeDomain: universeDomain))
        default:
            throw fields.error(
                "type",
                "is none of service_account, authorized_user, external_account, impersonated_service_account")
        }
    }
}

extension ServiceAccountKey {
    init(_ fields: CredentialsFields, universeDomain: String) throws(CredentialsError) {
        email = try fields.requiredText("client_email")
        keyID = try fields.text("private_key_id")
        tokenURL = try fields.secureURL("token_uri", default: "https://oauth2.googleapis.com/token")
        signsOwnTokens = universeDomain != Universe.standard
        guard let pem = fields.member("private_key") else { throw fields.error("private_key", "is missing") }
        guard let bytes = pem.stringBytes else { throw fields.error("private_key", "is not a string") }
        guard let key = RSAPrivateKey(pem: bytes) else {
            throw fields.error("private_key", "is not an RSA key in PEM")
        }
        self.key = key
    }
}

extension AuthorizedUser {
    init(_ fields: CredentialsFields) throws(CredentialsError) {
        clientID = try fields.requiredText("client_id")
        clientSecret = try fields.requiredText("client_secret")
        refreshToken = try fields.requiredText("refresh_token")
        tokenURL = try fields.secureURL("token_uri", default: "https://oauth2.googleapis.com/token")
    }
}

extension ExternalAccount {
    init(_ fields: CredentialsFields, universeDomain: String) throws(CredentialsError) {
        audience = try fields.requiredText("audience")
        subjectTokenType = try fields.requiredText("subject_token_type")
        tokenURL = try fields.secureURL("token_url", default: "https://sts.\(universeDomain)/v1/token")
        workforcePoolUserProject = try fields.text("workforce_pool_user_project")
        if let id = try fields.text("client_id") {
            clientAuthentication = (id, try fields.text("client_secret") ?? "")
        } else {
            clientAuthentication = nil
        }
        guard let source = try fields.object("credential_source") else {
            throw fields.error("credential_source", "is missing")
        }
        self.source = try Self.source(source)
        format = try Self.format(source)
        if fields.member("service_account_impersonation_url") != nil {
            impersonation = try Impersonation(urlOf: fields)
        } else {
            impersonation = nil
        }
    }

    private static func source(_ fields: CredentialsFields) throws(CredentialsError) -> Source {
        if fields.member("environment_id") != nil {
            throw fields.error("environment_id", "is that of AWS, whose tokens are not supported")
        }
        let path = try fields.text("file")
        let text = try fields.text("url")
        switch (path, text) {
        case (let path?, nil):
            return .file(path: path)
        case (nil, let text?):
            guard let url = AbsoluteURL(text) else {
                throw fields.error("url", "is not an http or https URL")
            }
            // A metadata server of another cloud speaks plain HTTP on the link; anybody else must not.
            guard url.origin.scheme == .https || url.origin.isLoopback || url.origin.isLinkLocal else {
                throw fields.error(
                    "url", "is not https, and its host is no address of this machine or its link")
            }
            return .url(url, fields: try headers(fields))
        case (nil, nil):
            throw CredentialsError(
                file: fields.file, field: "credential_source",
                reason: "has neither file nor url; other sources are not supported")
        case (_?, _?):
            throw CredentialsError(
                file: fields.file, field: "credential_source", reason: "has both file and url")
        }
    }

    private static func headers(_ fields: CredentialsFields) throws(CredentialsError) -> HTTPFields {
        var headers = HTTPFields()
        guard let object = try fields.object("headers") else { return headers }
        for (key, value) in object.value.members {
            let name = key.stringBytes ?? []
            guard let text = value.stringBytes, HTTPFields.isFieldValue(text[...]) else {
                throw fields.error("headers", "has a value that cannot be sent")
            }
            // The client writes these itself; twice they would make two requests of one.
            let isOurs = ["host", "content-length", "transfer-encoding", "connection"].contains {
                name.map(ASCII.lowercased).elementsEqual($0.utf8)
            }
            guard !isOurs, headers.append(name: name, value: text) else {
                throw fields.error(
                    "headers", "has a name that is no field name, or one that is not yours to set")
            }
        }
        return headers
    }

    private static func format(_ fields: CredentialsFields) throws(CredentialsError) -> Format {
        guard let format = try fields.object("format") else { return .text }
        switch try format.text("type") ?? "text" {
        case "text": return .text
        case "json": return .json(field: try format.requiredText("subject_token_field_name"))
        default: throw format.error("type", "is neither text nor json")
        }
    }
}

extension Impersonation {
    private static let lifetimeSecondsStandard = 3_600

    /// For external_account: the URL is taken as it stands.
    init(urlOf fields: CredentialsFields) throws(CredentialsError) {
        url = try fields.secureURL("service_account_impersonation_url")
        delegates = nil
        let lifetime = try fields.object("service_account_impersonation")?.member("token_lifetime_seconds")
        if let lifetime {
            guard let seconds = lifetime.integer, (600...43_200).contains(seconds) else {
                throw fields.error(
                    "service_account_impersonation.token_lifetime_seconds",
                    "is not a number from 600 to 43200")
            }
            lifetimeSeconds = seconds
        } else {
            lifetimeSeconds = Self.lifetimeSecondsStandard
        }
    }

    /// For impersonated_service_account: the URL only names the account, as Google's libraries have it.
    init(principalOf fields: CredentialsFields, universeDomain: String) throws(CredentialsError) {
        let name = "service_account_impersonation_url"
        let given = Array(try fields.requiredText(name).utf8)
        let method = Array(":generateAccessToken".utf8)
        guard given.suffix(method.count) == method[...], let slash = given.lastIndex(of: UInt8(ascii: "/")),
            slash + 1 < given.count - method.count,
            case let principal = given[(slash + 1)..<(given.count - method.count)],
            let url = AbsoluteURL(
                "https://iamcredentials.\(universeDomain)/v1/projects/-/serviceAccounts/"
                    + String(decoding: principal, as: UTF8.self) + ":generateAccessToken"),
            !principal.contains(UInt8(ascii: "?"))
        else { throw fields.error(name, "does not end in a service account and :generateAccessToken") }
        self.url = url
        lifetimeSeconds = Self.lifetimeSecondsStandard
        guard let list = fields.member("delegates") else {
            delegates = nil
            return
        }
        var names: [String] = []
        for element in list.elements {
            guard let text = element.string else {
                throw fields.error("delegates", "is not a list of strings")
            }
            names.append(text)
        }
        guard list.isArray else { throw fields.error("delegates", "is not a list of strings") }
        delegates = names
    }
}
