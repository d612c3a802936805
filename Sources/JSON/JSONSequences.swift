extension JSONDocument.Value {
    /// The members of this object in the text's order, equal keys folded (the last value, at the first
    /// one's place). Empty for anything else.
    public var members: JSONDocument.Members { JSONDocument.Members(of: self) }

    /// The elements of this array. Empty for anything else.
    public var elements: JSONDocument.Elements { JSONDocument.Elements(of: self) }

    /// Hands out the members of this object in one walk: each name unescaped (WTF-8), and its value. Equal
    /// names are not folded; the last one's value is the one that counts. Of anything else: nothing.
    public func forEachMember(_ body: (_ name: Span<UInt8>, _ value: JSONDocument.Value) -> Void) {
        guard isObject else { return }
        let words = document.tape
        let tape = words.span
        let source = document.source
        let end = Int(tape[index + 1])
        var key = index + 3
        while key < end {
            let range = Tape.content(tape[key], tape[key + 1])
            let value = JSONDocument.Value(document: document, index: key + 2)
            if Tape.tag(of: tape[key]) == .escapedString {
                var name: [UInt8] = []
                Unescaping.append(source.span, range, to: &name)
                body(name.span, value)
            } else {
                body(source.span.extracting(range), value)
            }
            key = Tape.next(after: key + 2, on: tape)
        }
    }

    /// The members of this object in the text's order, if the value of each is a string; nil where one is
    /// not, and where this is no object. Equal names are not folded.
    public var stringMembers: JSONDocument.StringMembers? {
        guard isObject else { return nil }
        let words = document.tape
        return JSONDocument.StringMembers(of: index, on: words.span)
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
    /// Where names and values of an object of strings stand in its document's source.
    public struct StringMembers: Sendable {
        /// Where one member stands, without quotes.
        public struct Place: Sendable {
            /// Where its name stands.
            public let name: Range<Int>
            /// Where its value stands.
            public let value: Range<Int>

            /// Makes a place; used where a source is put together from other parts.
            public init(name: Range<Int>, value: Range<Int>) {
                self.name = name
                self.value = value
            }
        }

        /// The place of each member, in the text's order.
        public let places: [Place]
        /// Whether the source holds names and values as they are: none has an escape, and no name stands
        /// twice.
        public let areInPlace: Bool
        /// Whether names and values are printable ASCII without escapes.
        public let arePlain: Bool

        /// Nil where some value is no string.
        init?(of object: Int, on tape: Span<UInt32>) {
            let start = object + 3
            let end = Int(tape[object + 1])
            var places: [Place] = []
            places.reserveCapacity((end - start) / 4)
            // Tags of strings are in order: the greatest is that of one with an escape.
            var greatest = Tape.word(.plainString, 0)
            // Each member has two words for its name, and two for its value where that is a string.
            for key in stride(from: start, to: end, by: 4) {
                let (name, value) = (tape[key], tape[key + 2])
                guard Tape.isString(value) else { return nil }
                greatest = max(greatest, name, value)
                places.append(
                    Place(
                        name: Tape.content(name, tape[key + 1]), value: Tape.content(value, tape[key + 3])))
            }
            self.places = places
            arePlain = Tape.tag(of: greatest) == .plainString
            areInPlace =
                Tape.tag(of: greatest) != .escapedString && Tape.tag(of: tape[object]) == .object
        }
    }

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
