import CZlib
import Net

/// One step of sending an answer wrongly.
enum WireStep: Equatable, Sendable {
    case write([UInt8])
    case pause(milliseconds: UInt64)
    case close
    case reset
    case hang
}

/// Turns an answer and a fault into the steps that send it. Pure.
struct WireScript {
    private let fault: WireFault
    private let statusLine: [UInt8]
    /// Field lines without those that frame the message.
    private var fieldLines: [[UInt8]]
    private var body: [UInt8]

    /// Takes the serialised answer, whose head is used, and its body as it is without any framing.
    init(answer: [UInt8], body: [UInt8], headers: [(name: String, value: String)], fault: WireFault) {
        self.fault = fault
        self.body = body
        let end = Self.headEnd(of: answer)
        var lines = Self.lines(of: answer[..<end])
        statusLine = lines.isEmpty ? [] : lines.removeFirst()
        fieldLines = lines.filter { line in
            !["content-length:", "transfer-encoding:", "connection:"].contains { Self.isField(line, $0) }
        }
        for header in headers { fieldLines.append(Array("\(header.name): \(header.value)".utf8)) }
    }

    /// The steps, in order.
    func steps() -> [WireStep] {
        if let garbage = fault.garbage { return cut(garbage + fault.extra, bodyAt: 0) }
        var script = self
        if fault.isCompressed {
            script.body = Self.gzip(body)
            script.fieldLines.append(Array("Content-Encoding: gzip".utf8))
        }
        return script.framed()
    }

    private func framed() -> [WireStep] {
        var output: [UInt8] = []
        for _ in 0..<fault.interimCount {
            output += Array("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n".utf8)
        }
        output += fault.statusLine.map { Array($0.utf8) } ?? statusLine
        output += [13, 10]
        for line in fieldLines + framingLines() {
            output += line
            output += [13, 10]
        }
        output += [13, 10]
        let bodyAt = output.count
        let isChunked = fault.framing == .chunked || fault.hasLengthAndChunked
        output += isChunked ? chunked(body) : body
        output += fault.extra
        return cut(output, bodyAt: bodyAt)
    }

    private func framingLines() -> [[UInt8]] {
        let length = max(0, body.count + fault.contentLengthBy)
        var lines: [String] = []
        if fault.framing == nil || fault.framing == .length || fault.hasLengthAndChunked {
            lines.append("Content-Length: \(length)")
        }
        if fault.hasDuplicateContentLength { lines.append("Content-Length: \(length + 1)") }
        if fault.framing == .chunked || fault.hasLengthAndChunked {
            lines.append("Transfer-Encoding: chunked")
        }
        if fault.framing == .close { lines.append("Connection: close") }
        return lines.map { Array($0.utf8) }
    }

    private func chunked(_ body: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        let size = max(1, fault.chunkBytes ?? body.count)
        var at = 0
        while at < body.count {
            let end = min(body.count, at + size)
            output += Array("\(String(end - at, radix: 16))\r\n".utf8)
            output += body[at..<end]
            output += [13, 10]
            at = end
        }
        return output + Array("0\r\n\r\n".utf8)
    }

    /// Ends the bytes where the fault says, and lets them drip where it says.
    private func cut(_ output: [UInt8], bodyAt: Int) -> [WireStep] {
        var sent = output[...]
        var last: WireStep?
        switch fault.end {
        case .close: last = .close
        case .reset: last = .reset
        case .hang: last = .hang
        case nil: if fault.framing == .close { last = .close }
        }
        if fault.end != nil {
            let limit = fault.endAfterBodyBytes.map { bodyAt + $0 } ?? fault.endAfterBytes
            if limit >= 0 { sent = output.prefix(limit) }
        }
        return dripped(sent) + (last.map { [$0] } ?? [])
    }

    private func dripped(_ output: ArraySlice<UInt8>) -> [WireStep] {
        guard let drip = fault.drip else { return output.isEmpty ? [] : [.write(Array(output))] }
        var steps: [WireStep] = []
        var rest = output
        while !rest.isEmpty {
            steps.append(.write(Array(rest.prefix(max(1, drip.bytes)))))
            rest = rest.dropFirst(max(1, drip.bytes))
            if !rest.isEmpty { steps.append(.pause(milliseconds: drip.everyMilliseconds)) }
        }
        return steps
    }

    // MARK: Reading the serialised answer

    private static func headEnd(of answer: [UInt8]) -> Int {
        var index = 0
        while index + 3 < answer.count {
            if answer[index] == 13, answer[index + 1] == 10, answer[index + 2] == 13, answer[index + 3] == 10
            {
                return index
            }
            index += 1
        }
        return answer.count
    }

    private static func lines(of head: ArraySlice<UInt8>) -> [[UInt8]] {
        head.split(separator: 10).map { line in Array(line.last == 13 ? line.dropLast() : line) }
    }

    private static func isField(_ line: [UInt8], _ name: String) -> Bool {
        line.count >= name.utf8.count && zip(line, name.utf8).allSatisfy { ($0 | 0x20) == ($1 | 0x20) }
    }

    /// One gzip member (RFC 1952) of `body`.
    static func gzip(_ body: [UInt8]) -> [UInt8] {
        var stream = unsafe z_stream()
        let started = unsafe czlib_deflate_initialize_gzip(&stream)
        precondition(started == Z_OK, "zlib cannot begin")
        defer { unsafe deflateEnd(&stream) }
        var input = body
        var output = [UInt8](repeating: 0, count: unsafe Int(deflateBound(&stream, UInt(body.count))) + 32)
        let outputCount = output.count
        let inputCount = input.count
        let written = unsafe input.withUnsafeMutableBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target -> Int in
                unsafe stream.next_in = source.baseAddress
                unsafe stream.avail_in = UInt32(inputCount)
                unsafe stream.next_out = target.baseAddress
                unsafe stream.avail_out = UInt32(outputCount)
                let result = unsafe deflate(&stream, Z_FINISH)
                precondition(result == Z_STREAM_END, "the bound of a compressed body was too small")
                return unsafe Int(stream.total_out)
            }
        }
        output.removeLast(output.count - written)
        return output
    }
}
