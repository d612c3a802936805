/// How many bytes of requests that are not answered yet all connections hold together, and how many they may:
/// their bodies and heads, and what of further ones lies in a connection's buffer.
final class RequestBudget {
    let bytesMax: Int
    private(set) var bytesUsed = 0

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// Takes `count` bytes of the budget; false when they are not left.
    func take(_ count: Int) -> Bool {
        guard bytesUsed + count <= bytesMax else { return false }
        bytesUsed += count
        return true
    }

    /// Gives `count` bytes back.
    func giveBack(_ count: Int) {
        precondition(count <= bytesUsed, "more bytes are given back than were taken")
        bytesUsed -= count
    }
}
