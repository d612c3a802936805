import Glibc

@testable import Functions
@testable import JSON

/// The readers of JSON and base64.
enum FuzzJSON {
    static func pythonText(_ value: JSONDocument.Value, _ form: JSONPythonForm = .standard) -> [UInt8]? {
        var text: [UInt8] = []
        return value.appendPythonText(to: &text, form: form) ? text : nil
    }

    /// A text is read exactly when a slow and obvious reader takes it; what is written of it in any form
    /// reads back as the same, in visible ASCII, with every key once, and nothing that a kubelet would
    /// expand.
    static func json(_ input: [UInt8]) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: input)
        } catch {
            check(!SlowJSON.accepts(input), "refused (\(error)), but it is JSON")
            check((0...input.count).contains(error.offset), "an error's place is in the text")
            return
        }
        check(SlowJSON.accepts(input), "accepted, but it is no JSON")
        let text = required(pythonText(document.root), "Python's text of every document")
        check(text.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "Python's text is visible ASCII")
        checkReads(text, as: text)
        let dollars = required(
            pythonText(document.root, JSONPythonForm(escapesDollars: true)), "the text of an argument")
        checkReads(dollars, as: text)
        for (first, second) in zip(dollars, dollars.dropFirst()) where first == UInt8(ascii: "$") {
            check(second != UInt8(ascii: "$") && second != UInt8(ascii: "("), "nothing to be expanded")
        }
        if let plain = pythonText(document.root, JSONPythonForm(escapesNonASCII: false)) {
            checkReads(plain, as: text)
        }
        var writer = JSONWriter()
        writer.string {
            let isComplete = document.root.appendPythonText(
                to: &$0, form: JSONPythonForm.standard.insideString)
            check(isComplete, "a text inside a text")
        }
        let inner = try? JSONDocument(parsing: writer.finish()).root.stringBytes
        check(inner == text, "a text inside a text reads back")
        checkKeys(document.root)
    }

    private static func checkReads(_ text: [UInt8], as expected: [UInt8]) {
        guard let document = try? JSONDocument(parsing: text) else {
            return check(false, "what is written can be read: \(shown(text))")
        }
        check(pythonText(document.root) == expected, "what is written reads as the same")
    }

    /// The last of equal keys wins, everywhere; and every number is the double that C reads.
    private static func checkKeys(_ value: JSONDocument.Value) {
        if let number = value.double {
            let expected = strtod(String(decoding: value.document.source[value.rawRange], as: UTF8.self), nil)
            check(number == expected, "\(number) is \(expected)")
        }
        if value.isArray { for element in value.elements { checkKeys(element) } }
        guard value.isObject else { return }
        var seen = Set<[UInt8]>()
        for (key, member) in value.members {
            let name = required(key.stringBytes, "a key is a string")
            check(seen.insert(name).inserted, "every key once")
            check(value.member(named: name)?.rawRange == member.rawRange, "a key leads to its own value")
            checkKeys(member)
        }
    }

    // MARK: base64

    /// base64 is taken exactly when a slow reader of its bits takes it, with the same bytes, inside a JSON
    /// string as well; and what is encoded decodes to itself.
    static func base64(_ input: [UInt8]) {
        let expected = slowBase64(input)
        check((try? Base64.decode(input)) == expected, "the bytes of the slow reader")
        var text: [UInt8] = [0x22]
        for (index, byte) in input.enumerated() {
            if index % 3 == 0, byte < 0x80 {
                text += "\\u00".utf8
                text += (byte < 16 ? "0" : "").utf8
                text += String(byte, radix: 16).utf8
            } else if byte == 0x22 || byte == 0x5C || byte < 0x20 {
                text += "\\u00".utf8
                text += (byte < 16 ? "0" : "").utf8
                text += String(byte, radix: 16).utf8
            } else {
                text.append(byte)
            }
        }
        text.append(0x22)
        if let document = try? JSONDocument(parsing: text) {
            check((try? Base64.decode(document.root)) ?? nil == expected, "the same inside a JSON string")
        }
        check((try? Base64.decode(Base64.encode(input))) == input, "encoded and decoded")
        check(Base64URL.decode(Base64.encodeURLSafe(input)) == input, "encoded and decoded for URLs")
    }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648 section 4, bit by bit. Line breaks are dropped, padding may be missing.
    private static func slowBase64(_ input: [UInt8]) -> [UInt8]? {
        let text = input.filter { $0 != 0x0A && $0 != 0x0D }
        let characters = text.prefix { alphabet.contains($0) }
        let padding = text.dropFirst(characters.count)
        guard padding.allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
        let last = characters.count % 4
        guard last != 1, padding.isEmpty || (last >= 2 && last + padding.count <= 4) else { return nil }
        var bits: [Bool] = []
        for character in characters {
            let value = alphabet.firstIndex(of: character) ?? 0
            for place in 0..<6 { bits.append(value >> (5 - place) & 1 == 1) }
        }
        return (0..<bits.count / 8).map { index in
            bits[index * 8..<index * 8 + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
    }
}
