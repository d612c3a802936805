import CNet
import Glibc

/// Why a stream can no longer be used.
public enum StreamError: Error, Equatable, Sendable {
    /// The deadline passed.
    case timedOut
    /// The peer closed or reset the connection.
    case closed
    /// The peer broke a rule of TLS; the text is OpenSSL's reason.
    case tls(String)
    /// The peer's certificate was refused; the text is OpenSSL's reason.
    case notVerified(String)
}

/// What takes the bytes of a stream: a state machine.
public protocol ByteReceiver {
    /// Takes the next bytes; they are not kept by the stream.
    mutating func receive(_ bytes: Span<UInt8>)
    /// The peer will send no more.
    mutating func receiveEnd()
}

/// A TCP connection, with or without TLS on it: read, write, close, each with a deadline.
///
/// One task reads and writes at a time. The descriptor is registered with epoll once, edge-triggered, so a
/// read that gets less than there was room for knows that nothing is left, and no call is spent on finding
/// out.
@EventLoopActor
public final class ByteStream {
    private static let ended = UInt32(CNET_PEER_HANG_UP | CNET_HANG_UP | CNET_ERROR)
    private static let readable = UInt32(CNET_READABLE) | ended
    private static let writable = UInt32(CNET_WRITABLE | CNET_HANG_UP | CNET_ERROR)

    /// Where bytes pass between the kernel and their receiver. One for all: it is never in use across a wait.
    private static let scratch: UnsafeMutableRawBufferPointer = .allocate(
        byteCount: 65_536, alignment: pageBytes)
    /// Where what TLS has decrypted passes, likewise: ciphertext may still lie in `scratch`.
    private static let plaintext: UnsafeMutableRawBufferPointer = .allocate(
        byteCount: 16_384, alignment: pageBytes)
    /// They begin with a page, so that all of their pages can be given back.
    private static let pageBytes = 4_096

    private var descriptor: FileDescriptor?
    private var isOpen = true
    let raw: CInt
    private let registration: Registration
    private var tls: TLSSession?
    /// Bytes on their way out that the kernel has not taken yet, or that are still to be sent with the next
    /// write; only TLS has any.
    private var unsent: ArraySlice<UInt8> = []
    private var reachedEnd = false

    /// Takes a connected (or connecting) socket. The kernel ends the connection when bytes are not
    /// acknowledged for `unacknowledgedMilliseconds`.
    init(
        owning descriptor: consuming FileDescriptor,
        unacknowledgedMilliseconds: CInt = Limits.clientUnacknowledgedMilliseconds
    ) throws(Errno) {
        registration = try EventLoop.shared.register(descriptor, pending: 0)
        raw = descriptor.raw
        Socket.setStreamOptions(raw, unacknowledgedMilliseconds: unacknowledgedMilliseconds)
        self.descriptor = consume descriptor
    }

    isolated deinit {
        close()
    }

    /// Returns the pages of both scratch buffers to the kernel: what passed through them is not left behind.
    static func giveBackScratch() {
        unsafe giveBack(scratch)
        unsafe giveBack(plaintext)
    }

    private static func giveBack(_ buffer: UnsafeMutableRawBufferPointer) {
        if let begin = buffer.baseAddress { unsafe cnet_give_back_pages(begin, buffer.count) }
    }

    /// Called when the peer closes, or sends something, while no task waits on the stream; at once if it has
    /// done so already, since that is not signalled again.
    var whenIdle: (() -> Void)? {
        get { registration.waiter.whenIdle }
        set {
            registration.waiter.whenIdle = newValue
            if let newValue, registration.waiter.pending & Self.readable != 0 { newValue() }
        }
    }

    /// Whether it has been closed on this side.
    public var isClosed: Bool { !isOpen }

    // MARK: Opening

    /// A TCP connection to `address`.
    static func connect(to address: SocketAddress, deadline: Deadline) async throws(HTTPClientError)
        -> ByteStream
    {
        let stream: ByteStream
        do throws(Errno) {
            let family = address.family
            let descriptor = FileDescriptor(owning: try systemCall { cnet_tcp_socket(family) })
            let raw = descriptor.raw
            stream = try ByteStream(
                owning: descriptor, unacknowledgedMilliseconds: Limits.unacknowledgedTimeoutMilliseconds)
            do throws(Errno) {
                _ = try systemCall { unsafe address.withSockaddr { unsafe Glibc.connect(raw, $0, $1) } }
            } catch  where error.code == EINPROGRESS {
                // The usual case: writability or an error tells the outcome.
            }
        } catch {
            throw .notConnected(error)
        }
        guard await stream.registration.waiter.wait(for: writable, until: deadline) else {
            throw .connectTimedOut
        }
        if let error = Socket.pendingError(of: stream.raw) { throw .notConnected(error) }
        return stream
    }

