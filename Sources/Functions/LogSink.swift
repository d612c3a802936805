internal import Glibc
public import Net

/// Where finished lines go.
@EventLoopActor
public protocol LogSink: AnyObject, Sendable {
    /// Takes one line with its newline. Never waits; what cannot be taken is dropped and counted.
    func write(_ line: [UInt8])
    /// The same for a line that may be written after what is being done: no event waits for it.
    func writeLater(_ line: [UInt8])
    /// How many lines were dropped since this was last asked, once there is room to say so; else 0.
    func takeDroppedLines() -> Int
    /// How many lines were dropped since the start.
    var droppedLinesTotal: Int { get }
    /// Gives what is held a last chance, bounded in time: the program ends.
    func drain()
}

extension LogSink {
    /// At once: a sink that costs nothing.
    public func writeLater(_ line: [UInt8]) { write(line) }

    /// None: a sink that keeps everything.
    public var droppedLinesTotal: Int { 0 }
}

/// Standard error, which is never waited for.
///
/// The descriptor is shared with whoever started the program, so it must not be made non-blocking. Instead
/// the kernel is asked first, and never given more than a pipe that has room is sure to take.
@EventLoopActor
public final class StandardErrorSink: LogSink {
    private let descriptor: CInt
    /// Whether it is a terminal, where people read.
    public let isTerminal: Bool
    private var held: [UInt8] = []
    private var droppedLines = 0
    /// See `LogSink`.
    public private(set) var droppedLinesTotal = 0
    private var isClosed = false
    private var isRetrying = false
    private var isFlushDue = false
    /// What a quiet moment leaves of memory for held lines behind.
    private static let heldBytesKept = 32_768
    /// PIPE_BUF: a pipe that poll(2) calls writable has room for that many.
    private nonisolated static let pieceBytes = 4_096

    /// A sink for `descriptor`, which stays open.
    public init(descriptor: CInt = 2) {
        isTerminal = isatty(descriptor) == 1
        self.descriptor = isTerminal ? Self.ownTerminal(descriptor) ?? descriptor : descriptor
    }

    /// The same terminal, opened anew: poll(2) calls one writable that has room for a single byte, so here it
    /// is the write that must not wait. Nil where it has no name in this file system.
    private static func ownTerminal(_ descriptor: CInt) -> CInt? {
        guard let name = unsafe ttyname(descriptor) else { return nil }
        let opened = unsafe open(name, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        return opened < 0 ? nil : opened
    }

    /// Writes the line, behind those that are held, if standard error takes it; holds it otherwise, and drops
    /// it where too much is held.
    public func write(_ line: [UInt8]) {
        if hold(line), !isRetrying { flush() }
    }

    /// Holds the line until the loop has nothing else to do: lines of one turn are then written together.
    public func writeLater(_ line: [UInt8]) {
        guard hold(line), !isRetrying, !isFlushDue else { return }
        isFlushDue = true
        EventLoop.shared.atEndOfTurn(flushAtEnd)
    }

    /// Made once, so that a line costs no memory. It keeps the sink, which is the program's to its end.
    private lazy var flushAtEnd: () -> Void = { [self] in
        isFlushDue = false
        if !isRetrying { flush() }
    }

    private func hold(_ line: [UInt8]) -> Bool {
        if isClosed || held.count + line.count > ServiceLimits.logBufferBytesMax {
            drop(1)
            return false
        }
        // Taken out while it grows: then the compiler knows that nobody looks at it meanwhile.
        var lines = held
        held = []
        lines.append(contentsOf: line)
        held = lines
        return true
    }

    private func drop(_ lines: Int) {
        droppedLines += lines
        droppedLinesTotal += lines
    }

    /// See `LogSink`.
    public func takeDroppedLines() -> Int {
        guard held.isEmpty, !isClosed else { return 0 }
        defer { droppedLines = 0 }
        return droppedLines
    }

    /// Waits a little for standard error to take the rest.
    public func drain() {
        for _ in 0..<max(1, ServiceLimits.logDrainMilliseconds / 10) {
            flush()
            if held.isEmpty { return }
            _ = isWritable(timeoutMilliseconds: 10)
        }
    }

    private func retry() {
        isRetrying = true
        EventLoop.shared.start { [self] in
            var pauseMilliseconds: UInt64 = 5
            while !held.isEmpty {
                await EventLoop.shared.sleep(until: .after(milliseconds: pauseMilliseconds))
                let bytesHeld = held.count
                flush()
                // Where some is taken somebody reads again, and takes the rest as soon as it is there.
                pauseMilliseconds = held.count < bytesHeld ? 5 : min(pauseMilliseconds * 2, 1_000)
            }
            isRetrying = false
        }
    }

    /// Writes what is held, as far as standard error takes it now, and sees to the rest.
    private func flush() {
        var lines = held
        if lines.isEmpty { return }
        held = []
        let count = writeAvailable(lines[...])
        if isClosed { return drop(lines[count...].count { $0 == UInt8(ascii: "\n") }) }
        if count == lines.count {
            lines.removeAll(keepingCapacity: lines.capacity <= Self.heldBytesKept)
        } else {
            lines.removeFirst(count)
            if !isRetrying { retry() }
        }
        held = lines
    }

    /// Writes what is taken without waiting. Returns how many bytes that were.
    private func writeAvailable(_ bytes: ArraySlice<UInt8>) -> Int {
        var written = 0
        while written < bytes.count, isWritable(timeoutMilliseconds: 0) {
            let count = Self.write(Self.piece(of: bytes.dropFirst(written)), to: descriptor)
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                if !Self.mayPass(errno) { close() }
                break
            }
        }
        return written
    }

    /// Whether a write that fails so may go through later: the starter made the descriptor non-blocking, a
    /// disk is full or in trouble, a file is as large as it may be.
    private nonisolated static func mayPass(_ error: CInt) -> Bool {
        [EAGAIN, ENOSPC, EDQUOT, EIO, EFBIG].contains(error)
    }

    /// The first lines of `bytes` that a pipe takes at once, where another may write to it as well; a line
    /// that is longer goes in parts.
    private nonisolated static func piece(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if bytes.count <= pieceBytes { return bytes }
        let piece = bytes.prefix(pieceBytes)
        return piece.lastIndex(of: UInt8(ascii: "\n")).map { piece[...$0] } ?? piece
    }

    private nonisolated static func write(_ piece: ArraySlice<UInt8>, to descriptor: CInt) -> Int {
        unsafe piece.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    private func isWritable(timeoutMilliseconds: CInt) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let count = unsafe poll(&request, 1, timeoutMilliseconds)
        guard count == 1 else { return false }
        if Int32(request.revents) & (POLLERR | POLLHUP | POLLNVAL) != 0 {
            close()
            return false
        }
        return Int32(request.revents) & POLLOUT != 0
    }

    /// Nobody reads any more. The program goes on: events matter more than lines.
    private func close() {
        isClosed = true
    }
}
