import JSON
import TestSupport
import Testing

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Test("a writer puts commas, colons and brackets where they belong")
func writing() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("a", 1)
    writer.key("b")
    writer.beginArray()
    writer.null()
    writer.bool(true)
    writer.integer(.min)
    writer.beginObject()
    writer.endObject()
    writer.beginArray()
    writer.endArray()
    writer.string("x")
    writer.endArray()
    writer.member("c", "say \"é\"\\\n\u{1}\u{7f}/")
    writer.member("d", bytes: [0x61, 0xED, 0xA0, 0x80, 0xFF, 0xC3, 0xA9])
    writer.key("e")
    writer.raw(Array(#"xx{"k": [1]}xx"#.utf8), in: 2..<12)
    writer.key(bytes: Array("\n".utf8))
    writer.string { $0.append(contentsOf: "YQ==".utf8) }
    writer.member("f", false)
    writer.endObject()
    let expected =
        #"{"a":1,"b":[null,true,-9223372036854775808,{},[],"x"],"c":"say \"é\"\\\n\u0001"# + "\u{7f}"
        + #"/","d":"a\ud800�é","e":{"k": [1]},"\n":"YQ==","f":false}"#
    #expect(text(writer.finish()) == expected)
}

@Test("a scalar is a text, too")
func scalars() throws {
    var writer = JSONWriter()
    writer.string("")
    #expect(text(writer.finish()) == "\"\"")
}

@Test(
    "whatever bytes go into a string, valid JSON of the same well-formed content comes out",
    arguments: 0..<4 as Range<UInt64>)
func escaping(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<3_000 {
        let count = Int.random(in: 0...24, using: &generator)
        let interesting: [UInt8] = [
            0, 0x1F, 0x22, 0x5C, 0x7F, 0x80, 0xBF, 0xC3, 0xA9, 0xE4, 0xB8, 0xED, 0xA0, 0xF0, 0x9F, 0xF4, 0xFF,
            0x61,
        ]
        let bytes = (0..<count).map { _ in interesting.randomElement(using: &generator) ?? 0 }
        var writer = JSONWriter()
        writer.string(bytes: bytes)
        let document = try JSONDocument(parsing: writer.finish())
        let expected = String(decoding: bytes, as: UTF8.self)
        if let read = document.root.string {
            #expect(Array(read.utf8) == Array(expected.utf8))
        } else {
            #expect(document.root.stringBytes?.contains(0xED) == true, "only a lone surrogate is no String")
        }
        var ascii: [UInt8] = [0x22]
        JSONEscaping.append(bytes, to: &ascii, form: .ascii)
        ascii.append(0x22)
        #expect(ascii.allSatisfy { $0 < 0x80 })
        #expect(try JSONDocument(parsing: ascii).root.stringBytes == document.root.stringBytes)
    }
}

@Test("a character that lies across the end of a piece is written whole", arguments: 0..<4)
func acrossPieces(offset: Int) {
    // Pieces have 2,048 bytes; characters of two to four bytes, a lone surrogate, and what is no UTF-8.
    let characters: [(bytes: [UInt8], escape: String)] = [
        (Array("\u{e9}".utf8), "\\u00e9"), (Array("\u{4e2d}".utf8), "\\u4e2d"),
        (Array("\u{1f600}".utf8), "\\ud83d\\ude00"), ([0xED, 0xA0, 0x80], "\\ud800"),
        ([0xF0, 0x9F, 0x98], "\\ufffd"),
    ]
    for character in characters {
        let count = 3_000 / character.bytes.count
        let bytes = [UInt8](repeating: 0x61, count: offset) + (0..<count).flatMap { _ in character.bytes }
        var output: [UInt8] = []
        JSONEscaping.append(bytes, to: &output, form: .ascii)
        let expected =
            String(repeating: "a", count: offset) + String(repeating: character.escape, count: count)
        #expect(String(decoding: output, as: UTF8.self) == expected)
    }
}

@Test("a JSON text inside a string is the text, escaped")
func embeddedText() throws {
    for row in try Corpus.documents("json-python.jsonl") {
        let value = try JSONDocument(parsing: #require(row["text"]?.stringBytes)).root
        for form in [JSONPythonForm.standard, JSONPythonForm(escapesNonASCII: false, escapesDollars: true)] {
            var output: [UInt8] = []
            let isComplete = value.appendPythonText(to: &output, form: form)
            var expected = JSONWriter()
            expected.beginArray()
            expected.string(bytes: output)
            expected.endArray()
            var writer = JSONWriter()
            writer.beginArray()
            writer.string {
                #expect(value.appendPythonText(to: &$0, form: form.insideString) == isComplete)
            }
            writer.endArray()
            if isComplete { #expect(writer.finish() == expected.finish()) }
        }
    }
}
