import CNet
import Glibc
import Synchronization

/// The isolation domain of everything that waits: whoever is isolated to it runs on the event loop's thread.
@globalActor
public final actor EventLoopActor {
    /// The one instance.
    public static let shared = EventLoopActor()

    /// The event loop.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe EventLoop.shared.asUnownedSerialExecutor()
    }
}

/// Waits for sockets, timers and signals, and runs every Swift task of the program, on one thread.
///
/// A serial executor alone would leave the resumption of continuations to Swift's global pool and its
/// threads. In a program of ours the loop takes that pool's place (`ownProcess`); beside other tasks, as in
/// unit tests, it is a task executor too, which its own tasks prefer. Its state is touched by the thread that
/// calls `run()` only, all but the inbox, which is locked, `owner`, which is atomic, and `ownsProcess`, which
/// is set before there is another thread; that is what makes the unchecked conformance true.
@safe
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// The program's loop.
    public static let shared = EventLoop()

    /// What "now" is.
    public enum Clock: Sendable {
        /// The kernel's monotonic clock.
        case monotonic
        /// A clock that stands still while tasks run and jumps to the next deadline when all of them wait:
        /// for simulations, which then take no time and replay exactly. No descriptor may be waited for.
        case virtual
    }

    /// Something to do at the end of a turn. (A closure alone would be boxed again by the array.)
    private struct Errand {
        let body: () -> Void
    }

    private let epoll: FileDescriptor
    private let wakeUp: FileDescriptor
    private let alarm: FileDescriptor
    /// When the alarm goes off; the end of time when it does not.
    private var alarmNanoseconds = UInt64.max
    private let events: UnsafeMutableBufferPointer<cnet_event>
    private let inbox = Mutex<[UnownedJob]>([])

    private var ready: [UnownedJob] = []
    private var atEndOfTurn: [Errand] = []
    private let registrations = Registrations()
    let timers = TimerQueue()
    private var clock = Clock.monotonic
    var isVirtual: Bool { clock == .virtual }
    private var stopped = false
    private var ownsProcess = false
    /// Whether memory that is freed stays with the process; see `giveBackMemoryAtRest`.
    var keepsMemory = false
    /// When the kernel last had an event for the loop, other than a deadline.
    var lastEventNanoseconds: UInt64 = 0
    /// The thread that runs the loop, 0 while none does. Others ask whether it is theirs.
    private let owner = Atomic<UInt>(0)

    private var turnNanoseconds: UInt64 = 0

    /// Nanoseconds of the clock, read once for each turn of the loop.
    public var nowNanoseconds: UInt64 { turnNanoseconds }

    private init() {
        let descriptor = cnet_epoll_create()
        precondition(descriptor >= 0, "the kernel gives no epoll instance")
        epoll = FileDescriptor(owning: descriptor)
        let event = cnet_eventfd_create()
        precondition(event >= 0, "the kernel gives no eventfd")
        wakeUp = FileDescriptor(owning: event)
        let timer = cnet_alarm_create()
        precondition(timer >= 0, "the kernel gives no timer")
        alarm = FileDescriptor(owning: timer)
        unsafe events = .allocate(capacity: Limits.eventsPerTurnMax)
        let added = cnet_epoll_add(epoll.raw, wakeUp.raw, Registrations.wakeUp)
        precondition(added == 0, "the loop cannot watch its own eventfd")
        let addedAlarm = cnet_epoll_add(epoll.raw, alarm.raw, Registrations.alarm)
        precondition(addedAlarm == 0, "the loop cannot watch its own timer")
        readClock()
    }

    // MARK: Running tasks

    /// Makes the loop the executor of all tasks of the process, in place of Swift's global pool: a task needs
    /// no preference then, which costs a few hundred instructions whenever it suspends.
    ///
    /// For a program that has no other tasks. To be called once, before the first of them starts.
    public func ownProcess() {
        ownsProcess = true
        unsafe cnet_take_jobs { job in
            EventLoop.shared.take(unsafe unsafeBitCast(job, to: UnownedJob.self))
        }
    }

    /// Runs a program: `main` as a task of the loop, which owns the process (`ownProcess`), until it returns.
    /// Returns what it returned; tasks that are left then are never resumed.
    public func runProcess<Outcome: Sendable>(
        _ main: @escaping @Sendable @EventLoopActor () async -> Outcome
    ) -> Outcome {
        let box = Box<Outcome>()
        ownProcess()
        start {
            box.content = await main()
            EventLoop.shared.stop()
        }
        run()
        guard let outcome = box.content else { preconditionFailure("the loop ended before the program") }
        return outcome
    }

    /// Carries something out of the loop, whose thread is the one that reads it afterwards.
    private final class Box<Content>: @unchecked Sendable {
        var content: Content?
    }

    /// Takes a job: at once from the loop's own thread, through the locked inbox from any other.
    public func enqueue(_ job: consuming ExecutorJob) {
        take(UnownedJob(job))
    }

    private func take(_ job: UnownedJob) {
        if isOwnThread {
            // Taken out while it grows: then the compiler knows that nobody looks at it meanwhile.
            var jobs = ready
            ready = []
            jobs.append(job)
            ready = jobs
            return
        }
        inbox.withLock { $0.append(job) }
        cnet_eventfd_signal(wakeUp.raw)
    }

    /// Starts a task on the loop that no other task waits for.
    ///
    /// Everything that runs on the loop begins here: elsewhere a bare `Task {}` might begin on Swift's pool.
    public func start(_ body: @escaping @Sendable @EventLoopActor () async -> Void) {
        if ownsProcess {
            Task(operation: body)
        } else {
            Task(executorPreference: self) { await body() }
        }
    }

    /// Runs until `stop()`; the calling thread is the loop's from now on.
    public func run(clock: Clock = .monotonic) {
        precondition(owner.load(ordering: .relaxed) == 0, "a loop that two threads run is no loop")
        owner.store(pthread_self(), ordering: .relaxed)
        defer { owner.store(0, ordering: .relaxed) }
        stopped = false
        self.clock = clock
        if clock == .virtual { turnNanoseconds = 1_000_000_000 }
        var running: [UnownedJob] = []
        var ending: [Errand] = []
        let serial = unsafe asUnownedSerialExecutor()
        let task = unsafe asUnownedTaskExecutor()
        takeInbox()
        while !stopped {
            while !ready.isEmpty, !stopped {
                let empty = running
                running = ready
                ready = empty
                for job in running {
                    if ownsProcess {
                        unsafe job.runSynchronously(on: serial)
                    } else {
                        unsafe job.runSynchronously(isolatedTo: serial, taskExecutor: task)
                    }
                }
                running.removeAll(keepingCapacity: true)
            }
            if stopped { break }
            if endTurn(&ending) { continue }  // It may have made something ready.
            switch clock {
            case .monotonic: waitForEvents()
            case .virtual: jumpToNextDeadline()
            }
            timers.expire(nowNanoseconds: nowNanoseconds)
        }
        endTurn()
    }

    /// Does at once what was left to the end of the turn, and what follows from that.
    public func endTurn() {
        var errands: [Errand] = []
        while endTurn(&errands) {}
    }

    /// Does what was left to the end of the turn. Returns whether there was anything.
    private func endTurn(_ errands: inout [Errand]) -> Bool {
        if atEndOfTurn.isEmpty { return false }
        swap(&errands, &atEndOfTurn)
        for errand in errands { errand.body() }
        errands.removeAll(keepingCapacity: true)
        return true
    }

    /// Calls `body` once, when nothing is ready any more, and before the loop waits or `run()` returns: what
    /// nobody waits for.
    @EventLoopActor
    public func atEndOfTurn(_ body: @escaping () -> Void) {
        var errands = atEndOfTurn
        atEndOfTurn = []
        errands.append(Errand(body: body))
        atEndOfTurn = errands
    }

    /// Whatever runs on the loop's thread is isolated to the loop, also between two jobs: a closure that
    /// waited for a descriptor, or what is done at the end of a turn (SE-0424).
    public func checkIsolated() {
        precondition(isOwnThread, "the loop's state is touched from another thread")
    }

    /// Makes `run()` return after the current job.
    public func stop() {
        stopped = true
    }

    private var isOwnThread: Bool {
        owner.load(ordering: .relaxed) == pthread_self()
    }

    private func takeInbox() {
        let jobs = inbox.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        if jobs.isEmpty { return }
        var all = ready
        ready = []
        all += jobs
        ready = all
    }

    // MARK: Time

    /// Waits until `deadline`.
    @EventLoopActor
    public func sleep(until deadline: Deadline) async {
        let waiter = Waiter()
        _ = await waiter.wait(for: 1, until: deadline)
        timers.remove(waiter)
    }

    /// Lets everything go on that is ready or can be by now, and the clock too, before the caller does: for
    /// work that may always find more to do without a wait.
    @EventLoopActor
    func letOthersRun() async {
        await sleep(until: Deadline(nanoseconds: nowNanoseconds + 1))
    }

    /// The clock read now, for what is to be measured within one turn; the virtual one stands still there.
    public var readingNanoseconds: UInt64 {
        switch clock {
        case .monotonic: Self.monotonicNanoseconds
        case .virtual: nowNanoseconds
        }
    }

    static var monotonicNanoseconds: UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    private func readClock() {
        turnNanoseconds = Self.monotonicNanoseconds
    }

    private func jumpToNextDeadline() {
        takeInbox()
        if !ready.isEmpty { return }
        precondition(
            timers.nextNanoseconds != .max,
            "every task of the simulation waits and no deadline would wake one")
        turnNanoseconds = max(nowNanoseconds, timers.nextNanoseconds)
    }

    // MARK: Descriptors

    /// Watches `descriptor` for its whole life, edge-triggered; the waiter is what tasks wait at.
    func register(_ descriptor: borrowing FileDescriptor, pending: UInt32) throws(Errno) -> Registration {
        let waiter = Waiter(pending: pending)
        let registration = registrations.add(waiter)
        let raw = descriptor.raw
        do throws(Errno) {
            _ = try systemCall { cnet_epoll_add(epoll.raw, raw, registration.data) }
        } catch {
            registrations.remove(registration)
            throw error
        }
        return registration
    }

    /// Forgets a registration. Its descriptor is closed by its owner right after.
    func unregister(_ registration: Registration) {
        timers.remove(registration.waiter)
        registrations.remove(registration)
    }

    /// Sees to it that the loop wakes for the next deadline.
    ///
    /// Most deadlines move later, and then nothing is done until the alarm goes off, in vain. A time-out for
    /// each epoll_wait(2) would start a timer of the kernel for each, and stop it again.
    private func setAlarm() {
        let next = timers.nextNanoseconds
        if next >= alarmNanoseconds { return }
        let set = cnet_alarm_set(alarm.raw, next)
        precondition(set == 0, "the alarm was set wrongly")
        alarmNanoseconds = next
    }

    private func waitForEvents() {
        setAlarm()
        guard let first = unsafe events.baseAddress else {
            preconditionFailure("the loop has no room for events")
        }
        // A signal says nothing of what the kernel has: no deadline passes before that has been looked at.
        var count: CInt
        repeat {
            count = unsafe cnet_epoll_wait(epoll.raw, first, CInt(events.count))
            precondition(count >= 0 || errno == EINTR, "epoll_wait was called wrongly")
        } while count < 0
        readClock()
        for index in 0..<Int(count) {
            let event = unsafe events[index]
            if event.data == Registrations.alarm {
                alarmNanoseconds = .max
                continue
            }
            lastEventNanoseconds = nowNanoseconds
            if event.data == Registrations.wakeUp {
                cnet_eventfd_drain(wakeUp.raw)
                takeInbox()
            } else {
                registrations.waiter(for: event.data)?.signal(event.events)
            }
        }
    }
}

