import JSON
import TestSupport
import Testing

@testable import Functions

@Test("all but unreserved characters are percent-encoded")
func percentEncoding() {
    #expect(encoded("azAZ09-._~".utf8) == "azAZ09-._~")
    #expect(encoded("a/b c?d#e%é\n".utf8) == "a%2Fb%20c%3Fd%23e%25%C3%A9%0A")
    #expect(encoded("sha256:aaa".utf8) == "sha256%3Aaaa")
    #expect(encoded([0x00, 0xFF]) == "%00%FF")
    #expect(ServiceName("my-org/my-service").map(encodedTwice) == "my-org%252Fmy-service")
    #expect(ServiceName("a/b/c").map(encodedTwice) == "a%252Fb%252Fc")
}

private func encoded(_ bytes: some Collection<UInt8>) -> String {
    var output: [UInt8] = []
    URLPath.append(bytes, to: &output)
    return text(output)
}

private func encodedTwice(_ name: ServiceName) -> String {
    var output: [UInt8] = []
    URLPath.appendTwice(name, to: &output)
    return text(output)
}

@Test("percent-decoding happens once, and leaves what is no escape as it is")
func percentDecoding() {
    let expectations: [(String, String)] = [
        ("a%2Fb", "a/b"), ("a%2fb", "a/b"), ("%252F", "%2F"), ("%", "%"), ("%2", "%2"), ("%zz", "%zz"),
        ("%%41", "%A"), ("a+b", "a+b"), ("", ""),
        ("%C3%A9", "é"), ("abc", "abc"), ("%4", "%4"), ("%41%", "A%"),
    ]
    for (encoded, expected) in expectations {
        #expect(text(URLPath.decode(encoded.utf8)) == expected, "\(encoded)")
    }
    #expect(URLPath.decode("%FF".utf8) == [0xFF])
}

@Test("what is encoded is decoded to itself", arguments: 0..<4 as Range<UInt64>)
func roundTrip(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for count in 0..<200 {
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(URLPath.decode(encoded(bytes).utf8) == bytes)
        let form = URLForm.encode([("a", [0x78]), ("k y", bytes), ("z", [])])
        #expect(URLForm.firstValue(of: "k y", in: form) == bytes)
        #expect(URLForm.firstValue(of: "z", in: form) == [])
    }
}

@Test("a form is encoded as Google's libraries send it")
func forms() {
    let refresh = URLForm.encode([
        ("grant_type", Array("refresh_token".utf8)), ("client_id", Array("cid".utf8)),
        ("client_secret", Array("cs".utf8)),
        ("refresh_token", Array("1//rt".utf8)),
    ])
    #expect(
        text(refresh) == "grant_type=refresh_token&client_id=cid&client_secret=cs&refresh_token=1%2F%2Frt")
    let jwt = URLForm.encode([("grant_type", Array("urn:ietf:params:oauth:grant-type:jwt-bearer".utf8))])
    #expect(text(jwt) == "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer")
    #expect(
        text(URLForm.encode([("scope", Array("a b".utf8)), ("x", Array("~&=+é".utf8))]))
            == "scope=a+b&x=~%26%3D%2B%C3%A9")
    #expect(URLForm.encode([]).isEmpty)
}

@Test("the first parameter of a name counts, and a semicolon separates nothing")
func queries() {
    let expectations: [(String, String?)] = [
        ("revision_tag=0.1.0", "0.1.0"), ("revision_tag=0.1.0&revision_tag=9", "0.1.0"),
        ("x=1&revision_tag=a", "a"), ("x=1;revision_tag=a", nil),
        ("revision%5Ftag=a", "a"), ("Revision_tag=a", nil), ("revision_tag=", ""), ("revision_tag", ""),
        ("revision_tag=0.1.0+", "0.1.0 "),
        ("revision_tag=%30.1", "0.1"), ("", nil), ("&&revision_tag=a=b", "a=b"), ("xrevision_tag=a", nil),
    ]
    for (query, expected) in expectations {
        #expect(
            URLForm.firstValue(of: "revision_tag", in: query.utf8).map { text($0) } == expected, "\(query)")
    }
}

@Test("a name is quoted as Python's repr quotes it")
func representation() throws {
    let content = try Repository.bytes("Tests/Corpus/python-repr.jsonl")
    for line in content.split(separator: 0x0A) {
        let row = try JSONDocument(parsing: content, in: line.startIndex..<line.endIndex).root
        let digits = try #require(row["hex"]?.stringBytes)
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(text(digits[$0..<$0 + 2]), radix: 16)
        }
        let expected = try #require(row["repr"]?.string)
        #expect(Array(PythonText.representation(of: bytes).utf8) == Array(expected.utf8), "\(text(digits))")
    }
}

