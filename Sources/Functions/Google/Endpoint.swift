public import Net

/// A URL that was proven (RFC 3986): scheme, host, port, path, query. No user name, no fragment.
public struct AbsoluteURL: Sendable, Hashable {
    /// Where it leads.
    public let origin: Origin
    /// Path and query as they are sent; at least `/`.
    public let target: [UInt8]

    /// The URL `text` is, nil when it is none of `http` or `https`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let scheme: Origin.Scheme
        if bytes.prefix(8).equalsIgnoringCase("https://") {
            scheme = .https
        } else if bytes.prefix(7).equalsIgnoringCase("http://") {
            scheme = .http
        } else {
            return nil
        }
        let rest = bytes[(scheme == .https ? 8 : 7)...]
        // Visible ASCII only, and nothing that would end the target or begin another part.
        guard rest.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !Self.refused.contains($0) }) else { return nil }
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard let origin = Origin(scheme, authority: authority) else { return nil }
        self.origin = origin
        let path = rest[authority.endIndex...]
        target = path.first == UInt8(ascii: "/") ? Array(path) : [UInt8(ascii: "/")] + path
    }

    private static let refused = Array("#\"<>\\^`{|}".utf8)
}

extension Origin {
    /// The origin of `host`, `host:port`, `[address]` or `[address]:port`. Nil when it is none of these.
    init?(_ scheme: Scheme, authority: some Collection<UInt8>) {
        let bytes = Array(authority)
        var host = bytes[...]
        var portText: ArraySlice<UInt8>?
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = bytes[1..<end]
            guard host.count >= 2, host.contains(UInt8(ascii: ":")), host.allSatisfy(Self.isAddressByte)
            else { return nil }
            let after = bytes[(end + 1)...]
            if let first = after.first {
                guard first == UInt8(ascii: ":") else { return nil }
                portText = after.dropFirst()
            }
        } else {
            if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
                host = bytes[..<colon]
                portText = bytes[(colon + 1)...]
            }
            guard Self.isHostName(host) else { return nil }
        }
        var port: UInt16?
        if let portText {
            guard (1...5).contains(portText.count), portText.allSatisfy({ $0 &- 0x30 < 10 }) else {
                return nil
            }
            guard let number = UInt16(String(decoding: portText, as: UTF8.self)), number > 0 else {
                return nil
            }
            port = number
        }
        let lower = host.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        self.init(scheme: scheme, host: String(decoding: lower, as: UTF8.self), port: port)
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6 || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: ".")
    }

    /// Labels of letters, digits, hyphens and underscores (RFC 1123 section 2.1, and what resolvers take).
    private static func isHostName(_ host: ArraySlice<UInt8>) -> Bool {
        guard (1...253).contains(host.count) else { return false }
        return host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy {
            label in
            (1...63).contains(label.count)
                && label.allSatisfy {
                    $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || $0 == UInt8(ascii: "-")
                        || $0 == UInt8(ascii: "_")
                }
                && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
        }
    }

    /// Whether what is sent there stays on this machine: an address of the loopback network, or `localhost`.
    var isLoopback: Bool {
        if host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1" { return true }
        return addressParts?.first == 127
    }

    /// Whether it is an address of the link itself (RFC 3927), where clouds keep their metadata servers.
    var isLinkLocal: Bool {
        guard let parts = addressParts else { return false }
        return parts[0] == 169 && parts[1] == 254
    }

    /// The four numbers of a dotted IPv4 address. Other spellings of an address are none here.
    private var addressParts: [UInt8]? {
        let parts = host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var numbers: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
            guard let number = UInt8(String(decoding: part, as: UTF8.self)) else { return nil }
            numbers.append(number)
        }
        return numbers
    }
}

/// Where one of Google's services answers.
public struct Endpoint: Sendable, Hashable {
    /// Its origin.
    public let origin: Origin
    /// What stands before every path: empty, or `/a/b` without a slash at its end.
    public let basePath: [UInt8]
    /// Whether requests carry a token: never in clear.
    public var carriesToken: Bool { origin.scheme == .https }

    /// The usual endpoint of a service: `https://<service>.<universe domain>`.
    init(service: String, universeDomain: String) {
        origin = Origin(scheme: .https, host: "\(service).\(universeDomain)")
        basePath = []
    }

    /// An endpoint that was configured: `https`, or `http` to a loopback address; no query. Nil otherwise.
    ///
    /// `suffix` is taken off the path, for values that hold what our paths begin with.
    public init?(override text: String, droppingSuffix suffix: StaticString = "") {
        guard let url = AbsoluteURL(text), !url.target.contains(UInt8(ascii: "?")) else { return nil }
        guard url.origin.scheme == .https || url.origin.isLoopback else { return nil }
        origin = url.origin
        basePath = Self.base(url.target, droppingSuffix: suffix)
    }

    /// An emulator's endpoint, given as a bare `host:port`, on a loopback address. Nil otherwise.
    public init?(emulator text: String) {
        guard let origin = Origin(.http, authority: text.utf8), origin.isLoopback else { return nil }
        self.origin = origin
        basePath = []
    }

    private static func base(_ target: [UInt8], droppingSuffix suffix: StaticString) -> [UInt8] {
        var base = target[...]
        while base.last == UInt8(ascii: "/") { base.removeLast() }
        if suffix.utf8CodeUnitCount > 0, base.suffix(suffix.utf8CodeUnitCount).equals(suffix) {
            base.removeLast(suffix.utf8CodeUnitCount)
        }
        while base.last == UInt8(ascii: "/") { base.removeLast() }
        return Array(base)
    }
}

/// The endpoints of the services that the functions use.
public struct Endpoints: Sendable, Equatable {
    /// BigQuery; paths begin with `/bigquery/v2`.
    public var bigQuery: Endpoint
    /// Google Kubernetes Engine; paths begin with `/v1`.
    public var container: Endpoint
    /// Artifact Registry; paths begin with `/v1`.
    public var artifactRegistry: Endpoint
    /// Pub/Sub; paths begin with `/v1`.
    public var pubSub: Endpoint

    /// The usual endpoints of a universe.
    public init(universeDomain: String) {
        bigQuery = Endpoint(service: "bigquery", universeDomain: universeDomain)
        container = Endpoint(service: "container", universeDomain: universeDomain)
        artifactRegistry = Endpoint(service: "artifactregistry", universeDomain: universeDomain)
        pubSub = Endpoint(service: "pubsub", universeDomain: universeDomain)
    }
}
