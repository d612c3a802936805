internal import CHTTP
internal import Glibc

/// A request method (RFC 9110 section 9). Methods are case-sensitive.
public enum HTTPMethod: Sendable, Equatable {
    /// GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE (RFC 9110) and PATCH (RFC 5789).
    case get, head, post, put, delete, connect, options, trace, patch
    /// Any other token.
    case other([UInt8])

    /// The method whose name is `bytes`.
    public init(_ bytes: ArraySlice<UInt8>) {
        for method in Self.known {
            if let name = method.knownName, bytes.equals(name) {
                self = method
                return
            }
        }
        self = .other(Array(bytes))
    }

    private static let known: [HTTPMethod] = [
        .post, .get, .head, .put, .delete, .connect, .options, .trace, .patch,
    ]

    private var knownName: StaticString? {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: nil
        }
    }

    /// Its name as it is sent. A name of the peer's that is no ASCII text cannot occur: methods are tokens.
    public var name: String {
        if case .other(let bytes) = self { return String(decoding: bytes, as: UTF8.self) }
        return knownName?.description ?? ""
    }

    /// Adds its name to `bytes`.
    func append(to bytes: inout [UInt8]) {
        if case .other(let name) = self { return bytes.append(contentsOf: name) }
        if let knownName { bytes.append(knownName) }
    }
}

/// The field lines of a message, in order (RFC 9110 section 5): one block of bytes and where in it each
/// stands.
///
/// A head that was received keeps its own bytes; one that is built holds `name: value\r\n` lines that go out
/// as they are. Names are compared without case, values are bytes.
public struct HTTPFields: Sendable {
    /// One field line.
    public struct Field {
        /// The name as it was sent.
        public let name: ArraySlice<UInt8>
        /// The value without the white space around it.
        public let value: ArraySlice<UInt8>
    }

    struct Entry {
        var nameAt: UInt32
        var nameLength: UInt32
        var valueAt: UInt32
        var valueLength: UInt32
    }

    private(set) var bytes: [UInt8]
    private var entries: [Entry]

    /// No fields.
    public init() {
        bytes = []
        entries = []
    }

    /// The fields of a received head.
    init(bytes: [UInt8], entries: [Entry]) {
        self.bytes = bytes
        self.entries = entries
    }

    /// How many field lines there are.
    public var count: Int { entries.count }

    /// The field line at `index`.
    public subscript(index: Int) -> Field {
        let entry = entries[index]
        return Field(
            name: bytes[Int(entry.nameAt)..<Int(entry.nameAt + entry.nameLength)],
            value: bytes[Int(entry.valueAt)..<Int(entry.valueAt + entry.valueLength)])
    }

    /// The value of the first field line called `name`, which is in lower case. Nil when there is none.
    public subscript(name: StaticString) -> ArraySlice<UInt8>? {
        for entry in entries where entry.nameLength == name.utf8CodeUnitCount {
            let at = Int(entry.nameAt)
            if bytes[at..<at + Int(entry.nameLength)].equalsIgnoringCase(name) {
                return bytes[Int(entry.valueAt)..<Int(entry.valueAt + entry.valueLength)]
            }
        }
        return nil
    }

    /// Whether there is a field line called `name`, which is in lower case.
    public func contains(_ name: StaticString) -> Bool { self[name] != nil }

    /// Adds a field line that we send.
    ///
    /// `name` must be a token and `value` a field value without white space at its ends: what comes from
    /// outside is proven before it gets here, so anything else is our own mistake and stops the program.
    public mutating func append(_ name: StaticString, _ value: ArraySlice<UInt8>) {
        precondition(Self.isFieldValue(value), "a field value of ours would split the message")
        let nameAt = UInt32(bytes.count)
        let valueAt = nameAt + UInt32(name.utf8CodeUnitCount) + 2
        bytes.reserveCapacity(max(Self.bytesAtFirst, bytes.count + Int(valueAt - nameAt) + value.count + 2))
        unsafe bytes.append(
            contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: value)
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
        entries.append(
            Entry(
                nameAt: nameAt, nameLength: UInt32(name.utf8CodeUnitCount), valueAt: valueAt,
                valueLength: UInt32(value.count)))
    }

    /// Most requests of ours need no more room for their fields.
    private static let bytesAtFirst = 256

    /// As above, for an array.
    public mutating func append(_ name: StaticString, _ value: [UInt8]) { append(name, value[...]) }

