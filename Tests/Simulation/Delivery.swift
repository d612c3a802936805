import Net

/// One delivery of a message to one instance, and every request that was sent for it.
@EventLoopActor
final class Delivery {
    /// The delivery that the running task works for.
    @TaskLocal static var current: Delivery?

    /// The attempts of one call.
    struct Attempts {
        var sent = 0
        /// Those that the promise of three counts.
        var counted = 0
        var has401 = false
        var hasNoConnection = false
        /// Whether the next attempt is not counted.
        var isNextFree = false
        /// Before this a Retry-After forbids the next.
        var notBeforeNanoseconds: UInt64 = 0
    }

    let message: Message
    let instance: Instance
    let number: Int
    let startNanoseconds = EventLoop.shared.nowNanoseconds
    let deadline: Deadline
    let troublesAtStart: Int
    let sharedTroublesAtStart: Int
    var isFinished = false
    var calls = [Attempts](repeating: Attempts(), count: Call.allCases.count)
    /// Whether BigQuery has told this delivery that the row is there.
    var isToldStored = false
    /// Whose the Job is that was read for this delivery, and whose it is shown to be if another's.
    var readOwner: String?
    var shownOwner: String?

    init(
        message: Message, instance: Instance, number: Int, deadline: Deadline, troubles: Int,
        sharedTroubles: Int
    ) {
        self.message = message
        self.instance = instance
        self.number = number
        self.deadline = deadline
        troublesAtStart = troubles
        sharedTroublesAtStart = sharedTroubles
    }

    var elapsedNanoseconds: UInt64 { EventLoop.shared.nowNanoseconds - startNanoseconds }

    var name: String {
        "message \(message.index) (\(message.kind)), delivery \(number), instance \(instance.id)"
    }
}
