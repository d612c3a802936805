internal import JSON

/// The attributes of a Pub/Sub message: names and values as UTF-8, in the order they came in.
///
/// All of them are ranges of one block of bytes, which usually is the request's own body: a message of a
/// hundred attributes costs one array.
struct Attributes: Sendable {
    private struct Entry {
        var name: Range<Int>
        var value: Range<Int>
        /// Whether it has a column of its own in the events table.
        var isColumn = false
    }

    /// What the ranges are of.
    let bytes: [UInt8]
    private let entries: [Entry]
    /// Where the attributes that the program reads stand, by their number; -1 where a message has none. Found
    /// once, so that each look-up is one step.
    private let places: InlineArray<15, Int32>

    /// No attributes.
    init() { self.init(bytes: [], entries: []) }

    private init(bytes: [UInt8], entries: [Entry]) {
        var places = InlineArray<15, Int32>(repeating: -1)
        var entries = entries
        for position in entries.indices {
            guard let known = AttributeName(bytes[entries[position].name]) else { continue }
            places[known.rawValue] = Int32(position)
            entries[position].isColumn = known.isColumn
        }
        self.bytes = bytes
        self.entries = entries
        self.places = places
    }

    /// The members of an object; nil where a value is no string.
    init?(_ object: JSONDocument.Value) {
        var entries: [Entry] = []
        entries.reserveCapacity(16)
        var isInPlace = !object.hasEqualKeys
        let areStrings = object.forEachStringMember { name, value, hasEscapes in
            entries.append(Entry(name: name, value: value))
            if hasEscapes { isInPlace = false }
        }
        guard areStrings else { return nil }
        if isInPlace {
            self.init(bytes: object.document.source, entries: entries)
        } else {
            self.init(object.members.map { ($0.key.stringBytes ?? [], $0.value.stringBytes ?? []) })
        }
    }

    /// Names and values. Of equal names the last value is taken, at the first one's place.
    init(_ pairs: [(name: [UInt8], value: [UInt8])]) {
        var bytes: [UInt8] = []
        var entries: [Entry] = []
        var places: [[UInt8]: Int] = [:]
        for (name, value) in pairs {
            let start = bytes.count
            bytes += name
            bytes += value
            let entry = Entry(name: start..<start + name.count, value: start + name.count..<bytes.count)
            if let place = places[name] {
                entries[place] = entry
            } else {
                places[name] = entries.count
                entries.append(entry)
            }
        }
        self.init(bytes: bytes, entries: entries)
    }

    /// How many there are.
    var count: Int { entries.count }

    /// Where the name of the attribute at `index` stands in `bytes`.
    func nameRange(at index: Int) -> Range<Int> { entries[index].name }

    /// Where the value of the attribute at `index` stands in `bytes`.
    func valueRange(at index: Int) -> Range<Int> { entries[index].value }

    /// Whether the attribute at `index` is called `name`.
    func isNamed(_ name: String, at index: Int) -> Bool {
        let range = entries[index].name
        guard range.count == name.utf8.count else { return false }
        var position = range.lowerBound
        for byte in name.utf8 {
            guard bytes[position] == byte else { return false }
            position += 1
        }
        return true
    }

    /// The value of an attribute that the program reads; nil where there is none.
    subscript(name: AttributeName) -> ArraySlice<UInt8>? {
        valueRange(of: name).map { bytes[$0] }
    }

    /// Where the value of an attribute that the program reads stands in `bytes`; nil where there is none.
    func valueRange(of name: AttributeName) -> Range<Int>? {
        let place = places[name.rawValue]
        return place < 0 ? nil : entries[Int(place)].value
    }

    /// The value of an attribute; nil where there is none of this name.
    subscript(name: String) -> ArraySlice<UInt8>? {
        for index in entries.indices where isNamed(name, at: index) { return bytes[entries[index].value] }
        return nil
    }

    /// Appends them as Python's `json.dumps` writes a `dict`: all, or only those without a column of their
    /// own.
    func appendPythonText(
        to output: inout [UInt8], form: JSONPythonForm = .standard, omittingColumns: Bool = false
    ) {
        output.append(0x7B)
        var isFirst = true
        for entry in entries where !(omittingColumns && entry.isColumn) {
            if !isFirst {
                output.append(0x2C)
                output.append(0x20)
            }
            isFirst = false
            JSONPythonText.appendString(bytes, in: entry.name, to: &output, form: form)
            output.append(0x3A)
            output.append(0x20)
            JSONPythonText.appendString(bytes, in: entry.value, to: &output, form: form)
        }
        output.append(0x7D)
    }
}
