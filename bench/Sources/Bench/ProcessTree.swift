import Glibc

/// A process and all that descend from it, seen through /proc.
struct ProcessTree {
    /// Processor time in nanoseconds.
    struct Times {
        var user: UInt64
        var system: UInt64
        var total: UInt64

        /// What was added since `earlier`; nil where it is less, because a process took its time with it.
        func since(_ earlier: Times) -> Times? {
            guard user >= earlier.user, system >= earlier.system, total >= earlier.total else { return nil }
            return Times(
                user: user - earlier.user, system: system - earlier.system, total: total - earlier.total)
        }
    }

    let root: Int32

    /// The process and its descendants. A server may do its work in children.
    var members: [Int32] {
        var parents: [Int32: Int32] = [:]
        for process in ProcessFiles.numbers(in: "/proc") {
            if let text = ProcessFiles.read("/proc/\(process)/stat"), let status = ProcessFiles.status(text) {
                parents[process] = status.parent
            }
        }
        var found: Set<Int32> = [root]
        var grows = true
        while grows {
            let more = parents.filter { found.contains($0.value) && !found.contains($0.key) }.map(\.key)
            found.formUnion(more)
            grows = !more.isEmpty
        }
        return found.filter { parents[$0] != nil }.sorted()
    }

    /// The time that the tree has had on processors. The scheduler counts it in nanoseconds for each thread;
    /// the ticks of 10 ms tell user from system, and hold what threads that have ended had.
    var times: Times {
        let tick = 1_000_000_000 / UInt64(sysconf(CInt(_SC_CLK_TCK)))
        var times = Times(user: 0, system: 0, total: 0)
        for process in members {
            guard let text = ProcessFiles.read("/proc/\(process)/stat"),
                let status = ProcessFiles.status(text)
            else { continue }
            let user = UInt64(status.userTicks) * tick
            let system = UInt64(status.systemTicks) * tick
            let scheduled = ProcessFiles.numbers(in: "/proc/\(process)/task").reduce(UInt64(0)) {
                sum, thread in
                let text = ProcessFiles.read("/proc/\(process)/task/\(thread)/schedstat")
                return sum + (text.flatMap(ProcessFiles.runTime) ?? 0)
            }
            times.user += user
            times.system += system
            // Ticks run up to one behind, so the larger number is the better one.
            times.total += max(scheduled, user + system)
        }
        return times
    }

    /// Nil when nothing of the tree is left.
    var memory: ProcessFiles.Memory? {
        let all = members.compactMap { process -> ProcessFiles.Memory? in
            guard let rollup = ProcessFiles.read("/proc/\(process)/smaps_rollup"),
                let status = ProcessFiles.read("/proc/\(process)/status")
            else { return nil }
            return ProcessFiles.memory(rollup: rollup, status: status)
        }
        return all.isEmpty ? nil : all.reduce(ProcessFiles.Memory(), +)
    }

    var descriptors: Int {
        members.reduce(0) { $0 + ProcessFiles.numbers(in: "/proc/\($1)/fd").count }
    }

    /// Lets the peak begin anew at what is resident now.
    func resetPeak() {
        for process in members {
            let descriptor = open("/proc/\(process)/clear_refs", O_WRONLY | O_CLOEXEC)
            if descriptor < 0 { continue }
            _ = write(descriptor, "5", 1)
            close(descriptor)
        }
    }
}
