import JSON
import Net
import TestSupport
import Testing

@testable import Functions

@Suite("Credentials")
struct CredentialsTests {
    // MARK: Where they are found

    private func find(_ variables: [String: String], _ files: [String: [UInt8]] = [:]) throws -> Credentials {
        try Credentials.find(in: Environment(variables, files: files))
    }

    private func email(_ credentials: Credentials) -> String? {
        if case .serviceAccount(let key) = credentials.kind { return key.email }
        return nil
    }

    @Test(
        "the file that GOOGLE_APPLICATION_CREDENTIALS names goes before gcloud's, and that before the machine"
    )
    func order() throws {
        let user = TestFiles.object(TestFiles.authorizedUser)
        let files = [
            "/key.json": TestFiles.object(TestFiles.serviceAccount),
            "/home/a/.config/gcloud/application_default_credentials.json": user,
            "/sdk/application_default_credentials.json": user,
        ]
        let explicit = try find(["GOOGLE_APPLICATION_CREDENTIALS": "/key.json", "HOME": "/home/a"], files)
        #expect(email(explicit) == "handler@demo-project.iam.gserviceaccount.com")
        #expect(explicit.projectID == "demo-project")
        for variables in [["HOME": "/home/a"], ["CLOUDSDK_CONFIG": "/sdk", "HOME": "/none"]] {
            let wellKnown = try find(variables, files)
            guard case .authorizedUser = wellKnown.kind else {
                Issue.record("gcloud's file is not found with \(variables)")
                continue
            }
            #expect(wellKnown.quotaProjectID == "quota-project")
        }
        for variables in [[:], ["HOME": "/none"], ["GOOGLE_APPLICATION_CREDENTIALS": ""]] {
            guard case .metadataServer = try find(variables, files).kind else {
                Issue.record("the metadata server is not taken with \(variables)")
                continue
            }
        }
    }

    @Test("gcloud's file behind a door that is closed is as good as none, a closed file is an error")
    func closedDoors() throws {
        for (error, isNone) in [
            (.unreachable("Permission denied"), true), (.notAFile, true),
            (.unreadable("Permission denied"), false),
            (.tooLarge, false),
        ] as [(Environment.FileError, Bool)] {
            let environment = Environment(
                variable: { ["HOME": "/root", "K_SERVICE": "f"][$0] }, file: { _ in .failure(error) })
            let found = Result { try Credentials.find(in: environment) }
            #expect(((try? found.get()) != nil) == isNone, "\(error)")
        }
    }

