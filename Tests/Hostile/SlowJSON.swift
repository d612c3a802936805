import Glibc

/// RFC 8259, one rule after the other, without a thought of speed: what the reader is held against.
struct SlowJSON {
    /// Wrong on purpose, to see that a difference is noticed: numbers may begin with zeros.
    nonisolated(unsafe) static var isWrong = false

    private let bytes: [UInt8]
    private let depthMax: Int
    private var at = 0

    /// Whether the bytes are one JSON text, nested at most `depthMax` deep, no number beyond a double's
    /// range.
    static func accepts(_ bytes: [UInt8], depthMax: Int = 512) -> Bool {
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        var reader = SlowJSON(bytes: bytes, depthMax: depthMax)
        reader.skipSpace()
        guard reader.value(depth: 0) else { return false }
        reader.skipSpace()
        return reader.at == bytes.count
    }

    private init(bytes: [UInt8], depthMax: Int) {
        self.bytes = bytes
        self.depthMax = depthMax
    }

    private var byte: UInt8 { at < bytes.count ? bytes[at] : 0 }

    private mutating func take(_ text: String) -> Bool {
        guard bytes[at...].starts(with: text.utf8) else { return false }
        at += text.utf8.count
        return true
    }

    private mutating func skipSpace() {
        while at < bytes.count, " \t\r\n".utf8.contains(byte) { at += 1 }
    }

    private mutating func value(depth: Int) -> Bool {
        if take("null") || take("true") || take("false") { return true }
        if byte == UInt8(ascii: "\"") { return string() }
        if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
            return depth < depthMax && container(isObject: byte == UInt8(ascii: "{"), depth: depth + 1)
        }
        return number()
    }

    private mutating func container(isObject: Bool, depth: Int) -> Bool {
        let end = isObject ? "}" : "]"
        at += 1
        skipSpace()
        if take(end) { return true }
        while true {
            skipSpace()
            if isObject {
                guard string() else { return false }
                skipSpace()
                guard take(":") else { return false }
                skipSpace()
            }
            guard value(depth: depth) else { return false }
            skipSpace()
            if take(end) { return true }
            guard take(",") else { return false }
        }
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while at < bytes.count {
            if take("\"") { return true }
            if byte < 0x20 { return false }
            if take("\\") {
                if take("u") {
                    for _ in 0..<4 {
                        guard "0123456789abcdefABCDEF".utf8.contains(byte) else { return false }
                        at += 1
                    }
                    continue
                }
                guard at < bytes.count, "\"\\/bfnrt".utf8.contains(byte) else { return false }
            }
            at += 1
        }
        return false
    }

    private mutating func digits() -> Bool {
        let start = at
        while "0123456789".utf8.contains(byte) { at += 1 }
        return at > start
    }

    private mutating func number() -> Bool {
        let start = at
        _ = take("-")
        if Self.isWrong || !take("0") { guard digits() else { return false } }
        var isInteger = true
        if take(".") {
            isInteger = false
            guard digits() else { return false }
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("+") { _ = take("-") }
            guard digits() else { return false }
        }
        return isInteger || strtod(String(decoding: bytes[start..<at], as: UTF8.self), nil).isFinite
    }
}
