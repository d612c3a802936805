internal import JSON

/// How grave a line is; the names are Cloud Logging's.
public enum LogSeverity: Int, Sendable, Comparable, CaseIterable {
    /// Every attempt at an upstream.
    case debug
    /// Every event.
    case info
    /// Trouble that passes by itself.
    case warning
    /// Something an operator should look at.
    case error

    /// `DEBUG`, `INFO`, `WARNING` or `ERROR`.
    public var name: StaticString {
        switch self {
        case .debug: "DEBUG"
        case .info: "INFO"
        case .warning: "WARNING"
        case .error: "ERROR"
        }
    }

    /// What a terminal is told before the name (ECMA-48 section 8.3.117): grey, green, yellow, red.
    var colour: StaticString {
        switch self {
        case .debug: "\u{1B}[90m"
        case .info: "\u{1B}[32m"
        case .warning: "\u{1B}[33m"
        case .error: "\u{1B}[31m"
        }
    }

    /// The severity of that name, which may be in lower case.
    public init?(name: String) {
        for severity in Self.allCases
        where name.utf8.count == severity.name.utf8CodeUnitCount
            && zip(name.utf8, severity.name.description.utf8).allSatisfy({ $0 == $1 || $0 == $1 | 0x20 })
        {
            self = severity
            return
        }
        return nil
    }

    /// Whether `left` is the less grave.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// One line of the log while it is put together.
///
/// Whatever the values hold, the result is one line of at most `ServiceLimits.logLineBytesMax` bytes, all of
/// them ASCII: everything else is escaped, so no reader can see a line break, a control sequence or a quote
/// that came from outside. A value that is too long is cut, and one that no longer fits is left out; the
/// member `truncated` says so.
public struct LogLine: Sendable {
    /// What a line looks like.
    public enum Form: Sendable, Equatable {
        /// One JSON object (Cloud Logging's structured form).
        case json
        /// For people: time, severity, message, `name=value`.
        case text(isColoured: Bool)
    }

    private let isJSON: Bool
    private(set) var bytes: [UInt8]
    private var isTruncated = false
    /// Room for `{"severity":"WARNING","message":"`.
    private static let headBytesMax = 48
    /// Room for `,"truncated":true}` and the newline.
    private static let tailBytes = 24

    /// Begins a line.
    init(_ form: Form, _ severity: LogSeverity, _ message: StaticString, timestamp: [UInt8]) {
        var buffer: [UInt8] = []
        self.init(form, severity, message, timestamp: timestamp, taking: &buffer)
    }

    /// Begins a line in a buffer whose room is used again, and which is empty afterwards.
    init(
        _ form: Form, _ severity: LogSeverity, _ message: StaticString, timestamp: [UInt8],
        taking buffer: inout [UInt8]
    ) {
        bytes = []
        swap(&bytes, &buffer)
        bytes.removeAll(keepingCapacity: true)
        if case .json = form { isJSON = true } else { isJSON = false }
        switch form {
        case .json:
            bytes.append(addingCapacity: Self.headBytesMax) { span in
                span.append("{\"severity\":\"")
                span.append(severity.name)
                span.append("\",\"message\":\"")
            }
            escaped(message)
            literal("\",\"time\":\"")
            bytes.append(contentsOf: timestamp)
            bytes.append(UInt8(ascii: "\""))
        case .text(let isColoured):
            if isColoured { literal("\u{1B}[2m") }
            bytes.append(contentsOf: timestamp)
            literal(isColoured ? "\u{1B}[0m " : " ")
            if isColoured { literal(severity.colour) }
            literal(severity.name)
            if isColoured { literal("\u{1B}[0m") }
            bytes.append(
                contentsOf: repeatElement(UInt8(ascii: " "), count: 8 - severity.name.utf8CodeUnitCount))
            if isColoured { literal("\u{1B}[1m") }
            escaped(message)
            if isColoured { literal("\u{1B}[0m") }
        }
    }

    /// Adds a value of bytes that may be anything.
    public mutating func field(_ name: StaticString, _ value: ArraySlice<UInt8>) {
        let start = bytes.count
        let shown = value.prefix(ServiceLimits.logValueBytesMax)
        if shown.count < value.count { isTruncated = true }
        if isJSON {
            JSONEscaping.appendMember(name, shown, to: &bytes, form: .ascii)
        } else {
            beginField(name)
            let isBare = Self.isBare(shown)
            if !isBare { bytes.append(UInt8(ascii: "\"")) }
            JSONEscaping.append(shown, to: &bytes, form: .ascii)
            if !isBare { bytes.append(UInt8(ascii: "\"")) }
        }
        keepIfItFits(from: start)
    }

