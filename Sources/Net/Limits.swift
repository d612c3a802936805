/// Every ceiling of the network layer, with its unit and why it is what it is. docs/LIMITS.md lists the same.
public enum Limits {
    // MARK: Event loop

    /// Events taken from the kernel in one turn: enough to amortise the call, few enough to stay fair.
    static let eventsPerTurnMax = 128
    /// Steps of one connection (64 KiB read, a request answered) that need no wait, before others are looked
    /// after.
    static let stepsPerTurnMax = 64
    /// Connections that the kernel keeps until they are accepted; the system may allow fewer (somaxconn).
    static let acceptQueueMax = 4_096
    /// Connections that are accepted before others are looked after.
    static let acceptsPerTurnMax = 64
    /// Without an event for so long the process rests, and memory that is free goes back to the kernel.
    public static let restMilliseconds: UInt64 = 100
    /// A body from which on the memory it takes is worth keeping for the next one.
    static let largeBodyBytesMin = 65_536

    // MARK: Messages from clients (answered with the status given)

    /// The request line, 414: longer than any push endpoint or service name.
    public static let requestLineBytesMax: UInt32 = 16_384
    /// One field line, 431.
    public static let fieldBytesMax: UInt32 = 16_384
    /// The head, 431: an unwrapped push may carry 100 attributes of 1,280 bytes.
    public static let headBytesMax: UInt32 = 163_840
    /// Fields of a head, 431.
    public static let fieldsMax: UInt32 = 250
    /// A request's body, 413: a Pub/Sub message of 10 MB is 13.4 MB in base64.
    public static let bodyBytesMax = 16_777_216
    /// Chunk extensions and trailers of one body together, 400.
    public static let chunkOverheadBytesMax: UInt32 = 16_384
    /// Bodies, heads and pipelined requests buffered on all connections together, 503: four of the largest
    /// bodies.
    public static let bufferedRequestBytesMax = 67_108_864
    /// The same of a server for few, such as that of the metrics.
    public static let bufferedRequestBytesForFewMax = 1_048_576
    /// Connections to a server for few, or fewer where descriptors are few.
    public static let connectionsForFewMax = 16
    /// Connections from clients at once; more are answered 503 and closed.
    public static let connectionsMax = 12_000
    /// Requests being handled at once, 503.
    public static let requestsInFlightMax = 1_024

    /// Connections that wait for bytes with a task of their own, 3 KiB each; further ones wait without, and
    /// pay a new task when bytes come.
    static let tasksReadingMax = 128
    /// How long a connection keeps its task while nothing comes: a busy one does not pay a new one.
    static let parkAfterMilliseconds: UInt64 = 1_000

    // MARK: Time given to clients

