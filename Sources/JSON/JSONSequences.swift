extension JSONDocument.Value {
    /// The members of this object in the text's order, equal keys folded (the last value, at the first
    /// one's place). Empty for anything else.
    public var members: JSONDocument.Members { JSONDocument.Members(of: self) }

    /// The elements of this array. Empty for anything else.
    public var elements: JSONDocument.Elements { JSONDocument.Elements(of: self) }

    /// Hands out where name and value of each member stand in the source, without their quotes; equal names
    /// are not folded. Returns false, and stops, at a value that is no string, or where this is no object.
    public func forEachStringMember(
        _ body: (_ name: Range<Int>, _ value: Range<Int>, _ hasEscapes: Bool) -> Void
    ) -> Bool {
        guard isObject else { return false }
        let words = document.tape
        let tape = words.span
        let end = Int(tape[index + 1])
        var key = index + 3
        while key < end {
            let valueTag = Tape.tag(of: tape[key + 2])
            switch valueTag {
            case .plainString, .unicodeString, .escapedString: break
            default: return false
            }
            let name = Tape.offset(of: tape[key])
            let value = Tape.offset(of: tape[key + 2])
            body(
                name..<name + Int(tape[key + 1]), value..<value + Int(tape[key + 3]),
                valueTag == .escapedString || Tape.tag(of: tape[key]) == .escapedString)
            key += 4
        }
        return true
    }

    /// Whether some key stands more than once in this object.
    public var hasEqualKeys: Bool { tag == .objectWithDuplicates }

    /// Whether this array or object has nothing in it. Of anything else: true.
    public var isEmpty: Bool {
        switch tag {
        case .array, .object, .objectWithDuplicates: Int(document.tape[index + 1]) == index + 3
        default: true
        }
    }

    /// Tape indices of keys and values with equal keys folded. For the rare object that has some.
    func foldedMembers() -> [(key: Int, value: Int)] {
        let words = document.tape
        let tape = words.span
        let source = document.source
        let bytes = source.span
        var folded: [(key: Int, value: Int)] = []
        let end = Int(tape[index + 1])
        var key = index + 3
        var count = 0
        while key < end {
            count += 1
            key = Tape.next(after: key + 2, on: tape)
        }
        var table = KeyTable(keysMax: count)
        key = index + 3
        while key < end {
            if let place = table.insert(key, on: tape, bytes) {
                folded[place].value = key + 2
            } else {
                folded.append((key, key + 2))
            }
            key = Tape.next(after: key + 2, on: tape)
        }
        return folded
    }
}

extension JSONDocument {
    /// The members of an object.
    public struct Members: Sequence, IteratorProtocol {
        private let document: JSONDocument
        private var position: Int
        private let end: Int
        private let folded: [(key: Int, value: Int)]?

        init(of value: Value) {
            document = value.document
            switch value.tag {
            case .objectWithDuplicates:
                let members = value.foldedMembers()
                folded = members
                position = 0
                end = members.count
            case .object:
                folded = nil
                position = value.index + 3
                end = Int(value.document.tape[value.index + 1])
            default:
                folded = nil
                position = 0
                end = 0
            }
        }

        /// The next member; its key is always a string.
        public mutating func next() -> (key: Value, value: Value)? {
            guard position < end else { return nil }
            if let folded {
                let member = folded[position]
                position += 1
                return (
                    Value(document: document, index: member.key),
                    Value(document: document, index: member.value)
                )
            }
            let key = position
            let tape = document.tape
            position = Tape.next(after: key + 2, on: tape.span)
            return (Value(document: document, index: key), Value(document: document, index: key + 2))
        }
    }

    /// The elements of an array.
    public struct Elements: Sequence, IteratorProtocol {
        private let document: JSONDocument
        private var position: Int
        private let end: Int

        init(of value: Value) {
            document = value.document
            let isArray = value.tag == .array
            position = isArray ? value.index + 3 : 0
            end = isArray ? Int(value.document.tape[value.index + 1]) : 0
        }

        /// The next element.
        public mutating func next() -> Value? {
            guard position < end else { return nil }
            let element = Value(document: document, index: position)
            let tape = document.tape
            position = Tape.next(after: position, on: tape.span)
            return element
        }
    }
}
