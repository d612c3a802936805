/// The ceilings of logs, credentials and look-ups, each with its unit and why. docs/LIMITS.md lists the same.
public enum ServiceLimits {
    // MARK: Logs

    /// One line, its newline included: the platform cuts longer ones in pieces that are no JSON.
    public static let logLineBytesMax = 16_384
    /// One value of a line, before escaping, which can make it six times as long.
    public static let logValueBytesMax = 2_048
    /// An error's message that is repeated in a line.
    static let explanationBytesMax = 500
    /// An error's body that is read for its message.
    static let explainedBodyBytesMax = 65_536
    /// An execution's id that a client gives.
    static let executionIDBytesMax = 64
    /// Lines that standard error does not take at once; further ones are dropped and counted.
    public static let logBufferBytesMax = 262_144
    /// How long the end of the program waits for standard error to take what is held.
    public static let logDrainMilliseconds = 300

    // MARK: Credentials

    /// A credentials file, a subject token's file or answer, a token endpoint's answer.
    public static let credentialsBytesMax = 1_048_576
    /// How deep a credentials file may nest one source in another.
    public static let credentialsNestingMax = 4
    /// An access token; the longest seen have 2 KiB.
    public static let tokenBytesMax = 16_384
    /// One fetch of a token, retries and impersonation included, on behalf of all who wait for it.
    public static let tokenFetchMilliseconds: UInt64 = 15_000
    /// How long before its expiry a token is refreshed: what Google's own libraries take.
    public static let tokenRefreshAheadMilliseconds: UInt64 = 225_000
    /// How long a failed refresh of a token that still serves is not tried again.
    public static let tokenRefreshPauseMilliseconds: UInt64 = 10_000
    /// How long before its expiry a token is not handed out any more: it has to travel.
    static let tokenMarginMilliseconds: UInt64 = 10_000
    /// One request to the metadata server, where GCE_METADATA_TIMEOUT says nothing.
    static let metadataMilliseconds: UInt64 = 3_000
    /// The longest lifetime of a token that is believed.
    public static let tokenLifetimeMillisecondsMax: UInt64 = 86_400_000

    // MARK: Service registry

    /// A look-up, all of its calls and retries together.
    public static let lookupMilliseconds: UInt64 = 10_000
    /// How long a repository that was seen is taken for being there.
    public static let repositorySeenMilliseconds: UInt64 = 300_000

    // MARK: Service

    /// What an event's deadline is shorter than the platform's limit, so that our answer comes before its.
    public static let answerMarginMilliseconds: UInt64 = 5_000
    /// The work after `listen()` that makes the first event faster.
    public static let warmUpMilliseconds: UInt64 = 20_000
    /// How long the program listens before it begins to make ready: making a TLS context keeps the loop for
    /// some milliseconds, and a probe of the platform's that waits already is answered first.
    public static let warmUpDelayMilliseconds: UInt64 = 1
    /// How long it lets the first requests pass before what not all of them need.
    public static let warmUpPauseMilliseconds: UInt64 = 1_000
    /// How long after warming up the buffers are given back that only the start's handshakes needed.
    public static let handshakesSettledMilliseconds: UInt64 = 100
    /// One request of `check`, its retries included.
    public static let checkRequestMilliseconds: UInt64 = 10_000
}
