/// Percent-encoding of what goes into a request target, and its decoding from one (RFC 3986 section 2).
enum URLPath {
    /// Appends `bytes`, encoded but for unreserved characters (letters, digits, `-._~`): for a segment of a
    /// path or a value of a query. A slash becomes `%2F`.
    static func append(_ bytes: some Collection<UInt8>, to output: inout [UInt8]) {
        for byte in bytes {
            if isUnreserved(byte) {
                output.append(byte)
            } else {
                output.append(0x25)
                output.append(hexadecimal(byte >> 4))
                output.append(hexadecimal(byte & 0xF))
            }
        }
    }

    /// Appends an id of Artifact Registry inside a path. The id itself already holds `%2F` for each slash,
    /// and the percent signs are encoded again: `my-org/my-service` is `my-org%252Fmy-service` on the wire.
    static func appendTwice(_ name: ServiceName, to output: inout [UInt8]) {
        for byte in name.text.utf8 {
            if byte == 0x2F {
                output.append(contentsOf: twiceEncodedSlash)
            } else {
                output.append(byte)  // The name's grammar knows unreserved characters and slashes only.
            }
        }
    }

    private static let twiceEncodedSlash = Array("%252F".utf8)

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F || byte == 0x7E
    }

    private static func hexadecimal(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x37 + nibble }

    /// Decodes each `%XX` once. What is no escape stays as it is, as WSGI servers and browsers do.
    static func decode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let bytes = Array(bytes)
        guard bytes.contains(0x25) else { return bytes }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            if bytes[position] == 0x25, position + 2 < bytes.count,
                let high = value(bytes[position + 1]), let low = value(bytes[position + 2])
            {
                output.append(high << 4 | low)
                position += 3
            } else {
                output.append(bytes[position])
                position += 1
            }
        }
        return output
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}

/// `application/x-www-form-urlencoded`: bodies of token requests, and queries.
enum URLForm {
    /// `name=value&name=value` as Google's libraries send it: a space is `+`, all but unreserved characters
    /// are encoded.
    static func encode(_ pairs: [(name: String, value: [UInt8])]) -> [UInt8] {
        var output: [UInt8] = []
        for (name, value) in pairs {
            if !output.isEmpty { output.append(0x26) }
            append(Array(name.utf8), to: &output)
            output.append(0x3D)
            append(value, to: &output)
        }
        return output
    }

    private static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        for (index, part) in bytes.split(separator: 0x20, omittingEmptySubsequences: false).enumerated() {
            if index > 0 { output.append(0x2B) }
            URLPath.append(part, to: &output)
        }
    }

    /// The value of the first parameter called `name` in a query, decoded; nil where there is none.
    ///
    /// Pairs are separated by `&` alone (`;` belongs to a value), names are compared after decoding, a `+`
    /// is a space.
    static func firstValue(of name: String, in query: some Collection<UInt8>) -> [UInt8]? {
        var rest = query[...]
        while !rest.isEmpty {
            let pair = rest.prefix { $0 != 0x26 }
            rest = rest.dropFirst(pair.count + 1)
            let key = pair.prefix { $0 != 0x3D }
            // Only a name with an escape in it is decoded: a query has as many names as fit.
            let isPlain = !key.contains { $0 == 0x25 || $0 == 0x2B }
            guard isPlain ? key.elementsEqual(name.utf8) : decode(key).elementsEqual(name.utf8) else {
                continue
            }
            return decode(pair.dropFirst(key.count + 1))
        }
        return nil
    }

    private static func decode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.contains(0x2B)
            ? URLPath.decode(bytes.map { $0 == 0x2B ? 0x20 : $0 }) : URLPath.decode(bytes)
    }
}