    /// Speaks TLS from now on: the handshake, verification included, before any byte of the application's.
    ///
    /// - Parameter holdsLast: leaves the handshake's last message, if it is this side's, to the first write,
    ///   which it goes out with: a system call less, and the peer wakes once. Who writes nothing calls
    ///   `sendHeld`.
    func startTLS(
        _ session: TLSSession, deadline: Deadline, holdsLast: Bool = false
    ) async throws(StreamError) {
        precondition(tls == nil, "TLS is started once")
        tls = session
        while true {
            let isDone = try stepHandshake(session)
            if isDone, holdsLast { return holdOutput() }
            try await flush(session, deadline: deadline)
            if isDone { return }
            try session.prepareToVerify()
            try await fill(session, deadline: deadline)
        }
    }

    private func stepHandshake(_ session: TLSSession) throws(StreamError) -> Bool {
        do throws(StreamError) {
            let isDone = try session.handshake()
            session.keepInput()
            return isDone
        } catch {
            // The alert that tells the peer why goes out if the kernel takes it at once.
            _ = try? flushAvailable(session)
            throw error
        }
    }

    // MARK: Reading

    /// Waits for bytes and gives them to `receiver`, or tells it that the peer will send no more.
    public func read(into receiver: inout some ByteReceiver, deadline: Deadline) async throws(StreamError) {
        let waiter = registration.waiter
        while true {
            if try readAvailable(into: &receiver) { return }
            // As `wait`, but in place: this is where every connection spends its time.
            if isClosed { throw .closed }
            if waiter.pending & Self.readable != 0 { continue }
            if !deadline.hasPassed {
                let isSignalled = await unsafe withUnsafeContinuation {
                    unsafe waiter.park($0, for: Self.readable, until: deadline)
                }
                if isSignalled { continue }
            }
            if try readUnnoticed(into: &receiver) { return }
            throw .timedOut
        }
    }

    /// Gives `receiver` what has come already, though the loop may not have taken notice of it: where it got
    /// no time for a while, it finds deadlines passed and bytes come at once, and not all of them in one
    /// turn. Returns whether there was anything.
    func readUnnoticed(into receiver: inout some ByteReceiver) throws(StreamError) -> Bool {
        registration.waiter.note(Self.readable)
        return try readAvailable(into: &receiver)
    }

    /// Waits for bytes with a closure instead of a task: it is called once, with true when something has come
    /// or the connection has ended, with false when `deadline` passes. A stream that is closed here forgets
    /// it.
    ///
    /// Only after `readAvailable` has found nothing.
    func park(until deadline: Deadline, _ wake: @escaping (Bool) -> Void) {
        let waiter = registration.waiter
        precondition(!isClosed && waiter.pending & Self.readable == 0, "bytes that have come are read first")
        waiter.park(wake, for: Self.readable, until: deadline)
    }

    /// Gives `receiver` what has come already. Returns whether it got anything, the end included.
    public func readAvailable(into receiver: inout some ByteReceiver) throws(StreamError) -> Bool {
        if let tls { return try readAvailable(of: tls, into: &receiver) }
        guard let count = try receiveAvailable() else { return false }
        if count == 0 {
            receiver.receiveEnd()
        } else {
            unsafe give(UnsafeRawBufferPointer(rebasing: Self.scratch[..<count]), to: &receiver)
        }
        return true
    }

    private func readAvailable(
        of tls: TLSSession, into receiver: inout some ByteReceiver
    ) throws(StreamError) -> Bool {
        defer {
            tls.keepInput()
            holdOutput()
        }
        var fruitless = 0
        while true {
            if tls.hasInput {
                switch try unsafe tls.read(into: Self.plaintext) {
                case .bytes(let count):
                    unsafe give(UnsafeRawBufferPointer(rebasing: Self.plaintext[..<count]), to: &receiver)
                    offerUnsent(tls)
                    try limitUnsent()
                    return true
                case .end:
                    receiver.receiveEnd()
                    return true
                case .needsMore: break
                }
            }
            // Cut off without a close_notify: RFC 8446 section 6.1.
            if reachedEnd { throw .closed }
            fruitless += 1
            if fruitless > Limits.fruitlessReadsMax { throw .tls("one record after the other without data") }
            guard let count = try receiveAvailable() else {
                try limitUnsent()
                return false
            }
            if count > 0 { unsafe tls.feed(UnsafeRawBufferPointer(rebasing: Self.scratch[..<count])) }
        }
    }

