/// Text as Python shows it.
enum PythonText {
    /// `repr` of the `str` that the bytes decode to (UTF-8, errors replaced): in quotes, single ones unless
    /// the text has some and no double ones; quotes, backslashes, control characters and whatever is not
    /// printable escaped.
    static func representation(of bytes: some Collection<UInt8>) -> String {
        // Swift replaces as Python does: one U+FFFD for each maximal part of an ill-formed sequence.
        let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars
        let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
        var text = String(quote)
        for scalar in scalars {
            switch scalar {
            case quote, "\\":
                text.unicodeScalars.append("\\")
                text.unicodeScalars.append(scalar)
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            default:
                if isPrintable(scalar.value) {
                    text.unicodeScalars.append(scalar)
                } else {
                    text += escape(scalar.value)
                }
            }
        }
        text.unicodeScalars.append(quote)
        return text
    }

    private static func escape(_ codePoint: UInt32) -> String {
        let digits = String(codePoint, radix: 16)
        let (letter, width) = codePoint < 0x100 ? ("x", 2) : codePoint < 0x10000 ? ("u", 4) : ("U", 8)
        return "\\\(letter)\(String(repeating: "0", count: width - digits.utf8.count))\(digits)"
    }

    /// Whether Python's `str.isprintable` takes the character for printable.
    static func isPrintable(_ codePoint: UInt32) -> Bool {
        if codePoint < 0x7F { return codePoint >= 0x20 }
        let ranges = NonPrintable.ranges
        var low = 0
        var high = ranges.count / 2
        while low < high {
            let middle = (low + high) / 2
            if codePoint < ranges[middle * 2] {
                high = middle
            } else if codePoint > ranges[middle * 2 + 1] {
                low = middle + 1
            } else {
                return false
            }
        }
        return true
    }
}