    /// Adds a field line whose name is known only now: from a credentials file, or of a message's attribute.
    /// False, and nothing is added, where `name` is no token or `value` no field value.
    public mutating func append(name: [UInt8], value: [UInt8]) -> Bool {
        let isToken = unsafe name.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return unsafe chttp_is_token(base, buffer.count)
        }
        guard isToken, Self.isFieldValue(value[...]) else { return false }
        let nameAt = UInt32(bytes.count)
        bytes.append(contentsOf: name)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
        let valueAt = UInt32(bytes.count)
        bytes.append(contentsOf: value)
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
        entries.append(
            Entry(
                nameAt: nameAt, nameLength: UInt32(name.count), valueAt: valueAt,
                valueLength: UInt32(value.count)))
        return true
    }

    /// Adds a field line that we send, with a value of ASCII text.
    public mutating func append(_ name: StaticString, _ value: String) {
        append(name, Array(value.utf8))
    }

    /// Whether `value` may be sent as a field value (RFC 9110 section 5.5).
    public static func isFieldValue(_ value: ArraySlice<UInt8>) -> Bool {
        unsafe value.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return true }
            return unsafe chttp_is_field_value(base, buffer.count)
        }
    }
}

/// A request: one that a server received, or one that a client sends.
public struct HTTPRequest: Sendable {
    /// The method.
    public var method: HTTPMethod
    /// The target in origin form, `/path?query`, percent-encoded. A target received in absolute form is
    /// reduced to its path and query here.
    public var target: ArraySlice<UInt8>
    /// The fields. A client adds Host and Content-Length itself.
    public var fields: HTTPFields
    /// The body, empty when there is none.
    public var body: [UInt8]

    /// A request to be sent.
    public init(
        method: HTTPMethod, target: [UInt8], fields: HTTPFields = HTTPFields(), body: [UInt8] = []
    ) {
        self.method = method
        self.target = target[...]
        self.fields = fields
        self.body = body
    }

    init(received method: HTTPMethod, target: ArraySlice<UInt8>, fields: HTTPFields, body: [UInt8]) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
    }

    /// The target's path: what stands before the first `?`.
    public var path: ArraySlice<UInt8> {
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return target }
        return target[..<mark]
    }

    /// The target's query: what stands after the first `?`, or nil.
    public var query: ArraySlice<UInt8>? {
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        return target[(mark + 1)...]
    }
}

/// A response: one that a client received, or one that a server sends.
public struct HTTPResponse: Sendable {
    /// How the body's end is told (RFC 9112 section 6.3).
    public enum Framing: Sendable {
        /// By Content-Length.
        case contentLength
        /// By the last chunk, towards HTTP/1.1; by the connection's end towards HTTP/1.0.
        case chunked
        /// By the connection's end.
        case close
    }

    /// The status code, 100 to 599.
    public var status: Int
    /// The fields. A server adds Date, Content-Length or Transfer-Encoding, and Connection itself.
    public var fields: HTTPFields
    /// The body; as received by a client it is decoded: no chunks, no gzip.
    public var body: [UInt8]
    /// How a server delimits the body.
    public var framing = Framing.contentLength
    /// A number of the handler's own for its `transmit`; never sent.
    public var annotation = 0

    /// A response.
    public init(status: Int, fields: HTTPFields = HTTPFields(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A short answer of plain text.
    public static func text(_ status: Int, _ text: String) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: Array(text.utf8))
        response.fields.append("Content-Type", "text/plain; charset=utf-8")
        return response
    }

    /// The standard's phrase for a status code (RFC 9110 section 15), empty for one it does not name.
    public static func reasonPhrase(_ status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}

extension ArraySlice<UInt8> {
    /// Whether these bytes are `name`, which is in lower case, when ASCII letters are compared without case.
    public func equalsIgnoringCase(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        var pointer = unsafe name.utf8Start
        for byte in self {
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            if unsafe lower != pointer.pointee { return false }
            unsafe pointer += 1
        }
        return true
    }

    /// Whether these bytes are exactly `text`.
    public func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return unsafe withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return true }
            return unsafe memcmp(base, text.utf8Start, bytes.count) == 0
        }
    }
}

extension [UInt8] {
    /// Whether these bytes are exactly `text`.
    public func equals(_ text: StaticString) -> Bool { self[...].equals(text) }
}
