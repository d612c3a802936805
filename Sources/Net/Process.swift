import CNet

/// The process itself: its arguments, and what it may leave behind.
public enum Process {
    /// No core dump is made of it, and no other process of its user may look into it: its memory holds
    /// tokens.
    public static func forbidCoreDumps() {
        // It fails only where the limit is lower already.
        _ = cnet_forbid_core_dumps()
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
