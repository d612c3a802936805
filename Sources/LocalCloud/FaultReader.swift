import JSON

/// Reads a fault as it is written in docs/LOCAL_CLOUD.md.
enum FaultReader {
    private static let members = [
        "service", "method", "target", "skip", "every", "count", "effect", "delayMilliseconds", "status",
        "headers", "body",
        "bodyJSON", "bodyBase64", "bodyFillBytes", "preset", "framing", "chunkBytes", "gzip",
        "contentLengthBy",
        "duplicateContentLength", "lengthAndChunked", "statusLine", "interim", "garbage", "extra", "drip",
        "end",
        "endAfterBytes", "endAfterBodyBytes",
    ]

    static func read(_ value: JSONDocument.Value) throws(ControlError) -> Fault {
        let object = try ControlObject(value, allowed: members)
        var fault = Fault()
        try readMatch(object, &fault)
        if let name = try object.string("preset") {
            guard let preset = Presets.all[name] else {
                throw ControlError(
                    message: "unknown preset; known are \(Presets.all.keys.sorted().joined(separator: ", "))")
            }
            fault.status = preset.status
            fault.headers = preset.headers
            fault.body = preset.body
            fault.effect = .none
        }
        try readAnswer(object, &fault)
        try readEffect(object, &fault)
        fault.wire = try readWire(object)
        return fault
    }

    private static func readMatch(_ object: ControlObject, _ fault: inout Fault) throws(ControlError) {
        let service = try object.required("service")
        if service != "*" {
            guard let name = ServiceName(rawValue: service), name != .control else {
                throw ControlError(message: "unknown service \(service)")
            }
            fault.service = name
        }
        fault.method = try object.string("method")
        fault.target = try object.string("target").map { Array($0.utf8) }
        fault.skip = try object.integer("skip") ?? 0
        fault.every = try object.integer("every", 1...Int(Int32.max)) ?? 1
        let count = try object.integer("count", -1...Int(Int32.max)) ?? 1
        fault.remaining = count < 0 ? nil : count
    }

    private static func readAnswer(_ object: ControlObject, _ fault: inout Fault) throws(ControlError) {
        if let status = try object.integer("status", 100...999) {
            fault.status = status
            fault.effect = .none
        }
        if let headers = object.any("headers") {
            guard headers.isObject else { throw ControlError(message: "headers must be an object") }
            for (key, value) in headers.members {
                guard let name = key.string, let text = value.string else {
                    throw ControlError(message: "headers must be strings")
                }
                fault.headers.append((name, text))
            }
        }
        if let text = try object.string("body") { fault.body = Array(text.utf8) }
        if let raw = object.raw("bodyJSON") { fault.body = raw }
        if let text = try object.string("bodyBase64") {
            guard let bytes = try? Base64.decode(Array(text.utf8)) else {
                throw ControlError(message: "bodyBase64 is no base64")
            }
            fault.body = bytes
        }
        if let count = try object.integer("bodyFillBytes", 0...1_000_000_000) {
            fault.body = [UInt8](repeating: 0x20, count: count)
        }
    }

    private static func readEffect(_ object: ControlObject, _ fault: inout Fault) throws(ControlError) {
        fault.delayMilliseconds = UInt64(try object.integer("delayMilliseconds") ?? 0)
        guard let effect = object.any("effect") else { return }
        switch (effect.bool, effect.string) {
        case (true, _): fault.effect = .early
        case (false, _): fault.effect = .none
        case (_, "late"): fault.effect = .late
        default: throw ControlError(message: "effect must be true, false or \"late\"")
        }
    }

    private static func readWire(_ object: ControlObject) throws(ControlError) -> WireFault {
        var wire = WireFault()
        wire.framing = try choice(object, "framing")
        wire.end = try choice(object, "end")
        wire.chunkBytes = try object.integer("chunkBytes", 1...Int(Int32.max))
        wire.isCompressed = try object.flag("gzip") ?? false
        wire.contentLengthBy = try object.integer("contentLengthBy", -1_000_000_000...1_000_000_000) ?? 0
        wire.hasDuplicateContentLength = try object.flag("duplicateContentLength") ?? false
        wire.hasLengthAndChunked = try object.flag("lengthAndChunked") ?? false
        wire.statusLine = try object.string("statusLine")
        wire.interimCount = try object.integer("interim", 0...100_000) ?? 0
        wire.extra = Array((try object.string("extra") ?? "").utf8)
        wire.endAfterBytes = try object.integer("endAfterBytes", -1...Int(Int32.max)) ?? 0
        wire.endAfterBodyBytes = try object.integer("endAfterBodyBytes")
        if let garbage = object.any("garbage"), garbage.bool != false {
            wire.garbage =
                garbage.stringBytes ?? Array("\u{16}\u{3}\u{1}\0\u{2}\u{1}\0 no HTTP here\r\n\r\n".utf8)
        }
        if let drip = object.any("drip") {
            let members = try ControlObject(drip, allowed: ["bytes", "everyMilliseconds"])
            wire.drip = WireFault.Drip(
                bytes: try members.integer("bytes", 1...Int(Int32.max)) ?? 1,
                everyMilliseconds: UInt64(try members.integer("everyMilliseconds") ?? 10))
        }
        return wire
    }

    private static func choice<Choice: RawRepresentable<String>>(
        _ object: ControlObject, _ name: String
    ) throws(ControlError) -> Choice? {
        guard let text = try object.string(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw ControlError(message: "\(name) cannot be \(text)")
        }
        return choice
    }
}