    @Test("a file that is named and not there is an error, not a reason to look elsewhere")
    func missingFile() throws {
        let error = #expect(throws: CredentialsError.self) {
            try find(["GOOGLE_APPLICATION_CREDENTIALS": "/x"])
        }
        #expect(error?.description == "/x does not exist")
    }

    @Test("the metadata server's variables are read as Google's libraries read them")
    func metadataServer() throws {
        func server(_ variables: [String: String]) throws -> MetadataServer? {
            if case .metadataServer(let server) = try find(variables).kind { return server }
            return nil
        }
        let usual = try #require(try server([:]))
        #expect(usual.origin == Origin(scheme: .http, host: "169.254.169.254"))
        #expect(usual.needsProbing)
        #expect(usual.timeoutMilliseconds == 3_000)
        #expect(try #require(try server(["K_SERVICE": "s"])).needsProbing == false)
        let named = try #require(
            try server([
                "GCE_METADATA_HOST": "127.0.0.1:8091", "GCE_METADATA_IP": "10.0.0.1",
                "GCE_METADATA_TIMEOUT": "7",
            ]))
        #expect(named.origin == Origin(scheme: .http, host: "127.0.0.1", port: 8091))
        #expect(named.needsProbing == false)
        #expect(named.timeoutMilliseconds == 7_000)
        let address = try #require(try server(["GCE_METADATA_IP": "127.0.0.1:8092"]))
        #expect(address.origin == Origin(scheme: .http, host: "127.0.0.1", port: 8092))
        #expect(address.needsProbing)
        #expect(throws: CredentialsError.self) { try find(["NO_GCE_CHECK": "true"]) }
        #expect(throws: CredentialsError.self) { try find(["GCE_METADATA_HOST": "http://x/"]) }
        #expect(throws: CredentialsError.self) { try find(["GCE_METADATA_TIMEOUT": "+3"]) }
        #expect(try server(["NO_GCE_CHECK": "false"]) != nil)
    }

    // MARK: What is wrong with a file

    /// Name of the case, the file, the words of the error.
    static let broken: [(String, [UInt8], String)] = [
        ("not JSON", Array("{".utf8), "/f is not JSON"),
        ("a list", Array("[]".utf8), "/f is not a JSON object"),
        ("no type", TestFiles.object([]), "/f: type is missing"),
        ("an unknown type", TestFiles.object([("type", "gdch")]), "/f: type is none of"),
        ("a number as type", TestFiles.object([("type", "7")]), "/f: type is not a string"),
        (
            "no key", TestFiles.changing(TestFiles.serviceAccount, "private_key", to: nil),
            "private_key is missing"
        ),
        (
            "a key that is none",
            TestFiles.changing(TestFiles.serviceAccount, "private_key", to: "secret words"),
            "private_key is not an RSA key in PEM"
        ),
        (
            "no e-mail", TestFiles.changing(TestFiles.serviceAccount, "client_email", to: nil),
            "client_email is missing"
        ),
        (
            "a token endpoint in clear",
            TestFiles.changing(
                TestFiles.serviceAccount, "token_uri", to: "http://oauth2.googleapis.com/token"),
            "token_uri is not an https URL"
        ),
        (
            "a token endpoint in clear on this machine",
            TestFiles.changing(TestFiles.serviceAccount, "token_uri", to: "http://127.0.0.1/token"),
            "token_uri is not an https URL"
        ),
        (
            "a line break in a URL",
            TestFiles.changing(TestFiles.serviceAccount, "token_uri", to: "https://a/b\r\nX: y"),
            "token_uri has a control character"
        ),
        (
            "a project that is none",
            TestFiles.changing(TestFiles.serviceAccount, "project_id", to: "a/../b"),
            "project_id is not a project id"
        ),
        (
            "no refresh token", TestFiles.changing(TestFiles.authorizedUser, "refresh_token", to: nil),
            "refresh_token is missing"
        ),
        (
            "no source", TestFiles.changing(TestFiles.externalAccount, "credential_source", to: nil),
            "credential_source is missing"
        ),
        (
            "a field that the client writes itself",
            TestFiles.changing(
                TestFiles.externalAccount, "credential_source",
                to: #"{"url": "https://b/", "headers": {"Content-Length": "0"}}"#),
            "one that is not yours to set"
        ),
        (
            "a source in AWS",
            TestFiles.changing(
                TestFiles.externalAccount, "credential_source",
                to: #"{"environment_id": "aws1", "url": "http://169.254.169.254/latest/meta-data/iam"}"#),
            "credential_source.environment_id is that of AWS"
        ),
        (
            "a source of another kind",
            TestFiles.changing(
                TestFiles.externalAccount, "credential_source", to: #"{"certificate": {}}"#),
            "credential_source has neither file nor url"
        ),
        (
            "two sources",
            TestFiles.changing(
                TestFiles.externalAccount, "credential_source", to: #"{"file": "/a", "url": "https://b/"}"#),
            "credential_source has both"
        ),
        (
            "a source in clear on another host",
            TestFiles.changing(
                TestFiles.externalAccount, "credential_source", to: #"{"url": "http://example.com/token"}"#),
            "credential_source.url is not https"
        ),
        (
            "a format that is unknown",
            TestFiles.changing(
                TestFiles.externalAccount, "credential_source",
                to: #"{"file": "/a", "format": {"type": "xml"}}"#),
            "credential_source.format.type is neither text nor json"
        ),
        (
            "a JSON format without a field",
            TestFiles.changing(
                TestFiles.externalAccount, "credential_source",
                to: #"{"file": "/a", "format": {"type": "json"}}"#),
            "credential_source.format.subject_token_field_name is missing"
        ),
        (
            "an impersonation in clear",
            TestFiles.changing(
                TestFiles.externalAccount, "service_account_impersonation_url",
                to: "http://127.0.0.1/x:generateAccessToken"),
            "service_account_impersonation_url is not an https URL"
        ),
        (
            "an impersonation of nobody",
            TestFiles.changing(
                TestFiles.impersonated, "service_account_impersonation_url", to: "https://a/b"),
            "service_account_impersonation_url does not end in"
        ),
        (
            "a source that is wrong",
            TestFiles.changing(
                TestFiles.impersonated, "source_credentials", to: #"{"type": "service_account"}"#),
            "source_credentials.client_email is missing"
        ),
    ]

    @Test("what is wrong is named with file and field, and without the value", arguments: broken.indices)
    func brokenFiles(_ index: Int) throws {
        let (_, bytes, words) = Self.broken[index]
        let error = #expect(throws: CredentialsError.self) { try Credentials(parsing: bytes, file: "/f") }
        let text = try #require(error?.description)
        #expect(text.contains(words), "\(text)")
        #expect(!text.contains("secret words") && !text.contains("BEGIN"))
    }

    @Test("sources nested too deep are refused")
    func nesting() throws {
        var source = String(decoding: TestFiles.object(TestFiles.authorizedUser), as: UTF8.self)
        for _ in 0..<6 {
            source = String(
                decoding: TestFiles.changing(TestFiles.impersonated, "source_credentials", to: source),
                as: UTF8.self)
        }
        #expect(throws: CredentialsError.self) { try Credentials(parsing: Array(source.utf8), file: "/f") }
    }

    // MARK: Recorded requests

    private func parse(_ bytes: [UInt8]) throws -> Credentials.Kind {
        try Credentials(parsing: bytes, file: "/f").kind
    }

    private func form(_ request: TokenRequest?) throws -> String {
        let request = try #require(request)
        #expect(request.request.fields["content-type"]?.equals("application/x-www-form-urlencoded") == true)
        #expect(request.request.method == .post)
        return String(decoding: request.request.body, as: UTF8.self)
    }

    @Test("a service account's request is the recorded one, and its signature holds")
    func serviceAccountRequest() throws {
        guard case .serviceAccount(let key) = try parse(TestFiles.object(TestFiles.serviceAccount)) else {
            Issue.record("no service account")
            return
        }
        let now = WallClock(seconds: 1_700_000_000)
        let body = try form(key.tokenRequest(scope: .cloudPlatform, now: now))
        #expect(body.hasPrefix("assertion="))
        #expect(body.hasSuffix("&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"))
        let assertion = body.dropFirst("assertion=".count).prefix { $0 != "&" }
        let parts = assertion.split(separator: ".").map { Array($0.utf8) }
        try #require(parts.count == 3)
        let header = try JSONDocument(parsing: base64URL(parts[0])).root
        #expect(header["typ"]?.string == "JWT")
        #expect(header["alg"]?.string == "RS256")
        #expect(header["kid"]?.string == "key-1")
        let claims = try JSONDocument(parsing: base64URL(parts[1])).root
        #expect(claims["iat"]?.integer == 1_700_000_000)
        #expect(claims["exp"]?.integer == 1_700_003_600)
        #expect(claims["iss"]?.string == "handler@demo-project.iam.gserviceaccount.com")
        #expect(claims["aud"]?.string == "https://oauth2.googleapis.com/token")
        #expect(claims["scope"]?.string == "https://www.googleapis.com/auth/cloud-platform")
        #expect(Array(claims.members).count == 5)
        let publicKey = try #require(RSAPublicKey(modulus: TestKey.modulus, exponent: TestKey.exponent))
        #expect(publicKey.verifies(try base64URL(parts[2]), of: parts[0] + [0x2E] + parts[1]))
    }

    private func base64URL(_ text: [UInt8]) throws -> [UInt8] {
        try Base64.decode(text.map { $0 == 0x2D ? 0x2B : $0 == 0x5F ? 0x2F : $0 })
    }

    @Test("the audience stays Google's where the request goes elsewhere")
    func serviceAccountElsewhere() throws {
        let bytes = TestFiles.changing(TestFiles.serviceAccount, "token_uri", to: "https://localhost:9/a?b=c")
        guard case .serviceAccount(let key) = try parse(bytes) else {
            Issue.record("credentials of another kind")
            return
        }
        let request = try #require(key.tokenRequest(scope: .iam, now: WallClock(seconds: 0)))
        #expect(request.origin == Origin(scheme: .https, host: "localhost", port: 9))
        #expect(Array(request.request.target) == Array("/a?b=c".utf8))
        let assertion = try #require(URLForm.firstValue(of: "assertion", in: request.request.body))
        let claims = try JSONDocument(parsing: base64URL(Array(assertion.split(separator: 0x2E)[1]))).root
        #expect(claims["aud"]?.string == "https://oauth2.googleapis.com/token")
    }

    @Test("in another universe a service account signs its own token")
    func otherUniverse() throws {
        let bytes = TestFiles.changing(TestFiles.serviceAccount, "universe_domain", to: "example.goog")
        guard case .serviceAccount(let key) = try parse(bytes) else {
            Issue.record("credentials of another kind")
            return
        }
        #expect(key.signsOwnTokens)
        let token = try #require(key.selfSignedToken(scope: .cloudPlatform, now: WallClock(seconds: 5)))
        let parts = token.bytes.split(separator: 0x2E).map(Array.init)
        let claims = try JSONDocument(parsing: base64URL(parts[1])).root
        #expect(claims["sub"]?.string == claims["iss"]?.string)
        #expect(claims["aud"] == nil)
    }

    @Test("a person's request is the recorded one")
    func authorizedUserRequest() throws {
        guard case .authorizedUser(let user) = try parse(TestFiles.object(TestFiles.authorizedUser)) else {
            Issue.record("credentials of another kind")
            return
        }
        let body = try form(user.tokenRequest())
        #expect(body == "grant_type=refresh_token&client_id=cid&client_secret=cs&refresh_token=1%2F%2Frt")
    }

    @Test("an external account's request is the recorded one")
    func externalAccountRequest() throws {
        guard case .externalAccount(let account) = try parse(TestFiles.object(TestFiles.externalAccount))
        else {
            Issue.record("credentials of another kind")
            return
        }
        let body = try form(
            account.tokenRequest(subjectToken: Array("subject.jwt.fromfile".utf8), scope: .cloudPlatform))
        #expect(
            body
                == "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&audience="
                + "%2F%2Fiam.googleapis.com%2Fprojects%2F1%2Flocations%2Fglobal%2FworkloadIdentityPools%2Fp%2Fproviders%2Fx"
                + "&scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform&requested_token_type="
                + "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&subject_token=subject.jwt.fromfile"
                + "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt")
    }

    @Test("credentials that impersonate are for the universe of their source, else for the one they name")
    func universeOfImpersonation() throws {
        func universe(source: String?, own: String?) throws -> String? {
            let account = TestFiles.changing(TestFiles.serviceAccount, "universe_domain", to: source)
            let file = TestFiles.impersonated.map { name, value in
                (name, name == "source_credentials" ? String(decoding: account, as: UTF8.self) : value)
            }
            let bytes = TestFiles.changing(file, "universe_domain", to: own)
            let credentials = try Credentials(parsing: bytes, file: "/f")
            guard case .impersonated(.serviceAccount(let key), _) = credentials.kind else { return nil }
            #expect(key.signsOwnTokens == (credentials.universeDomain != nil))
            return credentials.universeDomain
        }
        #expect(try universe(source: "example.goog", own: nil) == "example.goog")
        #expect(try universe(source: nil, own: "example.goog") == "example.goog")
        #expect(try universe(source: "example.goog", own: "other.goog") == "example.goog")
        #expect(try universe(source: nil, own: nil) == nil)
    }

    @Test("an impersonation's URL is made from the universe and the account")
    func impersonationRequest() throws {
        guard case .impersonated(_, let impersonation) = try parse(TestFiles.object(TestFiles.impersonated))
        else {
            Issue.record("no impersonation")
            return
        }
        let request = impersonation.tokenRequest(
            authorization: Array("Bearer own".utf8), scope: .cloudPlatform)
        #expect(request.origin == Origin(scheme: .https, host: "iamcredentials.googleapis.com"))
        #expect(
            String(decoding: request.request.target, as: UTF8.self)
                == "/v1/projects/-/serviceAccounts/t@x.iam.gserviceaccount.com:generateAccessToken")
        let body = try JSONDocument(parsing: request.request.body).root
        #expect(body["delegates"]?.isNull == true)
        #expect(body["lifetime"]?.string == "3600s")
        #expect(body["scope"]?.elements.map(\.string) == ["https://www.googleapis.com/auth/cloud-platform"])
    }

    // MARK: Answers

    @Test(
        "a token that cannot be sent is none",
        arguments: [
            #"{"access_token": "a b", "expires_in": 1}"#, #"{"access_token": "", "expires_in": 1}"#,
            #"{"access_token": "a\r\nX: y", "expires_in": 1}"#, #"{"access_token": "é", "expires_in": 1}"#,
            #"{"access_token": 7}"#, #"{"token": "a"}"#, "[]", "", "null",
            #"{"access_token": "a", "expires_in": "soon"}"#, #"{"access_token": "a", "expires_in": true}"#,
        ])
    func unusableTokens(_ body: String) {
        #expect(FetchedToken(answer: Array(body.utf8)) == nil)
    }

    @Test(
        "a token's lifetime is any number of seconds, or an integer as text",
        arguments: [
            ("3599", 3_599_000), ("3599.9", 3_599_000), ("1e3", 1_000_000), ("\" 3599\\n\"", 3_599_000),
            ("0", 0), ("-1", 0), ("99999999999999999999", 86_400_000), ("null", 3_600_000),
        ] as [(String, UInt64)])
    func lifetimes(text: String, milliseconds: UInt64) {
        let token = FetchedToken(answer: Array(#"{"access_token":"ya29.x","expires_in":\#(text)}"#.utf8))
        #expect(token?.lifetimeMilliseconds == milliseconds)
    }

    @Test("an impersonation's token lives until the time that the answer names")
    func impersonatedLifetime() throws {
        let impersonated = try #require(
            FetchedToken(
                impersonationAnswer: Array(
                    #"{"accessToken": "t", "expireTime": "2023-11-14T22:13:30Z"}"#.utf8),
                now: WallClock(seconds: 1_700_000_000)))
        #expect(impersonated.lifetimeMilliseconds == 10_000)
    }

    @Test("times of RFC 3339 are read back as they are written")
    func times() {
        for seconds: Int64 in [0, 1, 951_782_399, 951_782_400, 1_700_000_000, 1_709_164_800, 4_102_444_799] {
            let text = WallClock(seconds: seconds).rfc3339(fractionDigits: 0)
            #expect(WallClock(rfc3339: Array(text.utf8))?.seconds == seconds)
        }
        #expect(WallClock(rfc3339: Array("2023-11-14T23:13:20.123+01:00".utf8))?.seconds == 1_700_000_000)
        #expect(WallClock(rfc3339: Array("2023-11-14 23:13".utf8)) == nil)
    }
}
