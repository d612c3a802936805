internal import CHTTP

/// Takes a body out of bytes that come in any pieces.
struct BodyReader {
    enum Delimiter {
        case none
        case length(remaining: UInt64)
        case chunked(chttp_chunked)
        case end
    }

    private var delimiter: Delimiter
    private(set) var body: [UInt8] = []
    private(set) var isComplete: Bool

    init(_ delimiter: Delimiter) {
        self.delimiter = delimiter
        switch delimiter {
        case .none, .length(remaining: 0): isComplete = true
        case .length(let length):
            isComplete = false
            // A peer that announces much and sends little must not make us reserve it.
            body.reserveCapacity(Int(min(length, 65_536)))
        case .chunked, .end: isComplete = false
        }
    }

    /// Whether the body has more bytes than it may, or the chunk at hand announces as much.
    private(set) var isTooLarge = false

    /// Whether the body ends with the connection only.
    var endsWithConnection: Bool {
        if case .end = delimiter { return true }
        return false
    }

    /// Takes what belongs to the body from `bytes`, and no more once it is known to be too large. Returns how
    /// many bytes were taken.
    mutating func take(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: MessageLimits
    ) throws(BrokenRule) -> Int {
        switch delimiter {
        case .none:
            return 0
        case .length(let remaining):
            let count = Int(min(remaining, UInt64(bytes.count)))
            makeRoom(for: count, of: remaining)
            unsafe body.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[..<count]))
            delimiter = .length(remaining: remaining - UInt64(count))
            isComplete = UInt64(count) == remaining
            return count
        case .chunked(var state):
            // Taken out of the enum while it is worked on, so that the copy is the only one.
            delimiter = .none
            defer { delimiter = .chunked(state) }
            return try unsafe takeChunks(bytes, &state, limits)
        case .end:
            unsafe body.append(contentsOf: bytes)
            isTooLarge = body.count > limits.bodyBytesMax
            return bytes.count
        }
    }

    /// Room for seven times as much as has come, but never for more than was announced: few copies, and a
    /// body that is complete has no room to spare.
    private mutating func makeRoom(for count: Int, of remaining: UInt64) {
        if body.capacity - body.count >= count { return }
        let room = min(remaining, UInt64(max(count, 7 * body.count)))
        body.reserveCapacity(body.count + Int(room))
    }

    /// The peer will send no more. Returns whether that is a proper end.
    mutating func takeEnd() -> Bool {
        if case .end = delimiter { isComplete = true }
        return isComplete
    }

    private mutating func takeChunks(
        _ bytes: UnsafeBufferPointer<UInt8>, _ state: inout chttp_chunked, _ limits: MessageLimits
    ) throws(BrokenRule) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var taken = 0
        while taken < bytes.count {
            var consumed = 0
            var data = chttp_span()
            let status = unsafe chttp_scan_chunked(
                &state, base + taken, bytes.count - taken, limits.chunkOverheadBytesMax, &consumed, &data)
            if status == CHTTP_BAD { throw BrokenRule(state.rule) }
            unsafe body.append(
                contentsOf: UnsafeBufferPointer(start: base + taken + Int(data.at), count: Int(data.length)))
            taken += consumed
            if status == CHTTP_OK {
                isComplete = true
                break
            }
            let announced = unsafe chttp_chunk_announced(&state)  // Under 2^63.
            isTooLarge = UInt64(body.count) + announced > UInt64(limits.bodyBytesMax)
            if isTooLarge || consumed == 0 { break }
        }
        return taken
    }

    /// The body, which is given away.
    mutating func takeBody() -> [UInt8] {
        let taken = body
        body = []
        return taken
    }
}
