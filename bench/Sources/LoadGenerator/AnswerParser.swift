/// Reads one answer after the other out of a connection's bytes, in whatever pieces they come.
///
/// It checks what the figures rest on (the status, where the answer ends); the grammar is not its business.
package struct AnswerParser {
    package struct Answer: Equatable, Sendable {
        package var status: Int
        package var closes: Bool

        package init(status: Int = 0, closes: Bool = false) {
            self.status = status
            self.closes = closes
        }
    }

    /// Why the bytes are no answer.
    package enum Failure: Error, Equatable, Sendable {
        case malformed
    }

    private enum State { case statusLine, fields, length, chunkSize, chunk, chunkEnd, trailers, untilEnd }

    private static let lineBytesMax = 16_384

    private var state = State.statusLine
    private var line: [UInt8] = []
    private var answer = Answer()
    private var left = 0
    private var isChunked = false
    private var hasLength = false

    package init() { line.reserveCapacity(256) }

    /// Whether nothing of an answer has come yet.
    package var isBetweenAnswers: Bool { state == .statusLine && line.isEmpty }

    /// Takes bytes from `position` on, and moves it behind what was used. Returns the answer that ends there.
    package mutating func next(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) throws(Failure)
        -> Answer?
    {
        while position < bytes.count {
            switch state {
            case .length, .chunk:
                let count = min(left, bytes.count - position)
                position += count
                left -= count
                if left > 0 { return nil }
                if state == .length { return finish() }
                state = .chunkEnd
            case .untilEnd:
                position = bytes.count
            default:
                guard takeLine(bytes, &position) else { break }
                if let answer = try endLine() { return answer }
            }
            if line.count > Self.lineBytesMax { throw .malformed }
        }
        return nil
    }

    /// Takes all of some bytes; what follows an answer's end is left out.
    package mutating func next(_ bytes: ArraySlice<UInt8>) throws -> Answer? {
        var position = 0
        return try bytes.withUnsafeBytes { bytes in try next(bytes, &position) }
    }

    /// Whether nothing but the connection's end can end the answer that is being read.
    package var endsWithConnection: Bool { state == .untilEnd }

    /// The connection has ended. Returns the answer that its end completes.
    package mutating func end() -> Answer? {
        guard state == .untilEnd else { return nil }
        answer.closes = true
        return finish()
    }

    private mutating func finish() -> Answer? {
        let done = answer
        answer = Answer()
        state = .statusLine
        isChunked = false
        hasLength = false
        left = 0
        // An interim answer is not what was waited for.
        return (100..<200).contains(done.status) ? nil : done
    }

    /// Collects bytes up to a line feed, which is left out with its carriage return.
    private mutating func takeLine(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Bool {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\n") {
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                return true
            }
            line.append(byte)
        }
        return false
    }

    private mutating func endLine() throws(Failure) -> Answer? {
        defer { line.removeAll(keepingCapacity: true) }
        switch state {
        case .statusLine:
            guard line.count >= 12, starts("http/1."), let status = number(line[9..<12], radix: 10) else {
                throw .malformed
            }
            answer.status = status
            answer.closes = line[7] == UInt8(ascii: "0")
            state = .fields
        case .fields:
            if line.isEmpty { return endHead() }
            try takeField()
        case .chunkSize:
            guard
                let size = number(
                    line.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }, radix: 16)
            else { throw .malformed }
            left = size
            state = size == 0 ? .trailers : .chunk
        case .chunkEnd:
            guard line.isEmpty else { throw .malformed }
            state = .chunkSize
        case .trailers:
            if line.isEmpty { return finish() }
        case .length, .chunk, .untilEnd: break
        }
        return nil
    }

    private mutating func endHead() -> Answer? {
        if isChunked {
            state = .chunkSize
        } else if (100..<200).contains(answer.status) || answer.status == 204 || answer.status == 304 {
            return finish()
        } else if hasLength {
            if left == 0 { return finish() }
            state = .length
        } else {
            state = .untilEnd
        }
        return nil
    }

    private mutating func takeField() throws(Failure) {
        if starts("content-length:") {
            guard let length = number(value(after: 15), radix: 10) else { throw .malformed }
            left = length
            hasLength = true
        } else if starts("transfer-encoding:") {
            isChunked = true
        } else if starts("connection:"), value(after: 11).elementsEqual("close".utf8, by: { $0 | 0x20 == $1 })
        {
            answer.closes = true
        }
    }

    /// Whether the line begins with `prefix`, which is in lower case.
    private func starts(_ prefix: StaticString) -> Bool {
        guard line.count >= prefix.utf8CodeUnitCount else { return false }
        for index in 0..<prefix.utf8CodeUnitCount {
            let byte = line[index]
            let lower = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
            if lower != prefix.utf8Start[index] { return false }
        }
        return true
    }

    private func value(after count: Int) -> ArraySlice<UInt8> {
        var value = line[count...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        while value.last == UInt8(ascii: " ") || value.last == UInt8(ascii: "\t") { value.removeLast() }
        return value
    }

    private func number(_ digits: ArraySlice<UInt8>, radix: Int) -> Int? {
        if digits.isEmpty || digits.count > 15 { return nil }
        var number = 0
        for byte in digits {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < radix else { return nil }
            number = number * radix + digit
        }
        return number
    }
}
