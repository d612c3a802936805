/// A place where one task waits: for events, or until a deadline. A closure can wait in a task's place.
///
/// One stands behind each descriptor that epoll watches, and behind each wait for another task. It is touched
/// on the loop's thread only, which is what makes the unchecked conformance true.
@safe
final class Waiter: @unchecked Sendable {
    /// Events that have come and have not been waited for yet.
    private(set) var pending: UInt32
    private var wanted: UInt32 = 0
    private var continuation: UnsafeContinuation<Bool, Never>?
    private var wake: ((Bool) -> Void)?
    private(set) var deadline = Deadline.never
    /// Called when events come while nobody waits: how a pool learns that an idle connection was closed.
    var whenIdle: (() -> Void)?

    /// The timer queue's own: when this waiter is due there, and where it stands.
    var armedNanoseconds: UInt64 = .max
    var heapIndex = -1

    init(pending: UInt32 = 0) {
        self.pending = pending
    }

    /// Whether a task, or a closure in its place, waits here now.
    var isWaiting: Bool { wanted != 0 }

    /// Notes `events`, and wakes the task that waits for one of them.
    func signal(_ events: UInt32) {
        pending |= events
        if pending & wanted != 0 {
            resume(returning: true)
        } else if !isWaiting {
            whenIdle?()
        }
    }

    /// Takes `events` for pending, where nobody waits: whoever looks next asks the descriptor.
    func note(_ events: UInt32) {
        pending |= events
    }

    /// Forgets `events`, because the descriptor has just said that it has no more of them.
    func clear(_ events: UInt32) {
        pending &= ~events
    }

    /// Wakes the waiting task with `false` if its deadline has passed. Returns whether it is still waiting.
    func expire(nowNanoseconds: UInt64) -> Bool {
        guard isWaiting else { return false }
        if deadline.nanoseconds > nowNanoseconds { return true }
        resume(returning: false)
        return false
    }

    /// Waits until one of `events` is pending. Returns false when `deadline` passes before.
    @EventLoopActor
    func wait(for events: UInt32, until deadline: Deadline) async -> Bool {
        if pending & events != 0 { return true }
        if deadline.hasPassed { return false }
        return await unsafe withUnsafeContinuation { unsafe park($0, for: events, until: deadline) }
    }

    /// Parks a task until one of `events` comes, none of which is pending: it resumes with true, or with
    /// false once `deadline` has passed.
    func park(
        _ continuation: UnsafeContinuation<Bool, Never>, for events: UInt32, until deadline: Deadline
    ) {
        begin(events, until: deadline)
        unsafe self.continuation = continuation
    }

    /// Keeps a closure as a task is kept, and calls it as a task would go on: with a fiftieth of the memory.
    func park(_ wake: @escaping (Bool) -> Void, for events: UInt32, until deadline: Deadline) {
        begin(events, until: deadline)
        self.wake = wake
    }

    private func begin(_ events: UInt32, until deadline: Deadline) {
        precondition(events != 0, "a task waits for nothing")
        precondition(!isWaiting, "two tasks wait in one place")
        wanted = events
        self.deadline = deadline
        // Most deadlines move later: the queue then has this waiter already, and looks at it early enough.
        if deadline.nanoseconds < armedNanoseconds { EventLoop.shared.timers.arm(self) }
    }

    /// Forgets the closure that waits here, if one does.
    func unpark() {
        guard wake != nil else { return }
        wake = nil
        wanted = 0
    }

    private func resume(returning value: Bool) {
        wanted = 0
        if let waiting = unsafe continuation {
            unsafe continuation = nil
            unsafe waiting.resume(returning: value)
        } else if let wake {
            self.wake = nil
            wake(value)
        }
    }
}
