import Net

/// Stands between a listener and its service: records, counts, and applies the faults that are set.
@EventLoopActor
final class ServiceHandler: TransmittingHandler {
    private let cloud: Cloud
    private let name: ServiceName
    private let service: any Service

    init(cloud: Cloud, name: ServiceName, service: any Service) {
        self.cloud = cloud
        self.name = name
        self.service = service
    }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        let number = cloud.recorder.begin(request, service: name, settings: cloud.settings)
        let latency = cloud.settings.latency(of: name)
        if latency > 0 { await EventLoop.shared.sleep(until: .after(milliseconds: UInt64(latency))) }
        if let fault = cloud.faults.take(for: request, of: name) {
            return await answer(request, number: number, with: fault)
        }
        var response = service.answer(request)
        cloud.recorder.end(number, status: response.status, effect: true, fault: nil)
        cloud.counters.addRequest(name, status: response.status)
        response.annotation = number
        return response
    }

    private func answer(_ request: HTTPRequest, number: Int, with fault: Fault) async -> HTTPResponse {
        var response: HTTPResponse?
        if fault.effect == .early { response = service.answer(request) }
        if fault.delayMilliseconds > 0 {
            await EventLoop.shared.sleep(until: .after(milliseconds: fault.delayMilliseconds))
        }
        if fault.effect == .late { response = service.answer(request) }
        var answer = Self.replaced(response, by: fault)
        cloud.recorder.end(number, status: answer.status, effect: fault.effect != .none, fault: fault.id)
        cloud.counters.addRequest(name, status: answer.status)
        cloud.counters.add(to: .faultsApplied)
        answer.annotation = number
        cloud.faults.pending[number] = fault
        return answer
    }

    /// The service's own answer, or the one that the fault has in its place.
    private static func replaced(_ own: HTTPResponse?, by fault: Fault) -> HTTPResponse {
        var response = own ?? HTTPResponse.json(503, body: Array("{}".utf8))
        if fault.status != nil || fault.body != nil {
            let status = fault.status ?? response.status
            let body = fault.body ?? []
            response = HTTPResponse(status: status, body: body)
            let hasType = fault.headers.contains { $0.name.lowercased() == "content-type" }
            if !hasType, !body.isEmpty { response.fields.append("Content-Type", "application/json") }
        }
        return response
    }

    func transmit(
        _ bytes: [UInt8], of response: HTTPResponse, over stream: ByteStream, deadline: Deadline
    ) async throws(StreamError) {
        let connection = cloud.connections.number(of: stream, service: name, counters: cloud.counters)
        cloud.recorder.answered(response.annotation, connection: connection)
        guard !cloud.faults.pending.isEmpty,
            let fault = cloud.faults.pending.removeValue(forKey: response.annotation),
            !fault.wire.isNone || !fault.headers.isEmpty
        else {
            try await stream.write(bytes, deadline: deadline)
            return
        }
        var wire = fault.wire
        if wire.framing == nil, response.framing == .chunked { wire.framing = .chunked }
        let script = WireScript(answer: bytes, body: response.body, headers: fault.headers, fault: wire)
        try await play(script.steps(), over: stream)
    }

    /// Sends step by step. What ends the connection ends this too.
    private func play(_ steps: [WireStep], over stream: ByteStream) async throws(StreamError) {
        for step in steps {
            switch step {
            case .write(let bytes):
                try await stream.write(bytes, deadline: .after(milliseconds: 600_000))
            case .pause(let milliseconds):
                await EventLoop.shared.sleep(until: .after(milliseconds: milliseconds))
            case .close:
                stream.close()
                throw .closed
            case .reset:
                stream.reset()
                throw .closed
            case .hang:
                _ = await cloud.faults.release.wait(until: .after(milliseconds: 86_400_000))
                stream.close()
                throw .closed
            }
        }
    }
}

/// Numbers the connections of each service, from 1.
@EventLoopActor
final class Connections {
    private struct Entry {
        weak var stream: ByteStream?
        let service: ServiceName
        let number: Int
    }

    private var entries: [ObjectIdentifier: Entry] = [:]
    private var numbers = [Int](repeating: 0, count: ServiceName.allCases.count)
    private var sweepAt = 1_024

    /// The number of `stream`; a new one if it is seen for the first time.
    func number(of stream: ByteStream, service: ServiceName, counters: Counters) -> Int {
        let identifier = ObjectIdentifier(stream)
        // An identifier is used again once its object is gone; the weak reference tells.
        if let entry = entries[identifier], entry.stream === stream { return entry.number }
        if entries.count >= sweepAt {
            entries = entries.filter { $0.value.stream != nil }
            sweepAt = max(1_024, entries.count * 2)
        }
        numbers[service.index] += 1
        counters.addConnection(service)
        entries[identifier] = Entry(stream: stream, service: service, number: numbers[service.index])
        return numbers[service.index]
    }

    /// Closes the connections of a service that are known. Requests in flight lose theirs too.
    func close(of service: ServiceName) {
        for (identifier, entry) in entries where entry.service == service {
            entry.stream?.close()
            entries[identifier] = nil
        }
    }
}
