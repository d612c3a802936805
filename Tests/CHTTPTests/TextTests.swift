import CHTTP
import Testing

@Suite("Texts and classes") struct TextTests {
    @Test("every rule has a sentence of its own that names its section")
    func ruleTexts() {
        let texts = (0..<CHTTP_RULE_COUNT.rawValue).map { String(cString: chttp_rule_text(chttp_rule($0))) }
        #expect(Set(texts).count == texts.count)
        for text in texts.dropFirst() { #expect(text.contains("(RFC ") && text.hasSuffix(").")) }
    }

    @Test("a number that is no rule has a sentence too")
    func unknownRule() {
        #expect(!String(cString: chttp_rule_text(CHTTP_RULE_COUNT)).isEmpty)
        #expect(!String(cString: chttp_rule_text(chttp_rule(.max))).isEmpty)
    }

    @Test("a token is letters, digits and 15 signs, and nothing else of 256 bytes")
    func tokens() {
        let signs = Array("!#$%&'*+-.^_`|~".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(chttp_is_token([byte], 1) == (isLetterOrDigit(byte) || signs.contains(byte)), "\(byte)")
        }
        #expect(!chttp_is_token([0x61], 0))
        #expect(chttp_is_token(Array("a-b".utf8), 3))
        #expect(!chttp_is_token(Array("a b".utf8), 3))
    }

    @Test("a field value holds what is visible or above ASCII, and white space only inside")
    func fieldValues() {
        for byte in UInt8.min...UInt8.max {
            let inside = byte == 0x09 || (byte >= 0x20 && byte != 0x7f)
            #expect(chttp_is_field_value([0x61, byte, 0x61], 3) == inside, "\(byte)")
            let alone = inside && byte != 0x09 && byte != 0x20
            #expect(chttp_is_field_value([byte, 0x61], 2) == alone, "\(byte)")
            #expect(chttp_is_field_value([0x61, byte], 2) == alone, "\(byte)")
        }
        #expect(chttp_is_field_value([0x61], 0))
    }

    @Test(
        "a byte of a value is judged alike at any place, whatever stands around it",
        arguments: [0x76, 0xff, 0x20])
    func placesInAValue(_ around: UInt8) {
        for byte in UInt8.min...UInt8.max {
            let text = byte == 0x09 || (byte >= 0x20 && byte != 0x7f)
            for place in 0..<20 {
                var value = [UInt8](repeating: around, count: 20)
                value[place] = byte
                let head = Array("GET / HTTP/1.0\r\nA:".utf8) + value + Array("\r\n\r\n".utf8)
                if isAccepted(head) != text { Issue.record("\(byte) at \(place)") }
            }
        }
    }

    @Test("a path holds pchar and slashes, a query question marks too, of 256 bytes")
    func targets() {
        let signs = Array("-._~!$&'()*+,;=:@/?".utf8)
        for byte in UInt8.min...UInt8.max {
            let accepted = isAccepted(Array("GET /".utf8) + [byte] + Array(" HTTP/1.0\r\n\r\n".utf8))
            #expect(accepted == (isLetterOrDigit(byte) || signs.contains(byte)), "\(byte)")
        }
    }

    @Test("a host holds unreserved characters and sub-delims, of 256 bytes")
    func hosts() {
        let signs = Array("-._~!$&'()*+,;=".utf8)
        for byte in UInt8.min...UInt8.max {
            let accepted = isAccepted(Array("GET http://".utf8) + [byte] + Array("/ HTTP/1.0\r\n\r\n".utf8))
            #expect(accepted == (isLetterOrDigit(byte) || signs.contains(byte)), "\(byte)")
        }
    }

    @Test("a quoted-string holds all text but quote and backslash, of 256 bytes")
    func quotedStrings() {
        for byte in UInt8.min...UInt8.max {
            let text = byte == 0x09 || (byte >= 0x20 && byte != 0x7f)
            let plain = Array("0;a=\"".utf8) + [byte] + Array("\"\r\n\r\n".utf8)
            #expect(isBody(plain) == (text && byte != 0x22 && byte != 0x5c), "\(byte)")
            let quoted = Array("0;a=\"\\".utf8) + [byte] + Array("\"\r\n\r\n".utf8)
            #expect(isBody(quoted) == text, "\(byte)")
        }
    }

    @Test("names are compared without case, and only letters have case")
    func equality() {
        #expect(chttp_equals(Array("Keep-ALIVE".utf8), 10, "keep-alive"))
        let upperCase = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        #expect(chttp_equals(upperCase, 26, "abcdefghijklmnopqrstuvwxyz"))
        #expect(!chttp_equals(Array("keep-alive".utf8), 9, "keep-alive"))
        #expect(!chttp_equals(Array("keep-alivex".utf8), 11, "keep-alive"))
        #expect(!chttp_equals([0x40], 1, "`"))
        #expect(!chttp_equals([0x5b], 1, "{"))
        #expect(chttp_equals([0x61], 0, ""))
    }

    private func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private func isAccepted(_ input: [UInt8]) -> Bool {
        if case .head = example(.request, input).outcome() { return true }
        return false
    }

    private func isBody(_ input: [UInt8]) -> Bool {
        if case .body = example(.chunked, input).outcome() { return true }
        return false
    }

    private func example(_ kind: Example.Kind, _ input: [UInt8]) -> Example {
        Example(kind: kind, ceilings: [:], input: input, expected: [], place: "")
    }
}
