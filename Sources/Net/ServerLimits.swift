/// The ceilings of one server: those of `Limits`, unless a test wants smaller ones.
struct ServerLimits {
    var connectionsMax = Limits.connectionsMax
    var requestsInFlightMax = Limits.requestsInFlightMax
    var tasksReadingMax = Limits.tasksReadingMax
    var parkAfterMilliseconds = Limits.parkAfterMilliseconds
    var headTimeoutMilliseconds = Limits.headTimeoutMilliseconds
    var bodyTimeoutMilliseconds = Limits.bodyTimeoutMilliseconds
    var bodyGraceMilliseconds = Limits.bodyGraceMilliseconds
    var answerTimeoutMilliseconds = Limits.answerTimeoutMilliseconds
    var idleTimeoutMilliseconds = Limits.idleTimeoutMilliseconds
    var lingerTimeoutMilliseconds = Limits.lingerTimeoutMilliseconds
    var handshakeTimeoutMilliseconds = Limits.handshakeTimeoutMilliseconds
    var drainTimeoutMilliseconds = Limits.drainTimeoutMilliseconds
    var drainGraceMilliseconds = Limits.drainGraceMilliseconds
}
