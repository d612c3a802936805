import Net

/// What goes wrong on the wire with one answer. All of it may be combined.
struct WireFault: Equatable, Sendable {
    enum Framing: String, Sendable { case length, chunked, close }
    enum End: String, Sendable { case close, reset, hang }

    /// A pause after every so many bytes.
    struct Drip: Equatable, Sendable {
        let bytes: Int
        let everyMilliseconds: UInt64
    }

    var framing: Framing?
    var chunkBytes: Int?
    var isCompressed = false
    var contentLengthBy = 0
    var hasDuplicateContentLength = false
    var hasLengthAndChunked = false
    var statusLine: String?
    var interimCount = 0
    var garbage: [UInt8]?
    var extra: [UInt8] = []
    var drip: Drip?
    var end: End?
    /// Of the whole answer; -1 is all of it.
    var endAfterBytes = 0
    var endAfterBodyBytes: Int?

    /// Whether the answer goes out as the server made it.
    var isNone: Bool { self == WireFault() }
}

/// One scripted fault: which requests it is for, and what happens to them.
struct Fault: Sendable {
    /// Whether, and when, the service does what it was asked.
    enum Effect: Sendable { case none, early, late }

    var id = 0
    var service: ServiceName?
    var method: String?
    var target: [UInt8]?
    var skip = 0
    /// Of the matching requests after those skipped, each so many'th; 1 is every one.
    var every = 1
    var passed = 0
    /// How many requests it is still for; nil is for ever.
    var remaining: Int? = 1
    var effect = Effect.early
    var delayMilliseconds: UInt64 = 0
    var status: Int?
    var headers: [(name: String, value: String)] = []
    var body: [UInt8]?
    var wire = WireFault()
    var matched = 0
    var applied = 0

    func matches(_ request: HTTPRequest, of service: ServiceName) -> Bool {
        if let own = self.service, own != service { return false }
        if let method, method != request.method.name { return false }
        guard let target else { return true }
        return request.target.containsBytes(target)
    }
}

/// The faults that are set, in order.
@EventLoopActor
final class FaultTable {
    private(set) var faults: [Fault] = []
    private var nextIdentifier = 1
    /// What requests are given while they are answered, by their number.
    var pending: [Int: Fault] = [:]
    /// Opened when whatever hangs is let go; then another one takes its place.
    private(set) var release = Gate()

    func add(_ fault: Fault) -> Int {
        var fault = fault
        fault.id = nextIdentifier
        nextIdentifier += 1
        faults.append(fault)
        return fault.id
    }

    /// The first fault that a request matches and that is not used up.
    func take(for request: HTTPRequest, of service: ServiceName) -> Fault? {
        if faults.isEmpty || service == .control { return nil }
        for index in faults.indices
        where faults[index].remaining != 0 && faults[index].matches(request, of: service) {
            faults[index].matched += 1
            if faults[index].skip > 0 {
                faults[index].skip -= 1
                continue
            }
            faults[index].passed += 1
            if faults[index].passed % faults[index].every != 0 { continue }
            if let remaining = faults[index].remaining { faults[index].remaining = remaining - 1 }
            faults[index].applied += 1
            return faults[index]
        }
        return nil
    }

    /// Forgets faults, all of them without `identifiers`, and lets go what hangs.
    func clear(_ identifiers: [Int]?) {
        if let identifiers {
            faults.removeAll { identifiers.contains($0.id) }
        } else {
            faults = []
            pending = [:]
        }
        let released = release
        release = Gate()
        released.open()
    }
}

extension Collection<UInt8> {
    /// Whether `part` stands somewhere in these bytes.
    func containsBytes(_ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        var rest = self[...]
        while let index = rest.firstIndex(of: first) {
            if rest[index...].starts(with: part) { return true }
            rest = rest[rest.index(after: index)...]
        }
        return false
    }
}
