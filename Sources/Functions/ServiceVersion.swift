/// The program's version. A test compares it with the file VERSION.
public enum Version {
    /// Major, minor, patch.
    public static let current = "0.1.0"
}
