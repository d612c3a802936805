import CHTTP

/// The rules by the names that the corpus uses, in the order of `chttp_rule`.
let ruleNames = [
    "NONE", "METHOD", "TARGET", "TARGET_FORM", "VERSION", "VERSION_UNSUPPORTED", "STATUS", "REASON",
    "LINE_END",
    "FIELD_NAME", "FIELD_VALUE", "FIELD_FOLDED", "LINE_TOO_LONG", "FIELD_TOO_LONG", "HEAD_TOO_LONG",
    "FIELDS_TOO_MANY", "HOST_MISSING", "HOST_TWICE", "HOST_VALUE", "CONTENT_LENGTH", "CONTENT_LENGTH_TWICE",
    "LENGTH_AMBIGUOUS", "TRANSFER_ENCODING", "TRANSFER_CODING", "TRANSFER_ENCODING_1_0", "CONNECTION",
    "EXPECT",
    "CHUNK_SIZE", "CHUNK_EXTENSION", "CHUNK_END", "CHUNK_OVERHEAD",
]

/// An outcome as the corpus writes it.
func eventLog(_ outcome: Outcome, of example: Example) -> [String] {
    switch outcome {
    case .more: return ["more"]
    case .refused(let rule, let at):
        let before = visible(Array(example.input[max(0, at - 16)..<at]), ends: true)
        return ["refused \(ruleNames[Int(rule)]) at \(at)" + (before.isEmpty ? "" : " after \(before)")]
    case .head(let head):
        let fields = head.fields.map { "field " + visible($0) }
        return [visible(head.startLine)] + fields + head.framing + ["end \(head.end)"]
    case .body(let data, let overhead, let end):
        let body = data.isEmpty ? [] : ["body " + visible(data)]
        return body + ["overhead \(overhead)", "end \(end)"]
    }
}

/// Bytes as visible text. With `ends`, spaces at the ends are made visible too.
func visible(_ bytes: [UInt8], ends: Bool = false) -> String {
    var text = ""
    for (index, byte) in bytes.enumerated() {
        let end = ends && (index == 0 || index == bytes.count - 1)
        switch byte {
        case 0x0d: text += "\\r"
        case 0x0a: text += "\\n"
        case 0x09: text += "\\t"
        case 0x5c: text += "\\\\"
        case 0x20 where end: text += "\\x20"
        case 0x20...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16, uppercase: true)
            text += "\\x" + (digits.count == 1 ? "0" : "") + digits
        }
    }
    return text
}