/// What epoll hands back with an event: an index and a generation, never a pointer.
///
/// A descriptor closed earlier in the same batch of events leaves a generation that no longer matches.
struct Registration {
    let data: UInt64
    let waiter: Waiter
}

/// The waiters of all registered descriptors, by index and generation.
private final class Registrations {
    /// The data of the loop's own descriptors, which no registration can have.
    static let wakeUp = UInt64.max
    static let alarm = UInt64.max - 1

    private struct Slot {
        var generation: UInt32 = 0
        var waiter: Waiter?
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    func add(_ waiter: Waiter) -> Registration {
        var slots = takeSlots()
        let index = free.popLast() ?? UInt32(slots.count)
        if Int(index) == slots.count { slots.append(Slot()) }
        slots[Int(index)].waiter = waiter
        self.slots = slots
        return Registration(data: UInt64(slots[Int(index)].generation) << 32 | UInt64(index), waiter: waiter)
    }

    func remove(_ registration: Registration) {
        let index = UInt32(truncatingIfNeeded: registration.data)
        var slots = takeSlots()
        precondition(slots[Int(index)].waiter === registration.waiter, "a registration is removed twice")
        slots[Int(index)].waiter = nil
        slots[Int(index)].generation = (slots[Int(index)].generation &+ 1) & 0x7fff_ffff
        self.slots = slots
        free.append(index)
    }

    /// The slots, taken out while they change: then the compiler knows that nobody looks at them meanwhile,
    /// and looking at them needs no check.
    private func takeSlots() -> [Slot] {
        defer { slots = [] }
        return slots
    }

    func waiter(for data: UInt64) -> Waiter? {
        let index = Int(UInt32(truncatingIfNeeded: data))
        let generation = UInt32(truncatingIfNeeded: data >> 32)
        guard index < slots.count, slots[index].generation == generation else { return nil }
        return slots[index].waiter
    }
}
