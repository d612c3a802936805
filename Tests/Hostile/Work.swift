@testable import Functions
@testable import JSON
@testable import Net

/// Work whose instructions are counted: scripts/linear runs each kind at doubled sizes under callgrind, which
/// collects inside `measured` alone.
enum Work {
    /// What is done, after what is made ready for it outside of the count.
    struct Kind: Sendable {
        let name: String
        let prepare: @Sendable (Int) -> () -> Void
    }

    static let all: [Kind] =
        heads + [
            Kind(name: "chunk-lines") { size in
                requests(
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + String(repeating: "1\r\nx\r\n", count: size / 6) + "0\r\n\r\n", piece: 65_536)
            },
            Kind(name: "chunk-bytes") { size in
                requests(
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + String(repeating: "1\r\nx\r\n", count: size / 6) + "0\r\n\r\n", piece: 1)
            },
            Kind(name: "chunk-extension") { size in
                requests(
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a="
                        + String(repeating: "x", count: size), piece: 1_024)
            },
            Kind(name: "pipelined") { size in
                requests(
                    String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: size / 27), piece: 65_536)
            },
            Kind(name: "pipelined-bodies") { size in
                requests(
                    String(
                        repeating: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxx",
                        count: size / 49),
                    piece: 1_460)
            },
            Kind(name: "response-chunks") { size in
                responses(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + String(repeating: "1\r\nx\r\n", count: size / 6) + "0\r\n\r\n", piece: 1_460)
            },
            Kind(name: "response-interim") { size in
                responses(
                    String(repeating: "HTTP/1.1 103 E\r\nA: b\r\n\r\n", count: size / 25)
                        + "HTTP/1.1 204 N\r\n\r\n",
                    piece: 65_536)
            },
        ] + texts

    private static let heads = [
        Kind(name: "head-target") { size in
            requests("GET /" + String(repeating: "a", count: size) + " HTTP/1.1\r\nHost: h\r\n\r\n", piece: 1)
        },
        Kind(name: "head-field") { size in
            requests(
                "GET / HTTP/1.1\r\nHost: h\r\nA: " + String(repeating: "a", count: size) + "\r\n\r\n",
                piece: 1)
        },
        Kind(name: "head-fields") { size in
            requests(
                "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "a: b\r\n", count: size / 6) + "\r\n",
                piece: 1)
        },
        Kind(name: "head-long-fields") { size in
            let line = "a: " + String(repeating: "b", count: 1_019) + "\r\n"
            return requests(
                "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: line, count: size / 1_024) + "\r\n",
                piece: 1_460)
        },
    ]

    private static let texts = [
        json("json-depth") { String(repeating: "[", count: $0) },
        json("json-depth-allowed") { size in
            let nest = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
            return "[" + String(repeating: nest + ",", count: size / 1_001) + "0]"
        },
        json("json-array") { "[" + String(repeating: "0,", count: $0 / 2) + "0]" },
        json("json-keys") { size in
            "{" + (0..<size / 16).map { "\"key\(String($0 + 1_000_000))\":0," }.joined() + "\"\":0}"
        },
        json("json-same-keys") { "{" + String(repeating: "\"a\":0,", count: $0 / 6) + "\"a\":0}" },
        json("json-objects") { size in
            "[" + String(repeating: "{\"a\":0,\"b\":1,\"a\":2},", count: size / 21) + "0]"
        },
        json("json-digits") { String(repeating: "7", count: $0) },
        json("json-fraction") { "0." + String(repeating: "7", count: $0) },
        json("json-escapes") { "\"" + String(repeating: "\\u00e9", count: $0 / 6) + "\"" },
        json("json-surrogates") { "\"" + String(repeating: "\\ud800", count: $0 / 6) + "\"" },
        json("json-text") { "\"" + String(repeating: "\u{E9}", count: $0 / 2) + "\"" },
        Kind(name: "base64") { size in
            let text = [UInt8](repeating: UInt8(ascii: "A"), count: size)
            return { check((try? Base64.decode(text)) != nil, "base64") }
        },
        Kind(name: "base64-lines") { size in
            let text = Array(String(repeating: "A\r\n", count: size / 12 * 4).utf8)
            return { check((try? Base64.decode(text)) != nil, "base64 with line breaks") }
        },
        Kind(name: "base64-escaped") { size in
            let text = Array(("\"" + String(repeating: "\\u0041", count: size / 24 * 4) + "\"").utf8)
            return {
                guard let value = try? JSONDocument(parsing: text).root else { return check(false, "JSON") }
                check((try? Base64.decode(value)) != nil, "escaped base64")
            }
        },
        Kind(name: "path") { size in
            let text = Array(String(repeating: "%2f%zz", count: size / 6).utf8)
            return {
                let decoded = URLPath.decode(text)
                check(ServiceName(decoded) == nil, "no name")
                check(!PythonText.representation(of: decoded).isEmpty, "a quoted name")
            }
        },
        Kind(name: "query") { size in
            let text = Array(String(repeating: "a=b&", count: size / 4).utf8)
            return { check(URLForm.firstValue(of: "revision_tag", in: text) == nil, "no tag") }
        },
        Kind(name: "dates") { size in
            let text = Array(String(repeating: "Sun, ", count: size / 5).utf8)
            return { check(RetryAfter.nanoseconds(text, nowSeconds: 0) == nil, "no date") }
        },
        Kind(name: "attributes") { size in
            event(
                attributes: (0..<size / 24).map { "\"name\($0 + 1_000_000)\":\"value\"," }.joined(),
                data: "e30=")
        },
        Kind(name: "event") { size in
            // A row over BigQuery's ceiling is written once more, as UTF-8: a step, not growth.
            let size = min(size, 4_194_304)
            let text =
                "{\"kind\":\"question\",\"input_values\":\"" + String(repeating: "\u{E9}\\n", count: size / 6)
            let data = String(decoding: Base64.encode(Array((text + "\"}").utf8)), as: UTF8.self)
            return event(attributes: "", data: data)
        },
    ]

    // MARK: What is done

    private static func requests(_ text: String, piece: Int) -> () -> Void {
        let bytes = Array(text.utf8)
        return {
            var machine = HTTPServerStateMachine(budget: RequestBudget(bytesMax: 1 << 30))
            var at = 0
            while true {
                switch machine.next() {
                case .read where at < bytes.count:
                    let end = min(at + piece, bytes.count)
                    machine.receive(bytes.span.extracting(at..<end))
                    at = end
                case .read: machine.receiveEnd()
                case .sendContinue: break
                case .handle: _ = machine.answer(HTTPResponse(status: 200), date: [])
                case .refuse, .close: return
                }
            }
        }
    }

    private static func responses(_ text: String, piece: Int) -> () -> Void {
        let bytes = Array(text.utf8)
        return {
            var machine = HTTPClientStateMachine(method: .get)
            for at in stride(from: 0, to: bytes.count, by: piece) where machine.isReceiving {
                machine.receive(bytes.span.extracting(at..<min(at + piece, bytes.count)))
            }
            machine.receiveEnd()
        }
    }

    private static func json(_ name: String, _ text: @escaping @Sendable (Int) -> String) -> Kind {
        Kind(name: name) { size in
            let bytes = Array(text(size).utf8)
            return {
                guard let document = try? JSONDocument(parsing: bytes) else { return }
                var output: [UInt8] = []
                check(document.root.appendPythonText(to: &output), "Python's text")
            }
        }
    }

    /// A push, from its body to its row and its Job.
    private static func event(attributes: String, data: String) -> () -> Void {
        let names = AttributeName.required.map { "\"\($0)\":\"a\"" }.joined(separator: ",")
        let body = Array(
            ("{\"subscription\":\"s\",\"message\":{\"messageId\":\"1\",\"data\":\"\(data)\",\"attributes\":{"
                + attributes + names + "}}}").utf8)
        let fields = FuzzEvent.fields([("Content-Type", "application/json")])
        return {
            guard let message = try? CloudEvent.message(fields, body: body) else {
                return check(false, "an event")
            }
            if let event = try? Event(message) { _ = Row.insertAllBody(of: event) }
            _ = DeadLetter.message(of: message, requestBody: body, reason: "reason")
        }
    }

    // MARK: The program

    static func main(_ arguments: [String]) -> Int32 {
        if arguments.isEmpty {
            for kind in all { print(kind.name) }
            return 0
        }
        guard arguments.count == 2, let kind = all.first(where: { $0.name == arguments[0] }),
            let size = Int(arguments[1])
        else { return 64 }
        // Once with little, so that what is done once in a process is not counted.
        kind.prepare(64)()
        Prepared.work = kind.prepare(size)
        measured()
        return 0
    }
}

private enum Prepared {
    nonisolated(unsafe) static var work: () -> Void = {}
}

/// What callgrind collects.
@inline(never)
func measured() {
    Prepared.work()
}
