import JSON
import Net

/// What the control port reads back.
@EventLoopActor
struct ControlReports {
    let owner: LocalCloud

    func counts() -> HTTPResponse {
        .json(capacity: 2_048) { json in
            json.beginObject()
            for (name, value) in owner.cloud.counters.all { json.member(named: name, value) }
            json.endObject()
        }
    }

    // MARK: Requests

    func requests(_ request: HTTPRequest) throws(ControlError) -> HTTPResponse {
        var service: ServiceName?
        if let name = Target.parameter("service", of: request) {
            service = ServiceName(rawValue: name)
            if service == nil { throw ControlError(message: "unknown service \(name)") }
        }
        let method = Target.parameter("method", of: request)
        let target = Target.parameter("target", of: request).map { Array($0.utf8) }
        let since = Target.parameter("since", of: request).flatMap(Int.init) ?? 0
        let limit = Target.parameter("limit", of: request).flatMap(Int.init) ?? Int.max
        let found = owner.cloud.recorder.requests.elements.lazy.filter { record in
            record.index >= since && (service == nil || record.service == service)
                && (method == nil || record.method.name == method)
                && (target.map { record.target.containsBytes($0) } ?? true)
        }.prefix(max(0, limit))
        return .json(capacity: 65_536) { json in
            json.beginObject()
            json.key("requests")
            json.beginArray()
            for record in found { write(record, to: &json) }
            json.endArray()
            json.member("dropped", owner.cloud.recorder.dropped)
            json.endObject()
        }
    }

    private func write(_ record: RecordedRequest, to json: inout JSONWriter) {
        json.beginObject()
        json.member("index", record.index)
        json.member("service", record.service.rawValue)
        member("connection", record.connection, &json)
        json.member("method", record.method.name)
        json.member("target", bytes: Array(record.target))
        json.key("fields")
        json.beginArray()
        for index in 0..<record.fields.count {
            let field = record.fields[index]
            json.beginArray()
            json.string(bytes: Array(field.name))
            json.string(bytes: Array(field.value))
            json.endArray()
        }
        json.endArray()
        if String(validating: record.body, as: UTF8.self) != nil {
            json.member("body", bytes: record.body)
        } else {
            json.member("bodyBase64", bytes: Base64.encode(record.body))
        }
        json.member("bodyBytes", record.bodyBytes)
        if record.body.count < record.bodyBytes { json.member("bodyTruncated", true) }
        member("status", record.status, &json)
        json.member("effect", record.effect)
        member("fault", record.fault, &json)
        json.member("receivedMilliseconds", Int(record.receivedMilliseconds))
        json.member("receivedMonotonicNanoseconds", Int(record.receivedNanoseconds))
        json.key("milliseconds")
        if let answered = record.answeredNanoseconds {
            json.raw(Array(milliseconds(answered - record.receivedNanoseconds).utf8))
        } else {
            json.null()
        }
        json.endObject()
    }

    private func milliseconds(_ nanoseconds: UInt64) -> String { "\(Double(nanoseconds / 1_000) / 1_000)" }

    private func member(_ name: String, _ value: Int?, _ json: inout JSONWriter) {
        json.key(named: name)
        if let value { json.integer(value) } else { json.null() }
    }

    // MARK: Rows

