import CNet
import Glibc

/// Turns host names into addresses, with `getaddrinfo` on a thread that lives as long as the look-up.
///
/// glibc has no such call that does not block. Everybody who asks for a name at once shares one thread, and a
/// deadline abandons the wait, not the thread: it ends by itself, bounded by resolv.conf's own time-outs.
@EventLoopActor
final class Resolver {
    private struct Answer {
        var addresses: [SocketAddress]
        var freshUntilNanoseconds: UInt64
    }

    /// What a name server and the hosts file say of a name; blocks.
    typealias LookUp = @Sendable (_ host: String, _ port: UInt16) -> [SocketAddress]

    /// Addresses of names that nobody is asked for: tests use them.
    private let known: [String: [String]]
    private let freshMilliseconds: UInt64
    private let lookUp: LookUp
    private var answers: [String: Answer] = [:]
    /// Look-ups on their way, and who waits for them.
    private var lookUps: [String: Gate] = [:]

    init(
        known: [String: [String]] = [:], freshMilliseconds: UInt64 = Limits.resolvedNameMilliseconds,
        lookUp: @escaping LookUp = { Resolver.lookUp($0, port: $1, passive: false) }
    ) {
        self.known = known
        self.freshMilliseconds = freshMilliseconds
        self.lookUp = lookUp
    }

    /// The addresses of `host`, with `port` in them. Empty when it has none or none came in time.
    ///
    /// An address is its own answer. A name's answer is kept for a while, and an old one serves where no new
    /// one comes within a moment: a name server that is silent then costs that moment, and not the time that
    /// is left for connecting.
    func addresses(of host: String, port: UInt16, deadline: Deadline) async -> [SocketAddress] {
        if let literal = SocketAddress(literal: host, port: port) { return [literal] }
        if let literals = known[host] {
            return literals.compactMap { SocketAddress(literal: $0, port: port) }
        }
        let key = "\(host):\(port)"
        var limit = deadline
        if let answer = answers[key] {
            if answer.freshUntilNanoseconds > EventLoop.shared.nowNanoseconds { return answer.addresses }
            limit = min(limit, .after(milliseconds: Limits.oldNameWaitMilliseconds))
        }
        let isAnswered = lookUps[key] ?? startLookUp(host, port, key)
        _ = await isAnswered.wait(until: limit)
        return answers[key]?.addresses ?? []
    }

    private func startLookUp(_ host: String, _ port: UInt16, _ key: String) -> Gate {
        let gate = Gate()
        lookUps[key] = gate
        let job = LookUpJob(host: host, port: port, lookUp: lookUp) { addresses in
            // The one place where another thread hands something to the loop.
            EventLoop.shared.start { [self] in answered(key, addresses) }
        }
        let error = unsafe cnet_start_thread(LookUpJob.main, Unmanaged.passRetained(job).toOpaque())
        if error != 0 {
            unsafe Unmanaged.passUnretained(job).release()
            answered(key, [])
        }
        return gate
    }

    private func answered(_ key: String, _ addresses: [SocketAddress]) {
        if !addresses.isEmpty {
            // Names come from configuration and clusters' endpoints; this ceiling is never met.
            if answers.count >= Limits.resolvedNamesMax { answers.removeAll() }
            answers[key] = Answer(
                addresses: addresses,
                freshUntilNanoseconds: EventLoop.shared.nowNanoseconds + freshMilliseconds * 1_000_000)
        }
        lookUps.removeValue(forKey: key)?.open()
    }
}

/// What a resolver thread is sent to do.
private final class LookUpJob: Sendable {
    let host: String
    let port: UInt16
    let lookUp: Resolver.LookUp
    let done: @Sendable ([SocketAddress]) -> Void

    init(
        host: String, port: UInt16, lookUp: @escaping Resolver.LookUp,
        done: @escaping @Sendable ([SocketAddress]) -> Void
    ) {
        self.host = host
        self.port = port
        self.lookUp = lookUp
        self.done = done
    }

    /// What the thread runs. Not isolated: a closure written inside the resolver would be the loop's, and
    /// trap here.
    nonisolated static let main: @convention(c) (UnsafeMutableRawPointer) -> Void = { raw in
        let job = unsafe Unmanaged<LookUpJob>.fromOpaque(raw).takeRetainedValue()
        job.done(job.lookUp(job.host, job.port))
    }
}

extension Resolver {
    /// All addresses of `host`, by hosts file and name server; blocks. `passive`: for listening on.
    nonisolated static func lookUp(_ host: String, port: UInt16, passive: Bool) -> [SocketAddress] {
        if let literal = SocketAddress(literal: host, port: port) { return [literal] }
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = passive ? AI_PASSIVE : 0
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let info = unsafe next {
            if let address = unsafe info.pointee.ai_addr {
                let buffer = unsafe UnsafeRawBufferPointer(
                    start: address, count: Int(info.pointee.ai_addrlen))
                let found = unsafe SocketAddress(bytes: Array(buffer))
                if !addresses.contains(found) { addresses.append(found) }
            }
            unsafe next = info.pointee.ai_next
        }
        return addresses
    }
}
