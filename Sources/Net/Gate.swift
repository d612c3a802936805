/// A door that many tasks can wait at and that opens for all of them at once.
///
/// It is how a token is fetched once for everybody who needs it.
@EventLoopActor
public final class Gate {
    private var waiting: [Waiter] = []
    private(set) var isOpen = false

    /// A closed gate.
    public init() {}

    /// Waits until the gate opens. Returns false when `deadline` passes before.
    public func wait(until deadline: Deadline) async -> Bool {
        if isOpen { return true }
        let waiter = Waiter()
        waiting.append(waiter)
        let opened = await waiter.wait(for: 1, until: deadline)
        EventLoop.shared.timers.remove(waiter)
        if !opened { waiting.removeAll { $0 === waiter } }
        return opened
    }

    /// Lets everybody through, now and from now on.
    public func open() {
        isOpen = true
        let woken = waiting
        waiting = []
        for waiter in woken { waiter.signal(1) }
    }
}