    /// What a peer makes TLS say grows with what it sends. It is offered to a peer that sends data besides,
    /// which may not take it; from one that does nothing else it is kept back.
    private func offerUnsent(_ tls: TLSSession) {
        if unsafe unsent.count + TLSSession.output.count <= Limits.heldBytesMax { return }
        _ = try? flushAvailable(tls)  // Where the connection is broken, what has come is read all the same.
    }

    private func limitUnsent() throws(StreamError) {
        if unsafe unsent.count + TLSSession.output.count > Limits.unsentTLSBytesMax {
            throw .tls("more to be answered than the peer takes")
        }
    }

    /// Whether nothing has come for the application, the peer's end included. What comes for TLS itself, such
    /// as a session ticket, is taken in. It costs no system call when epoll has nothing new.
    func isSilent() -> Bool {
        if isClosed { return false }
        if registration.waiter.pending & Self.readable == 0, tls?.hasInput != true { return true }
        var silence = Silence()
        do throws(StreamError) {
            _ = try readAvailable(into: &silence)
        } catch {
            return false
        }
        return !silence.isBroken
    }

    private struct Silence: ByteReceiver {
        var isBroken = false
        mutating func receive(_ bytes: Span<UInt8>) { isBroken = true }
        mutating func receiveEnd() { isBroken = true }
    }

    private func give(_ bytes: UnsafeRawBufferPointer, to receiver: inout some ByteReceiver) {
        unsafe receiver.receive(Span(_unsafeElements: bytes.assumingMemoryBound(to: UInt8.self)))
    }

