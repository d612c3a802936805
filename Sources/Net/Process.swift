import CNet
import Glibc

/// The process itself: its arguments, and what it may leave behind.
public enum Process {
    /// No core dump is made of it, and no other process of its user may look into it: its memory holds
    /// tokens.
    public static func forbidCoreDumps() {
        // It fails only where the limit is lower already.
        _ = cnet_forbid_core_dumps()
    }

    /// What is written of a crash of its own, with the time and the signal between the parts: see
    /// `cnet_report_crash`. False where that cannot be arranged.
    public static func reportCrash(_ parts: (before: String, between: String, after: String)) -> Bool {
        unsafe cnet_report_crash(parts.before, parts.between, parts.after) == 0
    }

    /// Makes it ready to serve: from here on SIGTERM and SIGINT wait for `SignalSource`, a write that cannot
    /// be made is an error and no signal, memory that is freed goes back to the kernel, and as many
    /// descriptors may be open as the kernel allows. To be called first of all.
    public static func prepare() {
        // It fails only for numbers that are no signals.
        _ = unsafe cnet_hold_signals(endingSignals, CInt(endingSignals.count))
        cnet_survive_writes()
        cnet_return_memory()
        // The lower limit is for programs that use select(2).
        var limit = rlimit()
        guard unsafe getrlimit(descriptors, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(descriptors, &limit)
    }

    /// SIGTERM and SIGINT end it at once again, as they do where nothing must be finished first.
    public static func letSignalsEndIt() {
        _ = unsafe cnet_let_signals_go(endingSignals, CInt(endingSignals.count))
    }

    /// Those that ask it to end.
    static var endingSignals: [CInt] { [SIGTERM, SIGINT] }

    private static var descriptors: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }

    /// How many descriptors may be open at once (RLIMIT_NOFILE).
    static var descriptorsMax: Int {
        var limit = rlimit()
        guard unsafe getrlimit(descriptors, &limit) == 0 else { return 1_024 }
        return Int(min(limit.rlim_cur, 1_000_000))
    }

    /// How many of them are kept back from clients.
    static var descriptorsReserved: Int {
        min(max(descriptorsMax / 4, Limits.descriptorsReservedMin), Limits.descriptorsReservedMax)
    }

    /// All of its arguments, the program's own name first. Read from the kernel's hand, so that no /proc is
    /// needed.
    public static var arguments: [String] {
        let pointers = unsafe cnet_arguments()
        var found: [String] = []
        while let argument = unsafe pointers[found.count] {
            unsafe found.append(String(cString: argument))
        }
        return found
    }
}
