internal import Glibc
public import Net

/// Where finished lines go.
@EventLoopActor
public protocol LogSink: AnyObject, Sendable {
    /// Takes one line with its newline. Never waits; what cannot be taken is dropped and counted.
    func write(_ line: [UInt8])
    /// How many lines were dropped since this was last asked, once there is room to say so; else 0.
    func takeDroppedLines() -> Int
    /// How many lines were dropped since the start.
    var droppedLinesTotal: Int { get }
    /// Gives what is held a last chance, bounded in time: the program ends.
    func drain()
}

extension LogSink {
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
    private var held: [UInt8] = []
    private var droppedLines = 0
    /// See `LogSink`.
    public private(set) var droppedLinesTotal = 0
    private var isClosed = false
    private var isRetrying = false
    /// PIPE_BUF: a pipe that poll(2) calls writable has room for that many.
    private static let pieceBytes = 4_096

    /// A sink for `descriptor`, which stays open.
    public init(descriptor: CInt = 2) {
        self.descriptor = descriptor
    }

    /// Whether it is a terminal, where people read.
    public var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Writes the line at once if standard error takes it, holds it otherwise, drops it where too much is
    /// held.
    public func write(_ line: [UInt8]) {
        if isClosed { return drop() }
        var rest = line[...]
        if held.isEmpty {
            rest = rest.dropFirst(writeAvailable(rest))
            if rest.isEmpty { return }
        } else if held.count + rest.count > ServiceLimits.logBufferBytesMax {
            return drop()
        }
        if isClosed { return drop() }
        held.append(contentsOf: rest)
        retry()
    }

    private func drop() {
        droppedLines += 1
        droppedLinesTotal += 1
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
        if isRetrying { return }
        isRetrying = true
        EventLoop.shared.start { [self] in
            var pauseMilliseconds: UInt64 = 5
            while !held.isEmpty {
                await EventLoop.shared.sleep(until: .after(milliseconds: pauseMilliseconds))
                pauseMilliseconds = min(pauseMilliseconds * 2, 1_000)
                flush()
            }
            isRetrying = false
        }
    }

    private func flush() {
        let count = writeAvailable(held[...])
        if isClosed { held = [] } else { held.removeFirst(count) }
    }

    /// Writes what is taken without waiting. Returns how many bytes that were.
    private func writeAvailable(_ bytes: ArraySlice<UInt8>) -> Int {
        var written = 0
        while written < bytes.count, isWritable(timeoutMilliseconds: 0) {
            let count = Self.write(bytes.dropFirst(written).prefix(Self.pieceBytes), to: descriptor)
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                // EAGAIN where the starter made it non-blocking; anything else is for good.
                if errno != EAGAIN { close() }
                break
            }
        }
        return written
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
