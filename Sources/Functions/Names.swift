/// Text whose every byte has been checked against the grammar of what it names.
///
/// Only such text gets into a URL, a Job or an image: a type of this kind is the proof. Proven texts are
/// ASCII, so they may be `String`s.
protocol ProvenText: Sendable, Hashable, CustomStringConvertible {
    /// The text itself.
    var text: String { get }

    /// Proves the bytes; nil where they are outside the grammar.
    init?(_ bytes: some Collection<UInt8>)
}

extension ProvenText {
    var description: String { text }

    /// Proves the UTF-8 of a text.
    init?(_ text: String) { self.init(text.utf8) }
}

/// Sets of ASCII characters.
enum ASCII {
    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
    @inline(__always)
    static func isLower(_ byte: UInt8) -> Bool { byte &- 0x61 < 26 }
    @inline(__always)
    static func isUpper(_ byte: UInt8) -> Bool { byte &- 0x41 < 26 }
    @inline(__always)
    static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLower(byte | 0x20) }
    @inline(__always)
    static func isLowerAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLower(byte) }
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { isUpper(byte) ? byte | 0x20 : byte }
}

/// A question's id that can name a Job: `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 54 characters.
///
/// A Job's name is `question-` and this, and is copied into a label of its Pods, which has room for 63.
struct QuestionUUID: ProvenText {
    static let lengthMax = 54

    let text: String

    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count <= Self.lengthMax, Grammar.isLabel(bytes) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The name of the question's Job and of its container.
    var jobName: String { Self.jobNamePrefix.description + text }
    /// What stands before the id in it.
    static let jobNamePrefix: StaticString = "question-"
}

/// A tag of an image: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}` (OCI distribution specification).
struct ImageTag: ProvenText {
    let text: String

    init?(_ bytes: some Collection<UInt8>) {
        guard let first = bytes.first, bytes.count <= 128, ASCII.isAlphanumeric(first) || first == 0x5F,
            bytes.allSatisfy({ ASCII.isAlphanumeric($0) || $0 == 0x5F || $0 == 0x2E || $0 == 0x2D })
        else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// The name of a service in the registry: any number of segments of the OCI grammar, with slashes between.
///
/// Each is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (OCI distribution specification, name); clients take 255
/// characters in all.
struct ServiceName: ProvenText {
    static let lengthMax = 255

    let text: String

    init?(_ bytes: some Collection<UInt8>) {
        guard (1...Self.lengthMax).contains(bytes.count) else { return nil }
        var rest = bytes[...]
        while let slash = rest.firstIndex(of: 0x2F) {
            guard Grammar.isOCISegment(rest[..<slash]) else { return nil }
            rest = rest[rest.index(after: slash)...]
        }
        guard Grammar.isOCISegment(rest) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// A revision that a question can be sent to: `namespace/name:tag`, both of `[a-z0-9]+(-[a-z0-9]+)*`.
///
/// Its name is the end of an image's, which has at most 255 characters behind the registry's host: a Pod with
/// a longer one is taken and never starts (the total length of the grammar that container runtimes share,
/// https://github.com/distribution/reference).
struct ServiceRevision: ProvenText {
    static let nameLengthMax = 255

    let text: String
    /// What follows the last colon.
    let tag: ImageTag
    /// How many characters stand before that colon.
    var nameLength: Int { text.utf8.count - 1 - tag.text.utf8.count }

    init?(_ bytes: some Collection<UInt8>) {
        // Neither a tag nor a hyphenated name holds a colon or a slash: a second one is refused there.
        guard let colon = bytes.firstIndex(of: 0x3A), bytes[..<colon].count <= Self.nameLengthMax,
            let tag = ImageTag(bytes[bytes.index(after: colon)...]),
            let slash = bytes[..<colon].firstIndex(of: 0x2F),
            Grammar.isHyphenated(bytes[..<slash]),
            Grammar.isHyphenated(bytes[bytes.index(after: slash)..<colon])
        else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
        self.tag = tag
    }
}

/// The grammars that several names share.
enum Grammar {
    /// A DNS label without its limit of length (RFC 1123 section 2.1): lower-case letters, digits and,
    /// inside, hyphens.
    static func isLabel(_ bytes: some Collection<UInt8>) -> Bool {
        guard let first = bytes.first, first != 0x2D else { return false }
        var last = first
        for byte in bytes {
            guard ASCII.isLowerAlphanumeric(byte) || byte == 0x2D else { return false }
            last = byte
        }
        return last != 0x2D
    }

    /// `[a-z0-9]+(-[a-z0-9]+)*`: words with single hyphens between.
    static func isHyphenated(_ bytes: some Collection<UInt8>) -> Bool {
        var last: UInt8 = 0x2D
        for byte in bytes {
            guard ASCII.isLowerAlphanumeric(byte) || (byte == 0x2D && last != 0x2D) else { return false }
            last = byte
        }
        return last != 0x2D
    }

    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`: words with a dot, one or two underscores, or hyphens between.
    static func isOCISegment(_ bytes: some Collection<UInt8>) -> Bool {
        var separator: UInt8 = 0
        var separatorLength = 0
        var hasWord = false
        for byte in bytes {
            if ASCII.isLowerAlphanumeric(byte) {
                separatorLength = 0
                hasWord = true
                continue
            }
            guard hasWord, separatorLength == 0 || byte == separator else { return false }
            separator = byte
            separatorLength += 1
            switch byte {
            case 0x2D: break
            case 0x2E: guard separatorLength == 1 else { return false }
            case 0x5F: guard separatorLength <= 2 else { return false }
            default: return false
            }
        }
        return hasWord && separatorLength == 0
    }

    /// A segment of a resource name: begins with a letter or digit, so that it is never `.` or `..`.
    static func isResourceSegment(_ bytes: some Collection<UInt8>) -> Bool {
        guard let first = bytes.first, ASCII.isAlphanumeric(first), bytes.count <= 255 else { return false }
        return bytes.allSatisfy {
            ASCII.isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E || $0 == 0x7E || $0 == 0x3A
        }
    }
}
