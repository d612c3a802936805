import JSON
import TestSupport
import Testing

@Test(
    "base64 is decoded, without padding and across line breaks as well",
    arguments: [
        ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmE=", "fooba"),
        ("Zm9vYmFy", "foobar"),
        ("Zg", "f"), ("Zm8", "fo"), ("Zg=", "f"), ("Zm9v\nYmFy", "foobar"), ("Zm9v\r\nYmFy\r\n", "foobar"),
        ("Z\nm\r9v", "foo"),
        ("Zg=\n=\n", "f"), ("\n", ""), ("Zh==", "f"), ("Zm9=", "fo"), ("Pz8/", "???"), ("fn5+", "~~~"),
    ])
func decoding(text: String, expected: String) throws {
    #expect(try Base64.decode(Array(text.utf8)) == Array(expected.utf8))
    let padded = Array("##\(text)##".utf8)
    #expect(try Base64.decode(padded, in: 2..<padded.count - 2) == Array(expected.utf8))
}

@Test(
    "what is no base64 is an error, never skipped",
    arguments: [
        ("Z", Base64Error.Reason.unexpectedEnd, 1), ("Zm9vY", .unexpectedEnd, 5),
        ("Zm 9v", .unexpectedByte, 2), ("Zm9v ", .unexpectedByte, 4),
        ("Pz8_", .unexpectedByte, 3), ("fn5-", .unexpectedByte, 3), ("Zm9v!", .unexpectedByte, 4),
        ("Zm\u{0}9v", .unexpectedByte, 2),
        ("=", .misplacedPadding, 0), ("Z=", .misplacedPadding, 1), ("Zg===", .misplacedPadding, 4),
        ("Zm8==", .misplacedPadding, 4),
        ("Zm9v=", .misplacedPadding, 4), ("Zg==Zg==", .misplacedPadding, 4), ("Zg=a", .misplacedPadding, 3),
        ("Zm9v\tYmFy", .unexpectedByte, 4),
        ("Zé==", .unexpectedByte, 1), ("Zm9v\\n", .unexpectedByte, 4),
    ])
func errors(text: String, reason: Base64Error.Reason, offset: Int) {
    #expect(throws: Base64Error(reason, at: offset)) { try Base64.decode(Array(text.utf8)) }
}

@Test("a JSON string is decoded with its escapes")
func stringValues() throws {
    #expect(try Base64.decode(parse(#""Pz8\/""#)) == Array("???".utf8))
    #expect(try Base64.decode(parse(#""Pz8\u002f""#)) == Array("???".utf8))
    #expect(try Base64.decode(parse(#""Zm9v\r\nYmFy\n""#)) == Array("foobar".utf8))
    #expect(try Base64.decode(parse(#""\u005a\u0067\u003d=""#)) == Array("f".utf8))
    #expect(try Base64.decode(parse("1")) == nil)
    #expect(throws: Base64Error(.unexpectedByte, at: 5)) { try Base64.decode(parse(#""Pz8/\t""#)) }
    #expect(throws: Base64Error(.unexpectedByte, at: 1)) { try Base64.decode(parse(#""\u00e9""#)) }
    #expect(throws: Base64Error(.unexpectedByte, at: 1)) { try Base64.decode(parse(#""\ud83d\ude00""#)) }
}

@Test(
    "what is encoded is decoded to itself, with line breaks put in anywhere",
    arguments: 0..<4 as Range<UInt64>)
func roundTrip(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for count in 0..<300 {
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var encoded = Base64.encode(bytes)
        #expect(encoded.count == (count + 2) / 3 * 4)
        #expect(try Base64.decode(encoded) == bytes)
        for _ in 0..<3 { encoded.insert(0x0A, at: Int.random(in: 0...encoded.count, using: &generator)) }
        #expect(try Base64.decode(encoded) == bytes)
        var urlSafe = Base64.encodeURLSafe(bytes)
        #expect(urlSafe.allSatisfy { $0 != 0x2B && $0 != 0x2F && $0 != 0x3D })
        urlSafe = urlSafe.map { $0 == 0x2D ? 0x2B : $0 == 0x5F ? 0x2F : $0 }
        #expect(try Base64.decode(urlSafe) == bytes)
    }
}