    func rows() -> HTTPResponse {
        let attempts = owner.bigQuery.attempts.elements
        var order: [String] = []
        var distinct: [String: (row: RowAttempt, attempts: Int)] = [:]
        for (index, attempt) in attempts.enumerated() where attempt.isAccepted {
            let key = attempt.insertId.map { "\(attempt.table)\n\($0)" } ?? "\(index)"
            if let known = distinct[key] {
                distinct[key] = (known.row, known.attempts + 1)
            } else {
                order.append(key)
                distinct[key] = (attempt, 1)
            }
        }
        return .json(capacity: 65_536) { json in
            json.beginObject()
            json.key("attempts")
            json.beginArray()
            for attempt in attempts { write(attempt, to: &json) }
            json.endArray()
            json.key("distinct")
            json.beginArray()
            for key in order {
                guard let (row, count) = distinct[key] else { continue }
                json.beginObject()
                writeInsertId(row, to: &json)
                json.member("table", row.table)
                json.member("attempts", count)
                json.key("json")
                json.raw(row.json)
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
    }

    private func writeInsertId(_ row: RowAttempt, to json: inout JSONWriter) {
        json.key("insertId")
        if let insertId = row.insertId { json.string(insertId) } else { json.null() }
    }

    private func write(_ row: RowAttempt, to json: inout JSONWriter) {
        json.beginObject()
        writeInsertId(row, to: &json)
        json.member("table", row.table)
        json.member("accepted", row.isAccepted)
        json.member("duplicate", row.isDuplicate)
        json.key("errors")
        json.beginArray()
        for error in row.errors {
            json.beginObject()
            json.member("reason", error.reason)
            json.member("location", error.location)
            json.member("message", error.message)
            json.endObject()
        }
        json.endArray()
        json.key("json")
        json.raw(row.json)
        json.endObject()
    }

    // MARK: Jobs

    func jobs(_ namespace: String?) -> HTTPResponse {
        let store = owner.kubernetes.jobs
        return .json(capacity: 65_536) { json in
            json.beginObject()
            json.key("live")
            json.beginArray()
            for job in store.all(in: namespace) {
                json.beginObject()
                json.member("name", job.name)
                json.member("namespace", job.namespace)
                json.member("uid", job.uid)
                json.member("attempts", job.attempts)
                json.key("job")
                json.raw(job.text.write())
                json.endObject()
            }
            json.endArray()
            json.key("ended")
            json.beginArray()
            for job in store.ended.elements where namespace == nil || job.namespace == namespace {
                json.beginObject()
                json.member("name", job.name)
                json.member("namespace", job.namespace)
                json.member("uid", job.uid)
                json.member("propagationPolicy", job.propagationPolicy)
                json.member("orphanedPods", job.orphanedPods)
                json.endObject()
            }
            json.endArray()
            json.member("pods", owner.cloud.counters.value(named: "pods.live") ?? 0)
            json.key("orphanedPods")
            json.beginArray()
            for name in store.orphanedPods.elements { json.string(name) }
            json.endArray()
            json.endObject()
        }
    }

    // MARK: Messages

    func messages() -> HTTPResponse {
        .json(capacity: 65_536) { json in
            json.beginObject()
            json.key("messages")
            json.beginArray()
            for message in owner.pubSub.messages.elements {
                json.beginObject()
                json.member("topic", message.topic)
                json.member("messageId", message.identifier)
                json.member("data", bytes: message.data)
                json.key("attributes")
                json.beginObject()
                for attribute in message.attributes { json.member(named: attribute.name, attribute.value) }
                json.endObject()
                json.member("orderingKey", message.orderingKey)
                json.member("publishTime", message.publishTime)
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
    }

    func deliveries() -> HTTPResponse {
        .json(capacity: 65_536) { json in
            json.beginObject()
            json.key("deliveries")
            json.beginArray()
            for delivery in owner.pubSub.push.deliveries.elements {
                json.beginObject()
                json.member("subscription", delivery.subscription)
                json.member("messageId", delivery.messageIdentifier)
                json.member("attempt", delivery.attempt)
                member("status", delivery.status, &json)
                json.key("error")
                if let error = delivery.error { json.string(error) } else { json.null() }
                json.member("acknowledged", delivery.isAcknowledged)
                json.key("milliseconds")
                json.raw(Array("\(delivery.milliseconds)".utf8))
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
    }

    func faults() -> HTTPResponse {
        .json { json in
            json.beginObject()
            json.key("faults")
            json.beginArray()
            for fault in owner.cloud.faults.faults {
                json.beginObject()
                json.member("id", fault.id)
                json.member("service", fault.service?.rawValue ?? "*")
                json.key("method")
                if let method = fault.method { json.string(method) } else { json.null() }
                json.key("target")
                if let target = fault.target { json.string(bytes: target) } else { json.null() }
                json.member("matched", fault.matched)
                json.member("applied", fault.applied)
                json.member("remaining", fault.remaining ?? -1)
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
    }
}
