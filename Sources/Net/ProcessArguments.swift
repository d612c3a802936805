import CNet

/// The arguments of the process.
public enum ProcessArguments {
    /// All of them, the program's own name first. Read from the kernel's hand, so that no /proc is needed.
    public static var all: [String] {
        let pointers = unsafe cnet_arguments()
        var arguments: [String] = []
        while let argument = unsafe pointers[arguments.count] {
            unsafe arguments.append(String(cString: argument))
        }
        return arguments
    }
}