    /// Whether bytes have come that nobody has read yet; in clear, or of TLS.
    var hasUnreadBytes: Bool {
        if isClosed { return false }
        var byte: UInt8 = 0
        return unsafe recv(raw, &byte, 1, CInt(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// One read of what has come already, into the scratch buffer. Nil when nothing has; 0 at the end.
    private func receiveAvailable() throws(StreamError) -> Int? {
        let waiter = registration.waiter
        guard waiter.pending & Self.readable != 0 else { return nil }
        if isClosed { throw .closed }
        do throws(Errno) {
            let count = try systemCall { unsafe recv(raw, Self.scratch.baseAddress, Self.scratch.count, 0) }
            if count == 0 { reachedEnd = true }
            if unsafe count < Self.scratch.count, waiter.pending & Self.ended == 0 {
                waiter.clear(Self.readable)
            }
            return count
        } catch {
            guard error.code == EAGAIN else { throw .closed }
            waiter.clear(Self.readable)
            return nil
        }
    }

    private func fill(_ session: TLSSession, deadline: Deadline) async throws(StreamError) {
        while try !feed(session) {
            do throws(StreamError) {
                try await wait(for: Self.readable, deadline: deadline)
            } catch {
                guard error == .timedOut else { throw error }
                registration.waiter.note(Self.readable)  // As in `readUnnoticed`.
                guard try feed(session) else { throw error }
                return
            }
        }
    }

    /// Gives a handshake what has come already. Returns whether there was anything.
    private func feed(_ session: TLSSession) throws(StreamError) -> Bool {
        guard let count = try receiveAvailable() else { return false }
        if count == 0 { throw .closed }
        unsafe session.feed(UnsafeRawBufferPointer(rebasing: Self.scratch[..<count]))
        return true
    }

    // MARK: Writing

    /// Writes all of `bytes`.
    public func write(_ bytes: [UInt8], deadline: Deadline) async throws(StreamError) {
        try await write(bytes[...], deadline: deadline)
    }

    /// Writes all of `bytes`, and what is left of earlier ones.
    func write(_ bytes: ArraySlice<UInt8>, deadline: Deadline) async throws(StreamError) {
        var rest = bytes
        while true {
            let count = try writeAvailable(rest)
            rest = rest.dropFirst(count)
            if rest.isEmpty, unsent.isEmpty { return }
            if count == 0 || rest.isEmpty { try await wait(for: Self.writable, deadline: deadline) }
        }
    }

    /// Writes as much of `bytes` as goes without waiting. Returns how many bytes are taken over, 0 where none
    /// are; over TLS `hasFlushed` tells whether the kernel has them.
    public func writeAvailable(_ bytes: ArraySlice<UInt8>) throws(StreamError) -> Int {
        guard let tls else { return bytes.isEmpty ? 0 : try sendAvailable(bytes) }
        // A little that was held goes out with them.
        if unsent.count > Limits.heldBytesMax || bytes.isEmpty {
            guard try flushAvailable(tls) else { return 0 }
        }
        var written = 0
        while written < bytes.count {
            // Several records go to the kernel at once.
            let end = min(written + 65_536, bytes.count)
            while written < end { written += try tls.write(bytes.dropFirst(written).prefix(end - written)) }
            guard try flushAvailable(tls) else { break }
        }
        return written
    }

    /// Whether everything that was written has left for the kernel.
    var hasFlushed: Bool { unsent.isEmpty }

    /// Sends what is held, as far as the kernel takes it; the rest goes out with the next write.
    func sendHeld() {
        guard let tls, !unsent.isEmpty else { return }
        _ = try? flushAvailable(tls)  // Where the connection is broken its next use says so.
    }

    /// Waits until something can be read or written, whichever comes first. Returns whether it can be read.
    func waitForEither(deadline: Deadline) async throws(StreamError) -> Bool {
        try await wait(for: Self.readable | Self.writable, deadline: deadline)
        return registration.waiter.pending & Self.readable != 0
    }

    private func flush(_ session: TLSSession, deadline: Deadline) async throws(StreamError) {
        while try !flushAvailable(session) {
            try await wait(for: Self.writable, deadline: deadline)
        }
    }

    /// Sends what TLS has made and the kernel takes. Returns whether nothing is left.
    @discardableResult
    private func flushAvailable(_ session: TLSSession) throws(StreamError) -> Bool {
        if unsent.isEmpty {
            let output = unsafe TLSSession.output
            if unsafe output.isEmpty { return true }
            defer { TLSSession.clearOutput() }
            let count = try unsafe sendAvailable(output)
            if count == output.count { return true }
            unsent = unsafe Array(output[count...])[...]
        } else {
            holdOutput()
        }
        while !unsent.isEmpty {
            let count = try sendAvailable(unsent)
            if count == 0 { return false }
            unsent = unsent.dropFirst(count)
        }
        unsent = []
        return true
    }

    /// Keeps what TLS has made for the peer until the next write: another session may be asked before.
    private func holdOutput() {
        let output = unsafe TLSSession.output
        if unsafe output.isEmpty { return }
        // Taken out while it grows: then the compiler knows that nobody looks at it meanwhile.
        var longer = unsent
        unsent = []
        unsafe longer.append(contentsOf: output)
        unsent = longer
        TLSSession.clearOutput()
    }

    private func sendAvailable(_ bytes: ArraySlice<UInt8>) throws(StreamError) -> Int {
        try sendAvailable { [raw] in
            unsafe bytes.withUnsafeBytes {
                unsafe send(raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
        }
    }

    private func sendAvailable(_ bytes: UnsafeRawBufferPointer) throws(StreamError) -> Int {
        try sendAvailable { [raw] in unsafe send(raw, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL)) }
    }

    /// Returns how many bytes `call` has sent; 0 where the kernel takes none.
    @inline(__always)
    private func sendAvailable(_ call: () -> Int) throws(StreamError) -> Int {
        if isClosed { throw .closed }
        do throws(Errno) {
            return try systemCall(call)
        } catch {
            guard error.code == EAGAIN else { throw .closed }
            registration.waiter.clear(UInt32(CNET_WRITABLE))
            return 0
        }
    }

    /// Gives back what TLS keeps for the next bytes: a stream that idles does without.
    func giveBackBuffers() {
        tls?.giveBackBuffers()
    }

    // MARK: Closing

    /// Tells the peer that nothing more will come, and goes on reading.
    public func shutdownWriting() {
        if isClosed { return }
        // Over TLS a body that ends with the connection is whole only with this message.
        sendCloseNotify()
        _ = shutdown(raw, CInt(SHUT_WR))
    }

    /// Ends the connection; a TLS peer is told so if the kernel takes the message at once.
    public func close() {
        if isClosed { return }
        sendCloseNotify()
        whenIdle = nil
        registration.waiter.unpark()
        registration.waiter.signal(UInt32(CNET_HANG_UP))  // Whoever waits finds the stream closed.
        EventLoop.shared.unregister(registration)
        descriptor = nil
        isOpen = false
    }

    /// TLS's closing message, if the kernel takes it at once.
    private func sendCloseNotify() {
        guard let tls, !reachedEnd else { return }
        tls.shutdown()
        _ = try? flushAvailable(tls)
    }

    /// Ends the connection with a reset: what the peer has not read is lost.
    public func reset() {
        if isClosed { return }
        Socket.resetOnClose(raw)
        reachedEnd = true  // No close_notify.
        close()
    }

    private func wait(for events: UInt32, deadline: Deadline) async throws(StreamError) {
        if isClosed { throw .closed }
        guard await registration.waiter.wait(for: events, until: deadline) else { throw .timedOut }
        if isClosed { throw .closed }
    }
}
