internal import JSON

/// The attributes of a Pub/Sub message: names and values as UTF-8, in the order they came in.
///
/// All of them are ranges of one block of bytes, which usually is the request's own body: a message of a
/// hundred attributes costs one array.
struct Attributes: Sendable {
    private typealias Place = JSONDocument.StringMembers.Place

    /// What the places are in.
    let bytes: [UInt8]
    private let places: [Place]
    /// Which attribute of the message each one is that the program reads, by its number; -1 where a message
    /// has none. Found once, so that each look-up is one step.
    private let indices: InlineArray<15, Int32>
    /// A bit for each of the first 64, the first one's lowest: whether it has a column of its own in the
    /// events table.
    private let columns: UInt64
    /// Whether all names and values are known to be printable ASCII without quote and backslash.
    private let arePlain: Bool

    /// No attributes.
    init() { self.init(bytes: [], places: [], arePlain: true) }

    private init(bytes: [UInt8], places: [Place], arePlain: Bool) {
        var indices = InlineArray<15, Int32>(repeating: -1)
        var columns: UInt64 = 0
        let span = bytes.span
        for index in places.indices {
            guard let known = AttributeName(span.extracting(places[index].name)) else { continue }
            indices[known.rawValue] = Int32(index)
            if known.isColumn, index < UInt64.bitWidth { columns |= 1 &<< UInt64(index) }
        }
        self.bytes = bytes
        self.places = places
        self.indices = indices
        self.columns = columns
        self.arePlain = arePlain
    }

    /// The members of an object; nil where a value is no string.
    init?(_ object: JSONDocument.Value) {
        guard let members = object.stringMembers else { return nil }
        if members.areInPlace {
            self.init(bytes: object.document.source, places: members.places, arePlain: members.arePlain)
        } else {
            self.init(object.members.map { ($0.key.stringBytes ?? [], $0.value.stringBytes ?? []) })
        }
    }

    /// Names and values. Of equal names the last value is taken, at the first one's place.
    init(_ pairs: [(name: [UInt8], value: [UInt8])]) {
        var bytes: [UInt8] = []
        var places: [Place] = []
        var indices: [[UInt8]: Int] = [:]
        for (name, value) in pairs {
            let start = bytes.count
            bytes += name
            bytes += value
            let place = Place(name: start..<start + name.count, value: start + name.count..<bytes.count)
            if let index = indices[name] {
                places[index] = place
            } else {
                indices[name] = places.count
                places.append(place)
            }
        }
        self.init(bytes: bytes, places: places, arePlain: false)
    }

    /// How many there are.
    var count: Int { places.count }

    /// Where the name of the attribute at `index` stands in `bytes`.
    func nameRange(at index: Int) -> Range<Int> { places[index].name }

    /// Where the value of the attribute at `index` stands in `bytes`.
    func valueRange(at index: Int) -> Range<Int> { places[index].value }

    /// Whether the attribute at `index` has a column of its own in the events table.
    private func isColumn(at index: Int) -> Bool {
        if index < UInt64.bitWidth { return columns &>> UInt64(index) & 1 == 1 }
        return AttributeName(bytes.span.extracting(places[index].name))?.isColumn ?? false
    }

    /// Whether the attribute at `index` is called `name`.
    func isNamed(_ name: String, at index: Int) -> Bool {
        let range = places[index].name
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
        let index = indices[name.rawValue]
        return index < 0 ? nil : places[Int(index)].value
    }

    /// The value of an attribute; nil where there is none of this name.
    subscript(name: String) -> ArraySlice<UInt8>? {
        for index in places.indices where isNamed(name, at: index) { return bytes[places[index].value] }
        return nil
    }

    /// Appends them as Python's `json.dumps` writes a `dict`: all, or only those without a column of their
    /// own.
    func appendPythonText(
        to output: inout [UInt8], form: JSONPythonForm = .standard, omittingColumns: Bool = false
    ) {
        JSONPythonText.appendObject(places, of: bytes, arePlain: arePlain, to: &output, form: form) {
            !(omittingColumns && isColumn(at: $0))
        }
    }

    /// Appends `,"name":"value"` for an attribute that the program reads, if there is such an attribute.
    func appendMember(_ name: AttributeName, to output: inout [UInt8]) {
        guard let range = valueRange(of: name) else { return }
        if arePlain {
            JSONEscaping.appendMember(name.text, plain: bytes, in: range, to: &output)
        } else {
            JSONEscaping.appendMember(name.text, bytes[range], to: &output, form: .utf8)
        }
    }
}
