import JSON
import Net
import TestSupport

/// What varies from run to run beyond chance itself.
struct RunSetting {
    var events = 8
    var faultsMilliseconds = 300_000
    var form = PushForm.push
    var hasDeadLetters = true
    var reportsUndispatchable = true
    var tokenLifetimeSeconds = 3_600
    /// Whether the role may create Jobs, but not read them.
    var readIsForbidden = false
    /// Whether the configuration names the project, or the metadata server has to.
    var namesProject = true
    var instancesMax = 2
    /// Of a thousand requests so many see their instance crash.
    var crashPermille = 4
    /// Of a thousand deliveries so many come two to eight times at once.
    var duplicatesPermille = 120
    /// What a delivery may take, in milliseconds.
    var limitMilliseconds = 55_000

    /// The setting of a seed; about `scale` messages.
    init(random: inout SeededGenerator, scale: Int) {
        events = random.within(1...max(1, 2 * scale - 1))
        faultsMilliseconds = random.within(20_000...1_200_000)
        form = random.pick([.push, .binary, .structured])
        hasDeadLetters = random.happens(permille: 600)
        reportsUndispatchable = random.happens(permille: 850)
        tokenLifetimeSeconds = random.pick([45, 300, 3_599])
        readIsForbidden = random.happens(permille: 150)
        namesProject = random.happens(permille: 700)
        instancesMax = random.within(1...4)
        crashPermille = random.pick([0, 4, 15])
        limitMilliseconds = random.pick([5_000, 25_000, 55_000, 55_000])
    }

    /// A setting in which nothing goes wrong unless it is scripted.
    init() {
        crashPermille = 0
        duplicatesPermille = 0
    }
}

/// A Job in the cluster.
struct StoredJob {
    let eventUUID: String
    let body: [UInt8]
    let createdNanoseconds: UInt64
}

/// A row in the table.
struct StoredRow {
    let uuid: String
    /// Everything of the row but what tells one message of an event from another.
    let content: [UInt8]
}

/// A message that was published by the program.
struct Published {
    let uuid: String
    let attempt: Int
}

/// Google as one run knows it: the metadata server, BigQuery, GKE, a cluster, Pub/Sub, all of their state,
/// and the book of what went wrong. Requests come to it through each instance's `SimulatedExchange`.
@EventLoopActor
final class World {
    let setting: RunSetting
    let transcript: Transcript
    var random: SeededGenerator
    var weather: Weather
    var ledger = Ledger()
    private(set) var violations: [String] = []

    let messages: [Message]
    let rowRefusals: [String: RowRefusal]
    let jobRefusals: [String: Int]
    /// Well-formed messages by the uuid of their event, and questions by theirs.
    private(set) var messagesByUUID: [String: [Message]] = [:]
    private(set) var questions: [String: [Message]] = [:]

    // What the services hold.
    var rows: [[UInt8]: StoredRow] = [:]
    var insertIDs: [String: Set<[UInt8]>] = [:]
    var jobs: [String: StoredJob] = [:]
    /// How often a Job of this name was made, and deleted.
    var creations: [String: Int] = [:]
    var deletions: [String: Int] = [:]
    /// Exception events by question: their uuids.
    var exceptions: [String: [String]] = [:]
    /// Dead letters by message id.
    var letters: [String: Int] = [:]
    var tokens = Tokens()
    var places = ClusterPlaces()

    /// Decides on faults instead of the weather, in scenarios that are written down.
    var script: ((Call, Message?) -> Int?)?
    /// Decides on crashes likewise: nil for none, else whether the call is carried out before.
    var crashScript: ((Call) -> Bool?)?

    /// Everything that did not go as in fair weather, counted: an event that met none of it must not fail.
    private(set) var troubles = 0
    /// Those of them that leave an instance without token, project or endpoint.
    private(set) var sharedTroubles = 0