@Test("the recorded look-ups without a default are quoted as they were recorded")
func recordedLookUps() throws {
    var checked = 0
    for recorded in try Repository.cases() {
        guard let name = recorded["name"]?.string, name.hasPrefix("registry GET"),
            recorded["response"]?["status"]?.integer == 404,
            let body = recorded["response"]?["body"]?.string, body.hasPrefix("No default"),
            let target = recorded["request"]?["path"]?.string
        else { continue }
        // The path of a target, decoded once, without the slashes around it. A development server's quirks
        // apart: it cuts a decoded line break off.
        let path = target.utf8.prefix { $0 != 0x3F }
        let decoded = URLPath.decode(path)
        let service = Array(decoded.drop { $0 == 0x2F }.reversed().drop { $0 == 0x2F }.reversed())
        if service == [0x0A] { continue }
        #expect(
            body == "No default service revision found for \(PythonText.representation(of: service)).",
            "\(name)")
        checked += 1
    }
    #expect(checked > 25)
}

@Test("an insertId is the uuid, or its hash where it is too long")
func insertID() {
    func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0xAB, count: 31) + [UInt8(truncatingIfNeeded: bytes.count)]
    }
    let longest = [UInt8](repeating: 0x61, count: 128)
    #expect(InsertID.of(uuid: longest[...], sha256: hash) == longest[...])
    #expect(
        text(InsertID.of(uuid: longest[...] + [0x61], sha256: hash)) == String(repeating: "ab", count: 31)
            + "81")
    #expect(InsertID.of(uuid: [], sha256: hash).isEmpty)
}

@Test("a name-based UUID has its version and variant, and hashes the namespace before the name")
func nameBasedUUID() {
    // RFC 9562 appendix A.4: the DNS namespace and www.example.com.
    let dns: [UInt8] = [
        0x6B, 0xA7, 0xB8, 0x10, 0x9D, 0xAD, 0x11, 0xD1, 0x80, 0xB4, 0x00, 0xC0, 0x4F, 0xD4, 0x30, 0xC8,
    ]
    let digest: [UInt8] = [
        0x2E, 0xD6, 0x65, 0x7D, 0xE9, 0x27, 0x46, 0x8B, 0x55, 0xE1, 0x26, 0x65, 0xA8, 0xAE, 0xA6, 0xA2, 0x2D,
        0xEE, 0x3E, 0x35,
    ]
    let uuid = NameBasedUUID.make(name: "www.example.com".utf8, namespace: dns) { bytes in
        #expect(bytes == dns + Array("www.example.com".utf8))
        return digest
    }
    #expect(uuid == "2ed6657d-e927-568b-95e1-2665a8aea6a2")
    #expect(NameBasedUUID.namespace.count == 16)
}

@Test("attributes that only fit as UTF-8 are sent as UTF-8")
func longAttributes() throws {
    let long = String(repeating: "é", count: EventLimits.insertBytesMax / 7 + 1)
    let required = AttributeName.required.map { "\"\($0)\":\"octue/x:1\"" }
    for (note, written) in [("é", #"\\u00e9"#), (long, long)] {
        let attributes = (required + [#""note":"\#(note)""#]).joined(separator: ",")
        let body =
            #"{"subscription":"s","message":{"messageId":"1","attributes":{\#(attributes)},"#
            + #""data":"eyJraW5kIjoicmVzdWx0In0="}}"#
        let message = try CloudEvent.message(
            Fields([("content-type", "application/json")]), body: Array(body.utf8))
        let row = try #require(Row.insertAllBody(of: try Event(message)))
        #expect(text(row).contains(#""other_attributes":"{\"note\": \"\#(written)\"}""#))
    }
}

@Test("text that would fit as UTF-8 alone is impossible to store where a lone surrogate stands in it")
func loneSurrogate() throws {
    // As escapes inside a string seven bytes each, as UTF-8 two.
    let long = String(repeating: "é", count: EventLimits.insertBytesMax / 7 + 1)
    let attributes = AttributeName.required.map { "\"\($0)\":\"octue/x:1\"" }.joined(separator: ",")
    for (end, isPossible) in [("", true), ("\\ud800", false)] {
        let data = Base64.encode(Array(#"{"kind":"result","text":"\#(long)\#(end)"}"#.utf8))
        let head = #"{"subscription":"s","message":{"messageId":"1","attributes":{\#(attributes)},"data":""#
        let body = Array(head.utf8) + data + Array(#""}}"#.utf8)
        let message = try CloudEvent.message(Fields([("content-type", "application/json")]), body: body)
        #expect((Row.insertAllBody(of: try Event(message)) != nil) == isPossible)
    }
}
