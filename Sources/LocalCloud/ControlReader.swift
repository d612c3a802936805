import JSON

/// A request to the control port that cannot be done; the text goes back as `error`.
struct ControlError: Error {
    let message: String
    var status = 400
}

/// An object of the control port, whose members are all known and of the right kind.
struct ControlObject {
    let value: JSONDocument.Value

    init(_ value: JSONDocument.Value, allowed: [String]) throws(ControlError) {
        guard value.isObject else { throw ControlError(message: "an object was expected") }
        for (key, _) in value.members where !allowed.contains(where: { key.equals(text: $0) }) {
            throw ControlError(
                message:
                    "unknown member \"\(key.string ?? "?")\"; known are \(allowed.joined(separator: ", "))")
        }
        self.value = value
    }

    /// The member, whatever it is; nil when it is missing.
    func any(_ name: String) -> JSONDocument.Value? { value.member(named: name) }

    func string(_ name: String) throws(ControlError) -> String? {
        guard let member = value.member(named: name), !member.isNull else { return nil }
        guard let text = member.string else { throw ControlError(message: "\(name) must be a string") }
        return text
    }

    func required(_ name: String) throws(ControlError) -> String {
        guard let text = try string(name), !text.isEmpty else {
            throw ControlError(message: "\(name) is required")
        }
        return text
    }

    func integer(_ name: String, _ range: ClosedRange<Int> = 0...Int(Int32.max)) throws(ControlError) -> Int?
    {
        guard let member = value.member(named: name), !member.isNull else { return nil }
        guard let number = member.integer, range.contains(number) else {
            throw ControlError(
                message: "\(name) must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ name: String) throws(ControlError) -> Bool? {
        guard let member = value.member(named: name), !member.isNull else { return nil }
        guard let flag = member.bool else { throw ControlError(message: "\(name) must be true or false") }
        return flag
    }

    func strings(_ name: String) throws(ControlError) -> [String]? {
        guard let member = value.member(named: name), !member.isNull else { return nil }
        let list = member.elements.map { $0.string }
        guard member.isArray, !list.contains(nil) else {
            throw ControlError(message: "\(name) must be an array of strings")
        }
        return list.compactMap { $0 }
    }

    /// A value as JSON text.
    func raw(_ name: String) -> [UInt8]? {
        guard let member = value.member(named: name) else { return nil }
        return Array(member.document.source[member.rawRange])
    }
}
