import JSON
import Net
import TestSupport

@testable import Functions

/// Texts of credentials files.
enum TestFiles {
    /// One JSON object of these members, whose values are strings, or JSON text where they begin with a
    /// brace.
    static func object(_ members: [(String, String)]) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        for (name, value) in members {
            json.key(named: name)
            if value.hasPrefix("{") || value.hasPrefix("[") || value == "null" || value == "7" {
                json.raw(Array(value.utf8))
            } else {
                json.string(value)
            }
        }
        json.endObject()
        return json.finish()
    }

    static let serviceAccount: [(String, String)] = [
        ("type", "service_account"), ("project_id", "demo-project"), ("private_key_id", "key-1"),
        ("private_key", TestKey.pem), ("client_email", "handler@demo-project.iam.gserviceaccount.com"),
        ("token_uri", "https://oauth2.googleapis.com/token"),
    ]

    static let authorizedUser: [(String, String)] = [
        ("type", "authorized_user"), ("client_id", "cid"), ("client_secret", "cs"),
        ("refresh_token", "1//rt"),
        ("quota_project_id", "quota-project"),
    ]

    static let externalAccount: [(String, String)] = [
        ("type", "external_account"),
        ("audience", "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("token_url", "https://sts.googleapis.com/v1/token"),
        ("credential_source", #"{"file": "/token"}"#),
    ]

    static let impersonated: [(String, String)] = [
        ("type", "impersonated_service_account"),
        (
            "service_account_impersonation_url",
            "https://iamcredentials.example/v1/projects/-/serviceAccounts/t@x.iam.gserviceaccount.com:generateAccessToken"
        ),
        ("source_credentials", String(decoding: object(serviceAccount), as: UTF8.self)),
    ]

    /// `members` with one changed, or taken out where the value is nil.
    static func changing(
        _ members: [(String, String)], _ name: String, to value: String?
    ) -> [UInt8] {
        var changed = members.filter { $0.0 != name }
        if let value { changed.append((name, value)) }
        return object(changed)
    }
}
