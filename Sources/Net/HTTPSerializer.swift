/// Writes heads (RFC 9112 sections 2, 3 and 4).
enum HTTPSerializer {
    /// The value of a Date field for now.
    static func date() -> [UInt8] { Array(WallClock.now.httpDate.utf8) }

    /// A response, with the fields that the server adds.
    static func response(
        _ response: HTTPResponse, date: [UInt8], omitsBody: Bool, stays: Bool, saysKeepAlive: Bool,
        delimitedByEnd: Bool
    ) -> [UInt8] {
        precondition((100...999).contains(response.status), "a status code has three digits")
        let hasNoBody = response.status < 200 || response.status == 204 || response.status == 304
        var bytes: [UInt8] = []
        bytes.reserveCapacity(160 + response.fields.bytes.count + (omitsBody ? 0 : response.body.count))
        bytes.append("HTTP/1.1 ")
        bytes.append(decimal: response.status)
        bytes.append(UInt8(ascii: " "))
        bytes.append(HTTPResponse.reasonPhrase(response.status))
        bytes.append("\r\nDate: ")
        bytes.append(contentsOf: date)
        bytes.append("\r\n")
        bytes.append(contentsOf: response.fields.bytes)
        if !stays { bytes.append("Connection: close\r\n") }
        if saysKeepAlive { bytes.append("Connection: keep-alive\r\n") }
        let isChunked = response.framing == .chunked && !delimitedByEnd
        if hasNoBody {
            bytes.append("\r\n")
            return bytes
        }
        if isChunked {
            bytes.append("Transfer-Encoding: chunked\r\n")
        } else if !delimitedByEnd {
            bytes.append("Content-Length: ")
            bytes.append(decimal: response.body.count)
            bytes.append("\r\n")
        }
        bytes.append("\r\n")
        if omitsBody { return bytes }
        if isChunked { bytes.append(chunks: response.body) } else { bytes.append(contentsOf: response.body) }
        return bytes
    }

    /// What stands between the target of a request and its fields, the same for all to one origin.
    static func hostLine(of origin: Origin) -> [UInt8] {
        Array(" HTTP/1.1\r\nHost: \(origin.hostField)\r\n".utf8)
    }

    /// A request's head, with the fields that the client adds.
    static func requestHead(_ request: HTTPRequest, hostLine: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128 + request.target.count + request.fields.bytes.count + request.body.count)
        request.method.append(to: &bytes)
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: request.target)
        bytes.append(contentsOf: hostLine)
        bytes.append(contentsOf: request.fields.bytes)
        switch request.method {
        case .get where request.body.isEmpty, .head where request.body.isEmpty,
            .delete where request.body.isEmpty:
            bytes.append("\r\n")
        default:
            bytes.append("Content-Length: ")
            bytes.append(decimal: request.body.count)
            bytes.append("\r\n\r\n")
        }
        return bytes
    }
}

extension [UInt8] {
    /// Adds the bytes of `text`.
    mutating func append(_ text: StaticString) {
        unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Adds `number` in decimal digits.
    mutating func append(decimal number: Int) {
        precondition(number >= 0, "a length or status is not negative")
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    /// Adds `body` in chunks of at most 32 KiB, and the last chunk.
    fileprivate mutating func append(chunks body: [UInt8]) {
        var rest = body[...]
        while !rest.isEmpty {
            let piece = rest.prefix(32_768)
            append(contentsOf: String(piece.count, radix: 16).utf8)
            append("\r\n")
            append(contentsOf: piece)
            append("\r\n")
            rest = rest.dropFirst(piece.count)
        }
        append("0\r\n\r\n")
    }
}
