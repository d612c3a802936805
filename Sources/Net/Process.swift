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

    /// Makes it ready to serve: from here on SIGTERM and SIGINT wait for `SignalSource`, and memory that is
    /// freed goes back to the kernel. To be called first of all.
    public static func prepare() {
        let signals: [CInt] = [SIGTERM, SIGINT]
        // It fails only for numbers that are no signals.
        _ = unsafe cnet_hold_signals(signals, CInt(signals.count))
        cnet_return_memory()
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
