import JSON
import Net

extension HTTPResponse {
    /// An answer of JSON text.
    static func json(_ status: Int, body: [UInt8]) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: body)
        response.fields.append("Content-Type", "application/json; charset=UTF-8")
        return response
    }

    /// An answer of JSON that `write` makes.
    static func json(
        _ status: Int = 200, capacity: Int = 256, _ write: (inout JSONWriter) -> Void
    ) -> HTTPResponse {
        var writer = JSONWriter(capacity: capacity)
        write(&writer)
        return .json(status, body: writer.finish())
    }

    /// An error of a Google API: the status in the body as well, with one reason.
    static func googleError(_ status: Int, _ message: String, _ name: String, reason: String) -> HTTPResponse
    {
        var response = HTTPResponse.json(status) { json in
            json.beginObject()
            json.key("error")
            json.beginObject()
            json.member("code", status)
            json.member("message", message)
            json.key("errors")
            json.beginArray()
            json.beginObject()
            json.member("message", message)
            json.member("domain", "global")
            json.member("reason", reason)
            json.endObject()
            json.endArray()
            json.member("status", name)
            json.endObject()
            json.endObject()
        }
        if status == 401 {
            response.fields.append("WWW-Authenticate", "Bearer realm=\"https://accounts.google.com/\"")
        }
        return response
    }

    /// The answer of a Google API to a request without a token it accepts.
    static var googleUnauthorized: HTTPResponse {
        .googleError(
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
                + "cookie or other "
                + "valid authentication credential.", "UNAUTHENTICATED", reason: "authError")
    }

    /// The answer of a Google API to something that is not there.
    static func googleNotFound(_ message: String = "Requested entity was not found.") -> HTTPResponse {
        .googleError(404, message, "NOT_FOUND", reason: "notFound")
    }

    /// The answer of a Google API to a request it cannot read.
    static func googleInvalid(_ message: String) -> HTTPResponse {
        .googleError(400, message, "INVALID_ARGUMENT", reason: "invalid")
    }

    /// The page that Google's front ends answer where no API method is.
    static var googleNoMethod: HTTPResponse {
        var response = HTTPResponse(
            status: 404,
            body: Array("<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n".utf8))
        response.fields.append("Content-Type", "text/html; charset=UTF-8")
        return response
    }
}

/// Reads request targets: segments and queries, percent-decoded when asked for.
enum Target {
    /// The path's segments as they were sent; an empty one where two slashes meet or a slash ends the path.
    static func segments(of path: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    }

    /// The bytes that `text` stands for (RFC 3986 section 2.1). A `%` without two digits stays one.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(UInt8(ascii: "%")) else { return Array(text) }
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == UInt8(ascii: "%"), index + 2 < text.endIndex,
                let high = hexValue(text[index + 1]), let low = hexValue(text[index + 2])
            {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(text[index])
                index += 1
            }
        }
        return output
    }

    /// `text`, decoded, as a `String`; what is no UTF-8 becomes U+FFFD.
    static func decodedText(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: decode(text), as: UTF8.self)
    }

    /// The decoded value of the first parameter called `name`, or nil.
    static func parameter(_ name: StaticString, of request: HTTPRequest) -> String? {
        guard let query = request.query else { return nil }
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let mark = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard decode(pair[..<mark])[...].equals(name) else { continue }
            if mark == pair.endIndex { return "" }
            return formText(pair[(mark + 1)...])
        }
        return nil
    }

    /// Form fields (application/x-www-form-urlencoded) in order.
    static func form(_ body: [UInt8]) -> [(name: String, value: String)] {
        body[...].split(separator: UInt8(ascii: "&")).map { pair in
            let mark = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = mark == pair.endIndex ? "" : formText(pair[(mark + 1)...])
            return (formText(pair[..<mark]), value)
        }
    }

    private static func formText(_ text: ArraySlice<UInt8>) -> String {
        var spaced = Array(text)
        for index in spaced.indices where spaced[index] == UInt8(ascii: "+") {
            spaced[index] = UInt8(ascii: " ")
        }
        return decodedText(spaced[...])
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Names made up by the services.
enum Identifier {
    /// A random UUID (RFC 9562 section 5.4).
    static func uuid() -> String {
        var bytes = Crypto.randomBytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = hexadecimal(bytes)
        for place in [20, 16, 12, 8] { text.insert("-", at: text.index(text.startIndex, offsetBy: place)) }
        return text
    }

    /// Lower-case hexadecimal digits.
    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            output.append(digits[Int(byte >> 4)])
            output.append(digits[Int(byte & 15)])
        }
        return String(decoding: output, as: UTF8.self)
    }
}
