internal import Net

/// Work that is done once for all who want its outcome: who asks while it is under way waits for the same
/// end.
///
/// The outcome is put down by the work itself, where they who waited look for it.
@EventLoopActor
final class SingleFlight {
    private var gate: Gate?

    /// Whether the work is under way.
    var isUnderWay: Bool { gate != nil }

    /// What opens at the end of the work, which begins now unless it is under way.
    @discardableResult
    func begin(_ work: @escaping @EventLoopActor @Sendable () async -> Void) -> Gate {
        if let gate { return gate }
        let gate = Gate()
        self.gate = gate
        EventLoop.shared.start { [self] in
            await work()
            self.gate = nil
            gate.open()
        }
        return gate
    }
}
