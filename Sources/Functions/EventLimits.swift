/// The ceilings of an event's way, each with its unit and why. docs/LIMITS.md lists the same.
enum EventLimits {
    // MARK: BigQuery

    /// A request to `insertAll`: over it BigQuery refuses with "Request payload size exceeds the limit".
    static let insertBytesMax = 10_485_760

    // MARK: Kubernetes

    /// One argument of a Job, its ending zero not counted: Linux cannot execute more (MAX_ARG_STRLEN).
    static let argumentBytesMax = 131_071

    // MARK: Cluster

    /// How long GKE's answer about the cluster is used.
    static let clusterKeptMilliseconds: UInt64 = 600_000
    /// From when on the first event that finds it asks anew.
    static let clusterRefreshMilliseconds: UInt64 = 420_000
    /// How long a failed fetch is not repeated while the old answer serves.
    static let clusterPauseMilliseconds: UInt64 = 30_000
    /// One fetch from GKE, retries included, on behalf of all who wait for it.
    static let clusterFetchMilliseconds: UInt64 = 15_000

    // MARK: Push tokens

    /// The token of a push, 401: one of Google's has about 900 bytes.
    static let pushTokenBytesMax = 8_192
    /// How far the clocks of who issues push tokens and of this machine may differ.
    static let pushTokenLeewaySeconds: Int64 = 10
    /// One fetch of the issuer's keys, retries included.
    static let pushKeysMilliseconds: UInt64 = 10_000
    /// How soon the keys may be asked for again because a token names an unknown one.
    static let pushKeysPauseMilliseconds: UInt64 = 60_000
    /// How long the keys are used where the issuer does not say.
    static let pushKeysKeptSeconds: UInt64 = 300
    /// How long they are used at least, whatever the issuer says: who waits for them can use them.
    static let pushKeysKeptSecondsMin: UInt64 = 60
    /// How long they are used at most, whatever the issuer says.
    static let pushKeysKeptSecondsMax: UInt64 = 86_400

    // MARK: Pub/Sub

    /// What one published message may hold, data and attributes together
    /// (https://cloud.google.com/pubsub/quotas#resource_limits).
    static let messageBytesMax = 10_000_000
    /// Attributes of a message, ours of a dead letter not counted: 100 less three.
    static let deadLetterAttributesMax = 97
    /// An attribute's name and value.
    static let attributeNameBytesMax = 256
    /// See `attributeNameBytesMax`.
    static let attributeValueBytesMax = 1_024
    /// An exception event's own time: it is told after the answer's work is done, within the event's
    /// deadline.
    static let exceptionEventMilliseconds: UInt64 = 10_000
}