    /// For a head, from the start of its connection, or, after the first, from its own first byte: 408.
    public static let headTimeoutMilliseconds: UInt64 = 10_000
    /// From the end of a head to the end of its body: 408.
    public static let bodyTimeoutMilliseconds: UInt64 = 30_000
    /// The slowest body that is waited for within that time, once the grace is over: 408.
    public static let bodyBytesPerSecondMin: UInt64 = 1_000
    /// What a body may take beyond the time that this rate gives to the bytes that have come.
    public static let bodyGraceMilliseconds: UInt64 = 10_000
    /// For a client to take an answer before its connection is closed.
    public static let answerTimeoutMilliseconds: UInt64 = 30_000
    /// Bytes that the kernel may fail to deliver to a client for this long before it gives the connection up:
    /// longer than an answer may go unread, since a client that reads nothing acknowledges nothing in the
    /// end.
    public static let clientUnacknowledgedMilliseconds: CInt = 40_000
    /// A kept connection without a request: longer than the 600 s of the platform's front end, so that the
    /// front end, and not we, ends it.
    public static let idleTimeoutMilliseconds: UInt64 = 620_000
    /// How long, and for how many bytes, a refused request is read on so that its sender sees the answer.
    public static let lingerTimeoutMilliseconds: UInt64 = 5_000
    /// See `lingerTimeoutMilliseconds`.
    public static let lingerBytesMax = 33_554_432
    /// The TLS handshake of a client, for servers that speak TLS.
    public static let handshakeTimeoutMilliseconds: UInt64 = 10_000
    /// From SIGTERM to the end of the program; the platform kills after 10 s.
    public static let drainTimeoutMilliseconds: UInt64 = 8_500
    /// How long kept connections stay open after SIGTERM, so that a request that was already on its way is
    /// answered (503) and not cut off.
    public static let drainGraceMilliseconds: UInt64 = 300
    /// For handshakes that are on their way when the listener takes no new connections any more.
    public static let lastHandshakesMilliseconds: UInt64 = 10
    /// What becomes of `lingerTimeoutMilliseconds` after SIGTERM.
    public static let drainLingerMilliseconds: UInt64 = 1_000
    /// Descriptors kept back from clients, for upstream connections, the resolver and credentials' files: a
    /// quarter of what the process may have, but at least so many.
    public static let descriptorsReservedMin = 24
    /// The most descriptors that are kept back from clients: all that the pools can take.
    public static let descriptorsReservedMax = 272
    /// Those of them that are not for upstream connections.
    static let descriptorsOfOwn = 12
    /// Origins that many requests go to at once: two for events, one for look-ups, and one to spare.
    static let busyOriginsMax = 4
    /// Connections over the ceiling that are answered 503 before they are closed; the rest are only closed.
    static let refusalsAtOnceMax = 8
    /// How long such a client has to close its side.
    static let refusalLingerMilliseconds: UInt64 = 1_000
    /// Before a connection is accepted again that could not be, for want of a descriptor or memory.
    static let acceptPauseMilliseconds: UInt64 = 20

    // MARK: Upstream

    /// An answer's body, decoded; ours are a few kilobytes, a listing of an image's tags some hundred.
    public static let answerBodyBytesMax = 8_388_608
    /// Interim (1xx) answers before the real one.
    public static let interimAnswersMax = 8
    /// Connections to one origin at once, or fewer where descriptors are few; further requests wait for one
    /// of them.
    public static let connectionsPerOriginMax = 64
    /// Those of them, idle or waiting for an answer, that keep the buffers of TLS, 33 KiB each.
    public static let connectionsWithBuffersMax = 2
    /// Reads of a TLS connection that bring nothing for the application (records of TLS itself, such as key
    /// updates, which OpenSSL answers without end) before the connection is given up. Each is at most 64 KiB.
    static let fruitlessReadsMax = 16
    /// Bytes that TLS may have to send while a peer sends and takes nothing: four times what is encrypted at
    /// once.
    static let unsentTLSBytesMax = 262_144
    /// Bytes that are left of TLS's own, or of an earlier write, which go out with the next write's and not
    /// before them.
    static let heldBytesMax = 1_024
    /// A request's body that is sent in one piece with its head; a larger one is not copied behind it.
    static let bodyBytesBehindHeadMax = 32_768
    /// Origins whose connections are kept, and names whose addresses are: they come from configuration and
    /// the cluster's endpoint, so neither is met but by many moves.
    static let poolsMax = 64
    static let resolvedNamesMax = 256
    /// Sets of trust anchors that are kept parsed, and sessions that each of them keeps.
    static let contextsMax = 8
    static let sessionsPerContextMax = 64
    /// Requests that wait for a connection to one origin.
    public static let waitingPerOriginMax = 4_096
    /// To resolve a name, connect, and finish the TLS handshake.
    public static let connectTimeoutMilliseconds: UInt64 = 5_000
    /// How long a resolved name is used without asking again.
    public static let resolvedNameMilliseconds: UInt64 = 30_000
    /// How long a new answer is waited for where an old one is there.
    public static let oldNameWaitMilliseconds: UInt64 = 300
    /// How long one kept upstream connection may idle: under the 90 s of a Kubernetes API server.
    public static let clusterIdleMilliseconds: UInt64 = 80_000
    /// The same towards Google, whose front ends close after 250 s and more.
    public static let googleIdleMilliseconds: UInt64 = 240_000
    /// Bytes the kernel may fail to deliver to an upstream for this long before it gives the connection up.
    public static let unacknowledgedTimeoutMilliseconds: CInt = 20_000
}
