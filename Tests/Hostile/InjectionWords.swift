import TestSupport

@testable import JSON

/// A request as bytes, and whom it is for.
struct HostileRequest {
    let bytes: [UInt8]
    let isLookup: Bool
}

/// Draws requests that try to be more than one line, one value, one path.
struct HostileWords {
    /// Stands in every hostile value, so that it is found wherever one ends up.
    static let mark = "QJXMARK"
    /// Stands in events' data, which no log line may hold.
    static let dataMark = "WVZDATA"

    static func isIn(_ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)[...]
        return FuzzMessages.position(of: mark, in: bytes) != nil
            || FuzzMessages.position(of: dataMark, in: bytes) != nil
    }

    private var chance: SeededGenerator

    init(seed: UInt64) { chance = SeededGenerator(seed: seed) }

    private static let bits: [[UInt8]] =
        [
            "\r\n", "\r", "\n", "\0", "\"", "'", "\\", "..", "/../", "%2f", "%2F..", "%252f", "?", "#", "&",
            "=", ";", ":", "@",
            "\u{2028}", "\u{85}", "\u{1F600}", "\u{FEFF}", "\u{202E}", "\t", " ", "<script>", "${jndi:x}",
            "$(A)", "$$", "{{", "%0d%0a",
            "\r\nX-Injected: 1\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
            "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "\u{7F}", "\u{1B}[2J",
            "\",\"severity\":\"ERROR\",\"x\":\"", "\\u0000", "\\ud800", "//", "/", "http://evil.example/",
            "*", "+", "%", "%zz", "|", "`",
        ].map { Array($0.utf8) } + [
            [0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
        ]

    /// A value with the mark in it: a few hostile bits, now and then 64 KiB of them.
    mutating func value() -> [UInt8] {
        var value: [UInt8] = []
        for _ in 0..<chance.below(4) { value += chance.pick(Self.bits) }
        value += Self.mark.utf8
        for _ in 0..<chance.below(4) { value += chance.pick(Self.bits) }
        if chance.below(400) == 0 {
            let more = chance.pick(Self.bits) + [UInt8(ascii: "a")]
            while value.count < 65_536 { value += more }
        }
        return value
    }

    /// A hostile value, or what it should have been.
    private mutating func value(or usual: String, percent: Int = 30) -> [UInt8] {
        chance.happens(percent: percent) ? value() : Array(usual.utf8)
    }

    mutating func request() -> HostileRequest {
        chance.happens(percent: 40) ? lookup() : push()
    }

    // MARK: The registry's

    private mutating func lookup() -> HostileRequest {
        var target = Array("/".utf8)
        if chance.happens(percent: 60) {
            target += Array("my-org/my-service".utf8)
        } else {
            target += inTarget(value())
        }
        if chance.happens(percent: 60) {
            target += Array("?revision_tag=".utf8) + inTarget(value(or: "0.1.0", percent: 50))
        }
        if chance.below(200) == 0 { target = Array("/my-org/my-service#x".utf8) }
        let method =
            chance.happens(percent: 95) ? "GET" : chance.pick(["HEAD", "POST", "DELETE", "\(Self.mark)"])
        return HostileRequest(bytes: head(method, target, []) + Array("\r\n".utf8), isLookup: true)
    }

    /// As it is, or percent-encoded as a client would: the second gets past the server's grammar.
    private mutating func inTarget(_ value: [UInt8]) -> [UInt8] {
        if chance.happens(percent: 20) { return value }
        let digits = Array("0123456789abcdef".utf8)
        var output: [UInt8] = []
        for byte in value.prefix(5_000) {
            let isPlain = byte > 0x20 && byte < 0x7F && !"\"#<>\\^`{|}".utf8.contains(byte)
            if isPlain, !chance.happens(percent: 20) {
                output.append(byte)
            } else {
                output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return output
    }

    private mutating func head(_ method: String, _ target: [UInt8], _ lines: [(String, [UInt8])]) -> [UInt8] {
        var bytes = Array("\(method) ".utf8) + target + Array(" HTTP/1.1\r\nHost: h\r\n".utf8)
        var lines = lines
        if chance.happens(percent: 20) { lines.append(("traceparent", value())) }
        if chance.happens(percent: 20) { lines.append(("x-cloud-trace-context", value())) }
        if chance.happens(percent: 20) { lines.append(("function-execution-id", value())) }
        if chance.happens(percent: 10) { lines.append(("authorization", value())) }
        for (name, value) in lines {
            // Mostly what a field may hold, so that it gets to the handler.
            let isTame = chance.happens(percent: 95)
            bytes += Array("\(name): ".utf8)
            bytes += isTame ? value.filter { $0 >= 0x20 && $0 != 0x7F }.prefix(12_000) : value[...]
            bytes += Array("\r\n".utf8)
        }
        return bytes
    }

    // MARK: The event handler's

    private static let attributes: [(String, String)] = [
        ("datetime", "2024-04-11T09:26:39.144818+00:00"), ("uuid", "c8bda9fa-f072-4330-92b1-96920d06b28d"),
        ("parent", "a/b:1"), ("originator", "a/b:1"), ("sender", "a/b:1"), ("sender_type", "PARENT"),
        ("sender_sdk_version", "0.70.0"), ("recipient", "a/c:1.0.0"), ("question_uuid", "q-1"),
        ("originator_question_uuid", "q-1"), ("parent_question_uuid", "q-0"), ("retry_count", "0"),
    ]

    private mutating func push() -> HostileRequest {
        let data = eventData()
        let pairs = attributePairs()
        var lines: [(String, [UInt8])] = [("Content-Type", value(or: "application/json", percent: 4))]
        var body: [UInt8]
        switch chance.below(10) {
        case 0:
            lines = pairs.map {
                (String(decoding: $0.0.filter { $0 > 0x2D && $0 < 0x7B }, as: UTF8.self) + "_x", $0.1)
            }
            lines += Self.attributes.map { ($0.0, value(or: $0.1, percent: 15)) }
            lines.append(("x-goog-pubsub-message-id", value(or: "7")))
            lines.append(("x-goog-pubsub-subscription-name", value(or: "s")))
            body = data
        case 1:
            let push = wrapped(data, pairs)
            lines[0].1 = Array("application/cloudevents+json".utf8)
            body = object([
                ("specversion", string(Array("1.0".utf8))), ("id", string(value(or: "1"))),
                ("source", string(value())), ("type", string(value())), ("data", push),
            ])
        case 2:
            lines += [
                ("ce-id", value()), ("ce-source", value()), ("ce-type", value()),
                ("ce-specversion", value(or: "1.0", percent: 10)),
            ]
            body = wrapped(data, pairs)
        default: body = wrapped(data, pairs)
        }
        if chance.happens(percent: 4) { body = value() }
        if chance.happens(percent: 4), !body.isEmpty {
            body[chance.below(body.count)] = UInt8(chance.below(256))
        }
        let target = chance.happens(percent: 80) ? Array("/".utf8) : Array("/".utf8) + inTarget(value())
        let method =
            chance.happens(percent: 96) ? "POST" : chance.pick(["GET", "PUT", "DELETE", "\(Self.mark)"])
        lines.append(("Content-Length", Array("\(body.count)".utf8)))
        return HostileRequest(
            bytes: head(method, target, lines) + Array("\r\n".utf8) + body, isLookup: false)
    }

    private mutating func eventData() -> [UInt8] {
        if chance.happens(percent: 3) { return value() + Array(Self.dataMark.utf8) }
        let kind = chance.pick(["question", "question", "cancellation", "heartbeat", "exception"])
        let hostile = value() + Array(Self.dataMark.utf8)
        var members = [("kind", string(value(or: kind, percent: 5)))]
        members.append(("input_values", object([(Self.dataMark, string(hostile))])))
        if chance.happens(percent: 30) { members.append(("input_manifest", string(hostile))) }
        if chance.happens(percent: 30) { members.append((Self.dataMark, Array("[1.50,1e3,-0]".utf8))) }
        return object(members)
    }

    private mutating func attributePairs() -> [([UInt8], [UInt8])] {
        let percent = chance.pick([0, 0, 5, 15, 50])
        var pairs = Self.attributes.map { (Array($0.0.utf8), value(or: $0.1, percent: percent)) }
        if chance.happens(percent: 5) { pairs.remove(at: chance.below(pairs.count)) }
        if chance.happens(percent: 30) { pairs.append((value(), value())) }
        for name in ["cpus", "memory", "ephemeral_storage"] where chance.happens(percent: 10) {
            pairs.append((Array(name.utf8), value(or: "1", percent: 50)))
        }
        return pairs
    }

    private mutating func wrapped(_ data: [UInt8], _ pairs: [([UInt8], [UInt8])]) -> [UInt8] {
        var attributes: [UInt8] = [UInt8(ascii: "{")]
        for (index, pair) in pairs.enumerated() {
            if index > 0 { attributes.append(UInt8(ascii: ",")) }
            attributes += string(pair.0) + [UInt8(ascii: ":")] + string(pair.1)
        }
        attributes.append(UInt8(ascii: "}"))
        var encoded = string(Base64.encode(data))
        if chance.happens(percent: 3) { encoded = string(value()) }
        if chance.happens(percent: 2) { encoded = Array("null".utf8) }
        let message = object([
            ("data", encoded), ("attributes", attributes), ("messageId", string(value(or: "1"))),
            ("orderingKey", string(value(or: "q"))), ("publishTime", string(value(or: "t"))),
        ])
        return object([
            ("message", message), ("subscription", string(value(or: "s"))),
            ("deliveryAttempt", chance.happens(percent: 50) ? Array("5".utf8) : string(value())),
        ])
    }

    private func object(_ members: [(String, [UInt8])]) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: "{")]
        for (index, member) in members.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += "\"\(member.0)\":".utf8
            text += member.1
        }
        return text + [UInt8(ascii: "}")]
    }

    /// A JSON string; ill-formed bytes mostly become an escape of a lone surrogate, and now and then stay.
    private mutating func string(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: "\"")]
        if String(validating: bytes, as: UTF8.self) == nil, !chance.happens(percent: 3) {
            for byte in bytes {
                text += byte < 0x80 ? escaped(byte) : Array("\\ud8".utf8) + hexadecimal(byte)
            }
        } else {
            for byte in bytes { text += byte < 0x80 ? escaped(byte) : [byte] }
        }
        return text + [UInt8(ascii: "\"")]
    }

    private func escaped(_ byte: UInt8) -> [UInt8] {
        byte < 0x20 || byte == 0x22 || byte == 0x5C ? Array("\\u00".utf8) + hexadecimal(byte) : [byte]
    }

    private func hexadecimal(_ byte: UInt8) -> [UInt8] {
        Array((byte < 16 ? "0" : "").utf8) + Array(String(byte, radix: 16).utf8)
    }
}