    /// Adds a value of bytes that may be anything.
    public mutating func field(_ name: StaticString, _ value: [UInt8]) { field(name, value[...]) }

    /// Adds a value of text.
    public mutating func field(_ name: StaticString, _ value: String) { field(name, Array(value.utf8)) }

    /// Adds a number.
    public mutating func field(_ name: StaticString, _ value: Int) {
        append(name, valueBytesMax: Self.digitsMax) { span in
            if value < 0 { span.append(UInt8(ascii: "-")) }
            span.append(decimal: value.magnitude)
        }
    }

    /// Adds a time in milliseconds, to the microsecond.
    public mutating func field(_ name: StaticString, milliseconds nanoseconds: UInt64) {
        append(name, valueBytesMax: Self.digitsMax) { span in
            let microseconds = UInt(nanoseconds / 1_000)
            span.append(decimal: microseconds / 1_000)
            span.append(UInt8(ascii: "."))
            let fraction = UInt16(microseconds % 1_000)
            span.append(UInt8(ascii: "0") + UInt8(fraction / 100))
            span.append(UInt8(ascii: "0") + UInt8(fraction / 10 % 10))
            span.append(UInt8(ascii: "0") + UInt8(fraction % 10))
        }
    }

    /// Adds a value of text that is known when the program is built, and needs no escape.
    public mutating func field(_ name: StaticString, literal value: StaticString) {
        guard isJSON else { return field(name, value.description) }
        append(name, valueBytesMax: value.utf8CodeUnitCount + 2) { span in
            span.append(UInt8(ascii: "\""))
            span.append(value)
            span.append(UInt8(ascii: "\""))
        }
    }

    /// Room for a sign, a point and the digits of 64 bits.
    private static let digitsMax = 24

    /// Adds a field with what `value` writes: no more than `valueBytesMax`.
    private mutating func append(
        _ name: StaticString, valueBytesMax: Int, _ value: (inout OutputSpan<UInt8>) -> Void
    ) {
        let start = bytes.count
        bytes.append(addingCapacity: name.utf8CodeUnitCount + 4 + valueBytesMax) { span in
            if isJSON {
                span.append(UInt8(ascii: ","))
                span.append(UInt8(ascii: "\""))
                span.append(name)
                span.append(UInt8(ascii: "\""))
                span.append(UInt8(ascii: ":"))
            } else {
                span.append(UInt8(ascii: " "))
                span.append(name)
                span.append(UInt8(ascii: "="))
            }
            value(&span)
        }
        keepIfItFits(from: start)
    }

    /// Adds a member whose value is JSON text of our own making; only in a JSON line.
    mutating func json(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
        guard isJSON else { return }
        let start = bytes.count
        beginField(name)
        var writer = JSONWriter(capacity: 128)
        body(&writer)
        bytes.append(contentsOf: writer.finish())
        keepIfItFits(from: start)
    }

    /// The finished line with its newline.
    mutating func finish() -> [UInt8] {
        if isTruncated {
            beginField("truncated")
            literal("true")
        }
        if isJSON { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: "\n"))
        precondition(bytes.count <= ServiceLimits.logLineBytesMax, "a log line is longer than it may be")
        return bytes
    }

    private mutating func beginField(_ name: StaticString) {
        literal(isJSON ? ",\"" : " ")
        literal(name)
        literal(isJSON ? "\":" : "=")
    }

    private mutating func keepIfItFits(from start: Int) {
        if bytes.count <= ServiceLimits.logLineBytesMax - Self.tailBytes { return }
        bytes.removeLast(bytes.count - start)
        isTruncated = true
    }

    private mutating func escaped(_ text: StaticString) {
        text.withUTF8Buffer { buffer in
            let text = unsafe Span(_unsafeElements: buffer)
            JSONEscaping.append(text, in: 0..<text.count, to: &bytes, form: .ascii)
        }
    }

    private mutating func literal(_ text: StaticString) {
        unsafe bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Whether a reader can tell where the value ends without quotes around it.
    private static func isBare(_ value: ArraySlice<UInt8>) -> Bool {
        !value.isEmpty
            && value.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
    }
}

extension OutputSpan<UInt8> {
    /// Appends `number` in decimal digits.
    fileprivate mutating func append(decimal number: UInt) {
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
