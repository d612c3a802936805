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
