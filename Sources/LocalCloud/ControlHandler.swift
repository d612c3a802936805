import JSON
import Net

/// The control port: reads back what happened, and changes what will.
@EventLoopActor
final class ControlHandler: Handler {
    private unowned let owner: LocalCloud

    init(owner: LocalCloud) { self.owner = owner }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        let path = Target.decodedText(request.path)
        do throws(ControlError) {
            switch request.method {
            case .get: return try read(path, request)
            case .post: return try await change(path, try parse(request.body))
            default: throw ControlError(message: "only GET and POST", status: 405)
            }
        } catch {
            return .json(error.status) { json in
                json.beginObject()
                json.member("error", error.message)
                json.endObject()
            }
        }
    }

    private func parse(_ body: [UInt8]) throws(ControlError) -> JSONDocument.Value {
        do throws(JSONError) {
            return try JSONDocument(parsing: body.isEmpty ? Array("{}".utf8) : body).root
        } catch {
            throw ControlError(message: "the body is no JSON: \(error)")
        }
    }

    private func read(_ path: String, _ request: HTTPRequest) throws(ControlError) -> HTTPResponse {
        let reports = ControlReports(owner: owner)
        switch path {
        case "/": return .json(200, body: owner.readiness.json() + [10])
        case "/counts": return reports.counts()
        case "/requests": return try reports.requests(request)
        case "/rows": return reports.rows()
        case "/jobs": return reports.jobs(Target.parameter("namespace", of: request))
        case "/messages": return reports.messages()
        case "/deliveries": return reports.deliveries()
        case "/faults": return reports.faults()
        default: throw ControlError(message: "nothing is at \(path)", status: 404)
        }
    }

    private func change(_ path: String, _ body: JSONDocument.Value) async throws(ControlError) -> HTTPResponse
    {
        let changes = ControlChanges(owner: owner)
        switch path {
        case "/faults": return try addFaults(body)
        case "/faults/clear": try clearFaults(body)
        case "/wait": return try await wait(body)
        case "/reset": try await changes.reset(body)
        case "/settings": try changes.settings(body)
        case "/tokens": try changes.tokens(body)
        case "/cluster": try await changes.cluster(body)
        case "/kubernetes": try changes.kubernetes(body)
        case "/images": try changes.images(body)
        case "/subscriptions": try changes.subscribe(body)
        case "/subscriptions/delete": try changes.unsubscribe(body)
        case "/publish": return try changes.publish(body)
        case "/listeners": try await changes.listener(body)
        case "/certificates": try await changes.certificate(body)
        default: throw ControlError(message: "nothing is at \(path)", status: 404)
        }
        return .json(200, body: Array("{}\n".utf8))
    }

    // MARK: Faults

    private func addFaults(_ body: JSONDocument.Value) throws(ControlError) -> HTTPResponse {
        var read: [Fault] = []
        if body.isArray {
            for element in body.elements { read.append(try FaultReader.read(element)) }
        } else {
            read.append(try FaultReader.read(body))
        }
        let identifiers = read.map { owner.cloud.faults.add($0) }
        return .json { json in
            json.beginObject()
            json.key("ids")
            json.beginArray()
            for identifier in identifiers { json.integer(identifier) }
            json.endArray()
            json.endObject()
        }
    }

    private func clearFaults(_ body: JSONDocument.Value) throws(ControlError) {
        let object = try ControlObject(body, allowed: ["ids"])
        guard let list = object.any("ids") else { return owner.cloud.faults.clear(nil) }
        owner.cloud.faults.clear(list.elements.compactMap { $0.integer })
    }

    // MARK: Waiting

    private func wait(_ body: JSONDocument.Value) async throws(ControlError) -> HTTPResponse {
        let object = try ControlObject(body, allowed: ["conditions", "timeoutMilliseconds"])
        let milliseconds = try object.integer("timeoutMilliseconds", 0...600_000) ?? 10_000
        var conditions: [CounterCondition] = []
        guard let listed = object.any("conditions"), listed.isArray else {
            throw ControlError(message: "conditions must be an array")
        }
        for element in listed.elements {
            let members = try ControlObject(element, allowed: ["counter", "atLeast", "atMost", "equals"])
            let name = try members.required("counter")
            guard owner.cloud.counters.value(named: name) != nil else {
                throw ControlError(message: "there is no counter \(name)")
            }
            conditions.append(
                CounterCondition(
                    counter: name, atLeast: try members.integer("atLeast"),
                    atMost: try members.integer("atMost"),
                    equals: try members.integer("equals")))
        }
        let held = await owner.cloud.counters.wait(
            for: conditions, until: .after(milliseconds: UInt64(milliseconds)))
        return .json { json in
            json.beginObject()
            json.member("held", held)
            json.key("counts")
            json.beginObject()
            for name in Set(conditions.map { $0.counter }) {
                json.member(named: name, owner.cloud.counters.value(named: name) ?? 0)
            }
            json.endObject()
            json.endObject()
        }
    }
}
