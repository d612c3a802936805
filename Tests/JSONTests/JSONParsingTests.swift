import JSON
import TestSupport
import Testing

@Test("a document hands out its values")
func values() throws {
    let text = #" {"a": [1, -2.5, true, null], "b": "x\u00e9", "o": {"n": 12}, "f": false} "#
    let root = try parse(text)
    #expect(root.isObject && !root.isArray && !root.isString && !root.isNull)
    #expect(root["a"]?.elements.map(\.kind) == [.number, .number, .boolean, .null])
    #expect(root["b"]?.string == "xé")
    #expect(root["o"]?["n"]?.integer == 12)
    #expect(root["f"]?.bool == false && root["a"]?.bool == nil)
    #expect(root["a"]?.elements.map(\.double) == [1, -2.5, nil, nil])
    #expect(root["missing"] == nil && root["b"]?["x"] == nil)
    #expect(root.members.map { $0.key.string } == ["a", "b", "o", "f"])
    #expect(root["b"]?.elements.contains { _ in true } == false)
    let source = Array(text.utf8)
    #expect(root.rawRange == 1..<source.count - 1)
    #expect(root["o"].map { String(decoding: source[$0.rawRange], as: UTF8.self) } == #"{"n": 12}"#)
    #expect(root["b"].map { String(decoding: source[$0.rawRange], as: UTF8.self) } == #""x\u00e9""#)
    #expect(root["f"].map { String(decoding: source[$0.rawRange], as: UTF8.self) } == "false")
    #expect(root["o"]?["n"].map { String(decoding: source[$0.rawRange], as: UTF8.self) } == "12")
}

