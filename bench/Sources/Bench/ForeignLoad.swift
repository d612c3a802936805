import Glibc
import LoadGenerator

/// What others did on the machine while something was measured: it makes every time longer, and nothing in
/// the figures says so.
///
/// All processors' time that was not idle, less what the target, the local cloud and the bench had of it. The
/// rest is other programs', and the hypervisor's; some per cent of a processor are nobody's: interrupts, and
/// the way from idleness to a process, which no process is charged with.
struct ForeignLoad: Equatable {
    /// What /proc/stat says of the time since the start.
    struct Processors: Equatable {
        var count: Int
        /// Summed over the processors. The kernel counts it by its clock, not by what it finds at its ticks.
        var idleNanoseconds: UInt64
    }

    /// Processors and processes at one moment.
    struct Reading {
        /// By the monotonic clock.
        var time: UInt64
        var processors: Processors
        /// What the target, the local cloud and the bench have had so far, in nanoseconds.
        var own: UInt64
    }

    /// Of a processor, over the whole time: 1 is one processor all the time.
    let share: Double
    /// The time between the readings.
    let seconds: Double

    /// More than this is worth a remark, beyond what the kernel's unit of 10 ms leaves open at both ends.
    /// What is nobody's is less: 1 to 2 % beside other work, by some thousand wakings a second from idleness
    /// perhaps 8 %.
    private static let shareMax = 0.12
    private static let openSeconds = 0.02

    var isWorthARemark: Bool { share * seconds > Self.shareMax * seconds + Self.openSeconds }

    /// Nil where a processor came or went, or no time has passed.
    init?(from before: Reading, to after: Reading) {
        guard after.time > before.time, after.processors.count == before.processors.count else { return nil }
        let elapsed = Double(after.time - before.time)
        let idle =
            Double(after.processors.idleNanoseconds) - Double(before.processors.idleNanoseconds)
        let own = Double(after.own) - Double(before.own)
        let busy = elapsed * Double(after.processors.count) - idle
        seconds = elapsed / 1e9
        share = max(0, busy - own) / elapsed
    }

    /// Reads the text of /proc/stat; nil when it has another form.
    static func processors(_ stat: String, ticksPerSecond: Int) -> Processors? {
        var count = 0
        var ticks: UInt64?
        for line in stat.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let name = words.first, name.hasPrefix("cpu") else { continue }
            if name != "cpu" {
                count += 1
            } else if words.count > 5, let idle = UInt64(words[4]), let waiting = UInt64(words[5]) {
                ticks = idle + waiting
            }
        }
        guard let ticks, count > 0 else { return nil }
        return Processors(count: count, idleNanoseconds: ticks * (1_000_000_000 / UInt64(ticksPerSecond)))
    }
}

extension ForeignLoad.Reading {
    /// Now, with processes that are there. What has ended in between counts with those that the bench has
    /// waited for.
    ///
    /// The bench's own time is read beside that of the processors: reading /proc takes some itself.
    init?(of trees: [ProcessTree], isFirst: Bool) {
        var ofTrees: UInt64 = 0
        if isFirst { ofTrees = Self.time(of: trees) }
        guard
            let processors = ProcessFiles.read("/proc/stat").flatMap({
                ForeignLoad.processors($0, ticksPerSecond: sysconf(CInt(_SC_CLK_TCK)))
            })
        else { return nil }
        time = Clock.now()
        self.processors = processors
        let ofItself = Clock.read(CLOCK_PROCESS_CPUTIME_ID) + Self.timeOfEnded
        if !isFirst { ofTrees = Self.time(of: trees) }
        own = ofItself + ofTrees
    }

    private static func time(of trees: [ProcessTree]) -> UInt64 { trees.reduce(0) { $0 + $1.times.total } }

    /// Of children that were waited for, with those that they have waited for.
    private static var timeOfEnded: UInt64 {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage) == 0 else { return 0 }
        return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
    }

    private static func nanoseconds(_ time: timeval) -> UInt64 {
        UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1_000
    }
}
