import Net

/// A request as it came, and what became of it.
struct RecordedRequest {
    let index: Int
    let service: ServiceName
    let method: HTTPMethod
    let target: ArraySlice<UInt8>
    let fields: HTTPFields
    let body: [UInt8]
    let bodyBytes: Int
    let receivedMilliseconds: Int64
    let receivedNanoseconds: UInt64
    var connection: Int?
    var status: Int?
    var effect = true
    var fault: Int?
    var answeredNanoseconds: UInt64?
}

/// A queue whose elements keep their numbers while the oldest are dropped.
struct NumberedQueue<Element> {
    private var items: [Element?] = []
    private var head = 0
    /// The number of the oldest element that is kept.
    private(set) var first = 0

    var count: Int { items.count - head }
    /// The number that the next element gets.
    var next: Int { first + count }

    mutating func append(_ element: Element) { items.append(element) }

    /// The element with this number, if it is kept.
    subscript(number: Int) -> Element? {
        get { number >= first && number < next ? items[head + number - first] : nil }
        set { if number >= first, number < next { items[head + number - first] = newValue } }
    }

    /// Takes the oldest element away.
    mutating func removeFirst() -> Element? {
        guard head < items.count else { return nil }
        let element = items[head]
        items[head] = nil
        head += 1
        first += 1
        if head > 1_024, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }

    /// The elements, oldest first.
    var elements: [Element] { items[head...].compactMap { $0 } }

    /// Forgets all of them; the numbers go on, so that none ever names two elements.
    mutating func removeAll() {
        first = next
        items = []
        head = 0
    }
}

/// Keeps the newest requests, under a ceiling of their number and of their bodies' bytes.
@EventLoopActor
final class Recorder {
    private(set) var requests = NumberedQueue<RecordedRequest>()
    private var bodyBytes = 0
    /// Numbers all requests, those that are not kept as well.
    private var sequence = 0
    /// How many requests were dropped to stay under a ceiling.
    private(set) var dropped = 0

    /// Takes a request in. Returns its number, from 1.
    func begin(_ request: HTTPRequest, service: ServiceName, settings: Settings) -> Int {
        sequence += 1
        guard settings.isRecording else { return -sequence }
        let limit = settings.recordedBodyBytesMax
        let body = request.body.count <= limit ? request.body : Array(request.body.prefix(limit))
        let wall = WallClock.now
        requests.append(
            RecordedRequest(
                index: requests.next, service: service, method: request.method, target: request.target,
                fields: request.fields, body: body, bodyBytes: request.body.count,
                receivedMilliseconds: wall.seconds * 1_000 + Int64(wall.nanoseconds / 1_000_000),
                receivedNanoseconds: EventLoop.shared.nowNanoseconds))
        bodyBytes += body.count
        while requests.count > settings.recordedRequestsMax || bodyBytes > settings.recordedBytesMax {
            guard let oldest = requests.removeFirst() else { break }
            bodyBytes -= oldest.body.count
            dropped += 1
        }
        return requests.next
    }

    /// Notes what became of request `number`.
    func end(_ number: Int, status: Int, effect: Bool, fault: Int?) {
        guard number > 0, var record = requests[number - 1] else { return }
        record.status = status
        record.effect = effect
        record.fault = fault
        requests[number - 1] = record
    }

    /// Notes that the answer to request `number` goes out on a connection.
    func answered(_ number: Int, connection: Int) {
        guard number > 0, var record = requests[number - 1] else { return }
        record.connection = connection
        record.answeredNanoseconds = EventLoop.shared.nowNanoseconds
        requests[number - 1] = record
    }

    func reset() {
        requests.removeAll()
        bodyBytes = 0
        dropped = 0
    }
}