@Test("an integer is an integer literal that fits, and nothing else")
func integers() throws {
    let expectations: [(String, Int?)] = [
        ("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("9223372036854775807", .max),
        ("-9223372036854775808", .min),
        ("9223372036854775808", nil), ("-9223372036854775809", nil), ("99999999999999999999", nil),
        ("1.0", nil), ("1e2", nil),
        (#""1""#, nil), ("true", nil),
    ]
    for (text, expected) in expectations { #expect(try parse(text).integer == expected, "\(text)") }
}

@Test("the last of equal keys wins, at the first one's place, however they are spelled")
func duplicates() throws {
    let root = try parse(#"{"a": 1, "b": 2, "\u0061": 3, "b": {"c": 4}}"#)
    #expect(root["a"]?.integer == 3)
    #expect(root["b"]?["c"]?.integer == 4)
    #expect(root.member(named: Array("a".utf8))?.integer == 3)
    #expect(root.members.map { $0.key.string } == ["a", "b"])
    #expect(root.members.map { $0.value.integer } == [3, nil])
}

@Test("keys that are canonically equivalent are two keys")
func equivalence() throws {
    let root = try parse("{\"e\u{301}\": 1, \"\u{e9}\": 2}")
    #expect(root.members.map { $0.value.integer } == [1, 2])
    #expect(root["\u{e9}"]?.integer == 2)
    #expect(try parse("\"\u{e9}\"").equals("e\u{301}") == false)
}

@Test("objects of any size tell their duplicates", arguments: [2, 3, 15, 16, 17, 18, 100, 3_000])
func duplicatesBySize(count: Int) throws {
    for isEscaped in [false, true] {
        let keys = (0..<count).map { isEscaped ? "\\u006b\($0)" : "k\($0)" }
        let unique = "{" + keys.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(try parse(unique).members.reduce(0) { count, _ in count + 1 } == count)
        let repeated = (keys + ["k\(count / 2)"]).enumerated().map { "\"\($1)\":\($0)" }
        let root = try parse("{" + repeated.joined(separator: ",") + "}")
        #expect(root.member(named: "k\(count / 2)")?.integer == count)
        let values = root.members.map { $0.value.integer }
        #expect(values.count == count && values[count / 2] == count)
    }
}

@Test("objects at any depth tell their duplicates, before and behind what they hold", arguments: 1...12)
func duplicatesByDepth(depth: Int) throws {
    for (before, behind, isRepeated) in [
        ("a", "a", true), ("\\u0061", "a", true), ("a", "b", false), ("key_0001", "key_0001", true),
        ("xkey_0001", "key_0001", false),
    ] {
        var text = "0"
        for _ in 0..<depth { text = #"{"\#(before)":1,"in":[\#(text)],"\#(behind)":2}"# }
        var value = try parse(text)
        for _ in 0..<depth {
            #expect(value.hasEqualKeys == isRepeated, "\(text)")
            #expect(value.member(named: behind)?.integer == 2)
            value = try #require(value["in"]?.elements.first { _ in true })
        }
    }
    var text = "0"
    for _ in 0..<depth { text = #"{"a":1,"a":2,"in":[\#(text)],"b":3}"# }
    #expect(try parse(text).hasEqualKeys, "both before what it holds")
}

@Test("members are handed out in one walk, with their names as they are meant")
func walk() throws {
    let root = try parse(#"{"a":1,"\u0062":"2","a":[{}],"é":"\n"}"#)
    var names: [String] = []
    var kinds: [JSONDocument.Value.Kind] = []
    root.forEachMember { name, value in
        names.append(name.equals("a") ? "a" : name.equals("b") ? "b" : name.equals("é") ? "é" : "?")
        kinds.append(value.kind)
    }
    #expect(names == ["a", "b", "a", "é"] && kinds == [.number, .string, .array, .string])
    #expect(root["b"]?.stringSlice == [0x32] && root["é"]?.stringSlice == [0x0A])
    #expect(root["a"]?.stringSlice == nil && root.stringMembers == nil)
    try parse("[1]").forEachMember { _, _ in Issue.record("an array has no members") }
}

@Test("an object of strings says where they stand, and whether they stand there as they are meant")
func stringMembers() throws {
    let texts: [(String, inPlace: Bool, plain: Bool)] = [
        (#"{"a":"1","bc":""}"#, true, true), (#"{"a":"1","bc":"é"}"#, true, false),
        (#"{"\u0061":"1"}"#, false, false), (#"{"a":"\/"}"#, false, false),
        (#"{"a":"1","a":"2"}"#, false, true),
        ("{}", true, true),
    ]
    for (text, areInPlace, arePlain) in texts {
        let root = try parse(text)
        let members = try #require(root.stringMembers, "\(text)")
        #expect(members.areInPlace == areInPlace && members.arePlain == arePlain, "\(text)")
        if areInPlace {
            let source = root.document.source
            #expect(members.places.map { Array(source[$0.name]) } == root.members.map { $0.key.stringBytes })
            #expect(
                members.places.map { Array(source[$0.value]) } == root.members.map { $0.value.stringBytes })
        }
    }
    for text in [#"{"a":1}"#, #"{"a":"1","b":{"c":"2"}}"#, #"["a","b"]"#, #""a""#] {
        #expect(try parse(text).stringMembers == nil, "\(text)")
    }
}

@Test("strings are handed out without their escapes, lone surrogates as WTF-8")
func unescapedStrings() throws {
    #expect(try parse(#""\"\\\/\b\f\n\r\t\u0000""#).stringBytes == [0x22, 0x5C, 0x2F, 8, 12, 10, 13, 9, 0])
    #expect(try parse(#""\ud83d\ude00""#).string == "😀")
    #expect(try parse(#""\ud83d""#).stringBytes == [0xED, 0xA0, 0xBD])
    #expect(try parse(#""\ud83d""#).string == nil)
    #expect(try parse(#""\ude00\ud83d""#).stringBytes == [0xED, 0xB8, 0x80, 0xED, 0xA0, 0xBD])
    #expect(try parse(#""\u0061bc""#).equals("abc"))
    #expect(try parse(#""abc""#).equals("abd") == false)
    #expect(try parse(#""abc""#).equals("ab") == false)
    #expect(try parse("1").equals("1") == false)
    #expect(try parse("1").stringBytes == nil)
}

private let refusals: [([UInt8], JSONError.Reason, Int)] =
    [
        ("", .emptyDocument, 0), ("  \n", .emptyDocument, 3), ("{", .unexpectedEnd, 1),
        ("[1", .unexpectedEnd, 2),
        ("[1,]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1), ("{\"a\":1,}", .unexpectedByte, 7),
        ("{a:1}", .unexpectedByte, 1),
        ("{\"a\" 1}", .unexpectedByte, 5), ("{\"a\":}", .unexpectedByte, 5), ("{1:2}", .unexpectedByte, 1),
        ("[1 2]", .unexpectedByte, 3),
        ("[1}", .unexpectedByte, 2), ("{\"a\":1]", .unexpectedByte, 6), ("]", .unexpectedByte, 0),
        ("1 2", .trailingBytes, 2),
        ("{} x", .trailingBytes, 3), ("nul", .unexpectedEnd, 3), ("nulL", .unexpectedByte, 3),
        ("nullx", .trailingBytes, 4),
        ("True", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0), ("-Infinity", .malformedNumber, 1),
        ("Infinity", .unexpectedByte, 0),
        ("01", .malformedNumber, 0), ("-01", .malformedNumber, 1), ("00", .malformedNumber, 0),
        ("+1", .unexpectedByte, 0),
        (".5", .unexpectedByte, 0), ("1.", .unexpectedEnd, 2), ("[1.]", .malformedNumber, 3),
        ("1e", .unexpectedEnd, 2),
        ("[1e+]", .malformedNumber, 4), ("-", .unexpectedEnd, 1), ("[-]", .malformedNumber, 2),
        ("1e400", .numberOutOfRange, 0),
        ("-1e309", .numberOutOfRange, 0), ("[1.8e308]", .numberOutOfRange, 1),
        ("1.7976931348623159e308", .numberOutOfRange, 0),
        ("1e99999999999999999999", .numberOutOfRange, 0), ("0x10", .trailingBytes, 1),
        ("1_000", .trailingBytes, 1),
        ("\"a", .unexpectedEnd, 2), ("\"a\n\"", .controlCharacter, 2), ("\"\u{1}\"", .controlCharacter, 1),
        ("\"\u{0}\"", .controlCharacter, 1),
        ("\"1234567\u{1f}\"", .controlCharacter, 8), ("\"\\x\"", .malformedEscape, 2),
        ("\"\\u12g4\"", .malformedEscape, 5),
        ("\"\\u123\"", .malformedEscape, 6), ("\"\\U0041\"", .malformedEscape, 2),
        ("\"\\'\"", .malformedEscape, 2), ("\"\\", .unexpectedEnd, 2),
        ("\"\\u00", .unexpectedEnd, 5), ("'a'", .unexpectedByte, 0), ("// x\n1", .unexpectedByte, 0),
        ("\u{a0}1", .unexpectedByte, 0),
        ("\u{feff}1", .byteOrderMark, 0), ("1\u{0}", .trailingBytes, 1), ("\u{c}1", .unexpectedByte, 0),
    ].map { (Array($0.utf8), $1, $2) }
    + [
        ([0x80], .malformedUTF8, 1), ([0xC0, 0xAF], .malformedUTF8, 1), ([0xC1, 0xBF], .malformedUTF8, 1),
        ([0xC3], .malformedUTF8, 1),
        ([0xC3, 0x28], .malformedUTF8, 1), ([0xE0, 0x80, 0xAF], .malformedUTF8, 1),
        ([0xE0, 0x9F, 0xBF], .malformedUTF8, 1),
        ([0xE4, 0xB8], .malformedUTF8, 1), ([0xED, 0xA0, 0x80], .malformedUTF8, 1),
        ([0xED, 0xBF, 0xBF], .malformedUTF8, 1),
        ([0xF0, 0x80, 0x80, 0xAF], .malformedUTF8, 1), ([0xF0, 0x8F, 0xBF, 0xBF], .malformedUTF8, 1),
        ([0xF0, 0x9F, 0x98], .malformedUTF8, 1),
        ([0xF4, 0x90, 0x80, 0x80], .malformedUTF8, 1), ([0xF5, 0x80, 0x80, 0x80], .malformedUTF8, 1),
        ([0xFE], .malformedUTF8, 1),
        ([0xFF], .malformedUTF8, 1), ([0x61, 0xE9, 0x62], .malformedUTF8, 2),
    ].map { ([0x22] + $0 + [0x22], $1, $2) }

@Test("what is no JSON is refused, with the reason and the place", arguments: refusals)
func refusal(text: [UInt8], reason: JSONError.Reason, offset: Int) {
    #expect(throws: JSONError(reason, at: offset)) { try JSONDocument(parsing: text) }
    let padded = [0x5B, 0x22] + text + [0x22]
    #expect(throws: JSONError(reason, at: offset + 2), "in a range") {
        try JSONDocument(parsing: padded, in: 2..<text.count + 2)
    }
    #expect(!reason.description.isEmpty && !JSONError(reason, at: 0).description.isEmpty)
}

@Test("a byte order mark is tolerated where asked for, once")
func byteOrderMark() throws {
    let text: [UInt8] = [0xEF, 0xBB, 0xBF] + Array(#"{"a":1}"#.utf8)
    #expect(try JSONDocument(parsing: text, allowsByteOrderMark: true).root["a"]?.integer == 1)
    #expect(throws: JSONError(.unexpectedByte, at: 3)) {
        try JSONDocument(parsing: [0xEF, 0xBB, 0xBF] + text, allowsByteOrderMark: true)
    }
    #expect(throws: JSONError(.emptyDocument, at: 3)) {
        try JSONDocument(parsing: [0xEF, 0xBB, 0xBF], allowsByteOrderMark: true)
    }
}

@Test("nesting stops at the limit, and costs no call stack below a large one")
func depth() throws {
    func nested(_ depth: Int) -> [UInt8] {
        Array(repeating: 0x5B, count: depth) + Array(repeating: 0x5D, count: depth)
    }
    #expect(throws: Never.self) { try JSONDocument(parsing: nested(512)) }
    #expect(throws: JSONError(.nestingTooDeep, at: 512)) { try JSONDocument(parsing: nested(513)) }
    let deep = try JSONDocument(parsing: nested(1_000_000), depthMax: 1_000_000)
    #expect(pythonText(deep.root)?.utf8.count == 2_000_000)
}

@Test("a text cut anywhere is refused at its end or before")
func truncation() throws {
    let text = Array(#"{"a": [1, -2.5e3, "x\u00e9é\n", true, {}], "b": null} "#.utf8)
    #expect(throws: Never.self) { try JSONDocument(parsing: text) }
    for length in 0..<text.count - 1 {
        do throws(JSONError) {
            _ = try JSONDocument(parsing: text, in: 0..<length)
            Issue.record("taken though cut at \(length)")
        } catch {
            #expect(error.offset <= length)
        }
    }
}

@Test(
    "whatever the bytes, a text is taken or refused, and what is taken can be walked and written",
    arguments: 0..<8 as Range<UInt64>)
func mutations(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let seeds = try Corpus.documents("json-python.jsonl").compactMap { $0["text"]?.stringBytes }.filter {
        $0.count < 400
    }
    var taken = 0
    for _ in 0..<4_000 {
        guard var text = seeds.randomElement(using: &generator) else { continue }
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !text.isEmpty {
            let place = Int.random(in: 0..<text.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: text[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: text.remove(at: place)
            default:
                text.insert(Array(#""\[]{},:0e.u"#.utf8).randomElement(using: &generator) ?? 0, at: place)
            }
        }
        guard let document = try? JSONDocument(parsing: text) else { continue }
        taken += 1
        let written = try #require(pythonText(document.root))
        #expect(try pythonText(parse(written)) == written)
        #expect(document.root.rawRange.upperBound <= text.count)
    }
    #expect(taken > 100)
}
