import JSON
import Testing

@Test("Python's text of a document is what CPython writes, and its truth is CPython's")
func pythonTable() throws {
    let rows = try Corpus.documents("json-python.jsonl")
    #expect(rows.count > 1_900)
    for row in rows {
        let text = try #require(row["text"]?.stringBytes)
        let expected = try #require(row["python"]?.string)
        let root = try JSONDocument(parsing: text).root
        #expect(pythonText(root) == expected, "\(String(decoding: text, as: UTF8.self))")
        #expect(root.isTrueInPython == row["isTrue"]?.bool, "\(String(decoding: text, as: UTF8.self))")
    }
}

@Test("Python's text, read again, is its own Python's text")
func pythonTextIsStable() throws {
    for row in try Corpus.documents("json-python.jsonl") {
        let expected = try #require(row["python"]?.string)
        #expect(try pythonText(parse(expected)) == expected)
    }
}

@Test(
    "a dollar before a dollar or a bracket is escaped, and only then",
    arguments: [
        (#""$(HOME)""#, #""\u0024(HOME)""#), (#""$$""#, #""\u0024$""#), (#""$$$""#, #""\u0024\u0024$""#),
        (#""$ (""#, #""$ (""#), (#""$""#, #""$""#), (#""$\u0028""#, #""\u0024(""#),
        (#""\u0024\u0024""#, #""\u0024$""#),
        (#""$\n$(""#, #""$\n\u0024(""#), (#"{"$(": "$("}"#, #"{"\u0024(": "\u0024("}"#),
        (#"["$", "("]"#, #"["$", "("]"#),
    ])
func dollars(text: String, expected: String) throws {
    let form = JSONPythonForm(escapesDollars: true)
    #expect(try pythonText(parse(text), form) == expected)
    #expect(try pythonText(parse(expected)) == pythonText(parse(text)), "it says the same")
    if let content = try parse(text).stringBytes {
        var output: [UInt8] = []
        JSONPythonText.appendString(content, to: &output, form: form)
        #expect(String(decoding: output, as: UTF8.self) == expected)
    }
}

@Test("UTF-8 is written as it is where asked for, but a lone surrogate has none")
func unescaped() throws {
    let form = JSONPythonForm(escapesNonASCII: false)
    #expect(
        try pythonText(parse(#"{"é": "\u00e9\ud83d\ude00\u2028中\n\"\u007f"}"#), form)
            == "{\"é\": \"é😀\u{2028}中\\n\\\"\u{7f}\"}")
    #expect(try pythonText(parse(#"["\ud800"]"#), form) == nil)
    #expect(try pythonText(parse(#"{"\udc00x": 1}"#), form) == nil)
    #expect(try pythonText(parse(#"["\ud800"]"#)) == #"["\ud800"]"#)
}

@Test("named members of the outermost object are left out, and of no other")
func omitting() throws {
    let value = try parse(#"{"kind": 1, "a": {"kind": 2}, "\u006bind": 3, "b": 4}"#)
    #expect(pythonText(value, omitting: ["kind"]) == #"{"a": {"kind": 2}, "b": 4}"#)
    #expect(pythonText(value, omitting: ["a", "b"]) == #"{"kind": 3}"#)
    #expect(pythonText(value, omitting: ["kind", "a", "b"]) == "{}")
    #expect(try pythonText(parse(#"[{"kind": 1}]"#), omitting: ["kind"]) == #"[{"kind": 1}]"#)
    #expect(try parse(#"{"z": [1]}"#)["z"].flatMap { pythonText($0) } == "[1]")
}

@Test(
    "truth is Python's",
    arguments: [
        ("null", false), ("false", false), ("true", true), ("0", false), ("-0", false), ("0.0", false),
        ("-0.0e5", false),
        ("1e-400", false), ("5e-324", true), ("1", true), (#""""#, false), (#"" ""#, true), ("[]", false),
        ("{}", false),
        ("[0]", true), (#"{"": 0}"#, true), ("99999999999999999999999", true), (#""\u0000""#, true),
    ])
func truth(text: String, expected: Bool) throws {
    #expect(try parse(text).isTrueInPython == expected)
}

@Test("a string of bytes is written as Python writes the same text")
func strings() throws {
    for row in try Corpus.documents("json-python.jsonl") {
        let expected = try #require(row["python"]?.string)
        guard let content = try parse(expected).stringBytes else { continue }
        var output: [UInt8] = []
        JSONPythonText.appendString(content, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == expected)
    }
}

@Test(
    "whatever grows most, in any number and in any form, has room",
    arguments: [
        #"\""#, #"\\"#, #"\n"#, #"\/"#, "\u{7F}", "ø", "€", "😀", #"\ud800"#, #"\u007f"#, #"\u0022"#, "$$",
        "$(",
        #"\u0024\u0024"#, "a",
    ])
func growingStrings(piece: String) throws {
    let forms = [JSONPythonForm.standard, JSONPythonForm(escapesNonASCII: false, escapesDollars: true)]
    for form in forms + forms.map(\.insideString) {
        // What one piece becomes, told from two of them: a dollar is written as its neighbour wants it.
        let (two, three) = (written(piece, 2, form), written(piece, 3, form))
        let each = three.count - two.count
        for count in 4...70 {
            #expect(written(piece, count, form).count == two.count + (count - 2) * each)
        }
    }
}

@Test("numbers that grow most have room, alone and among others")
func growingNumbers() throws {
    for (text, expected) in [
        ("1e9", "1000000000.0"), ("1e15", "1000000000000000.0"), ("-0e0", "-0.0"), ("7E1", "70.0"),
    ] {
        for count in 1...40 {
            let list = try parse("[" + Array(repeating: text, count: count).joined(separator: ",") + "]")
            #expect(
                pythonText(list) == "[" + Array(repeating: expected, count: count).joined(separator: ", ")
                    + "]")
        }
        #expect(try pythonText(parse(text)) == expected)
    }
    #expect(try pythonText(parse(#"{"a":[{},[],"",{"":""}]}"#)) == #"{"a": [{}, [], "", {"": ""}]}"#)
}

/// What a string of so many times `piece` becomes.
private func written(_ piece: String, _ count: Int, _ form: JSONPythonForm) -> [UInt8] {
    var output: [UInt8] = []
    let text = "\"" + String(repeating: piece, count: count) + "\""
    guard let value = try? parse(text) else { return [] }
    _ = value.appendPythonText(to: &output, form: form)
    return output
}
