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

/// The waiters that have a deadline, earliest first: a binary heap in which each knows its own place.
///
/// A waiter stays in the heap between two waits: most deadlines move later, and then nothing is done until
/// the old one is due. That makes a wait free of heap work in the usual case.
final class TimerQueue {
    private var heap: [Waiter] = []

    /// When the loop must look again; the end of time when nothing is due ever.
    private(set) var nextNanoseconds = UInt64.max

    /// Makes sure that `waiter` is looked at no later than its deadline.
    func arm(_ waiter: Waiter) {
        let due = waiter.deadline.nanoseconds
        if due == .max { return }
        if waiter.heapIndex >= 0, due >= waiter.armedNanoseconds { return }
        waiter.armedNanoseconds = due
        change { heap in
            if waiter.heapIndex < 0 {
                waiter.heapIndex = heap.count
                heap.append(waiter)
            }
            Self.siftUp(waiter.heapIndex, in: &heap)
        }
    }

    /// Takes `waiter` out, for good.
    func remove(_ waiter: Waiter) {
        let index = waiter.heapIndex
        if index < 0 { return }
        waiter.heapIndex = -1
        waiter.armedNanoseconds = .max
        change { heap in
            let last = heap.removeLast()
            if index == heap.count { return }
            Self.place(last, at: index, in: &heap)
            Self.siftDown(index, in: &heap)
            Self.siftUp(last.heapIndex, in: &heap)
        }
    }

    /// Wakes every waiter whose deadline is at or before `nowNanoseconds`.
    func expire(nowNanoseconds: UInt64) {
        while nextNanoseconds <= nowNanoseconds {
            let first = heap[0]
            remove(first)
            if first.expire(nowNanoseconds: nowNanoseconds) { arm(first) }
        }
    }

    /// Changes the heap. It is taken out meanwhile: then the compiler knows that nobody looks at it.
    private func change(_ body: (inout [Waiter]) -> Void) {
        var heap = heap
        self.heap = []
        body(&heap)
        nextNanoseconds = heap.first?.armedNanoseconds ?? .max
        self.heap = heap
    }

    private static func place(_ waiter: Waiter, at index: Int, in heap: inout [Waiter]) {
        heap[index] = waiter
        waiter.heapIndex = index
    }

    private static func siftUp(_ start: Int, in heap: inout [Waiter]) {
        var index = start
        let waiter = heap[index]
        while index > 0 {
            let parent = (index - 1) / 2
            if heap[parent].armedNanoseconds <= waiter.armedNanoseconds { break }
            place(heap[parent], at: index, in: &heap)
            index = parent
        }
        place(waiter, at: index, in: &heap)
    }

    private static func siftDown(_ start: Int, in heap: inout [Waiter]) {
        var index = start
        let waiter = heap[index]
        while true {
            var child = 2 * index + 1
            if child >= heap.count { break }
            if child + 1 < heap.count, heap[child + 1].armedNanoseconds < heap[child].armedNanoseconds {
                child += 1
            }
            if waiter.armedNanoseconds <= heap[child].armedNanoseconds { break }
            place(heap[child], at: index, in: &heap)
            index = child
        }
        place(waiter, at: index, in: &heap)
    }
}

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