    init(
        setting: RunSetting, traffic: Traffic, weather: Weather, random: SeededGenerator,
        transcript: Transcript
    ) {
        self.setting = setting
        self.weather = weather
        self.random = random
        self.transcript = transcript
        messages = traffic.messages
        rowRefusals = traffic.rowRefusals
        jobRefusals = traffic.jobRefusals
        for message in messages where message.fate != .noEvent {
            messagesByUUID[message.uuid, default: []].append(message)
            if message.kind == "question", message.isStorable {
                questions[message.questionUUID, default: []].append(message)
            }
        }
    }

    var nowMilliseconds: Int { Int(transcript.elapsedNanoseconds / 1_000_000) }
    var isFair: Bool { nowMilliseconds >= weather.endMilliseconds }

    func violate(_ text: String) {
        transcript.note(-1, text: "VIOLATION: \(text)")
        if violations.count < 20 { violations.append(text) }
    }

    /// An attempt is about to meet trouble.
    func meetTrouble(_ call: Call, isAboutToken: Bool = false) {
        troubles += 1
        if !call.isOwn || isAboutToken { sharedTroubles += 1 }
    }
}

/// The access tokens that the metadata server has given out.
struct Tokens {
    struct Issued {
        let number: Int
        let expiresNanoseconds: UInt64
        var isRevoked = false
    }
    private(set) var issued: [Issued] = []
    /// Until when the metadata server goes on giving a revoked token: it keeps one too.
    private var staleUntilNanoseconds: UInt64 = 0

    /// The token to give out now, and the seconds it will last.
    mutating func current(lifetimeSeconds: Int, now: UInt64) -> (text: String, seconds: Int) {
        if let last = issued.last, last.expiresNanoseconds > now + 20_000_000_000,
            !last.isRevoked || now < staleUntilNanoseconds
        {
            return (Self.text(last.number), Int((last.expiresNanoseconds - now) / 1_000_000_000))
        }
        let number = issued.count + 1
        issued.append(
            Issued(number: number, expiresNanoseconds: now + UInt64(lifetimeSeconds) * 1_000_000_000))
        return (Self.text(number), lifetimeSeconds)
    }

    mutating func revoke(now: UInt64, staleMilliseconds: Int) {
        guard !issued.isEmpty else { return }
        issued[issued.count - 1].isRevoked = true
        staleUntilNanoseconds = now + UInt64(staleMilliseconds) * 1_000_000
    }

    /// Whether a service takes this Authorization; nil where the program made it up.
    func accepts(_ authorization: ArraySlice<UInt8>?, now: UInt64) -> Bool? {
        guard let authorization else { return nil }
        for token in issued where authorization.elementsEqual("Bearer \(Self.text(token.number))".utf8) {
            return !token.isRevoked && token.expiresNanoseconds > now
        }
        return nil
    }

    /// Whether this Authorization holds a token that has run out, which its holder could know.
    func isExpired(_ authorization: ArraySlice<UInt8>?, now: UInt64) -> Bool {
        guard let authorization else { return false }
        return issued.contains {
            $0.expiresNanoseconds <= now && authorization.elementsEqual("Bearer \(Self.text($0.number))".utf8)
        }
    }

    static func text(_ number: Int) -> String { "ya29.token-\(number)" }
}

/// Where the cluster is, and has been.
struct ClusterPlaces {
    struct Place {
        let host: String
        let authority: String
        /// What an attempt at it meets once the cluster has moved away.
        let isTakenOver: Bool
    }
    private(set) var all = [Place(host: "10.0.0.1", authority: "authority 1", isTakenOver: false)]
    private var staleUntilNanoseconds: UInt64 = 0

    var current: Place { all[all.count - 1] }

    /// What GKE says, which may be late in knowing.
    func told(now: UInt64) -> Place {
        now < staleUntilNanoseconds && all.count > 1 ? all[all.count - 2] : current
    }

    mutating func move(now: UInt64, staleMilliseconds: Int, isTakenOver: Bool, keepsHost: Bool) {
        let number = all.count + 1
        let old = current
        all[all.count - 1] = Place(host: old.host, authority: old.authority, isTakenOver: isTakenOver)
        all.append(
            Place(
                host: keepsHost ? old.host : "10.0.0.\(number)", authority: "authority \(number)",
                isTakenOver: false))
        staleUntilNanoseconds = now + UInt64(staleMilliseconds) * 1_000_000
    }
}
