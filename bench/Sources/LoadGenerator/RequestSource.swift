/// Where a load's requests come from.
package protocol RequestSource: AnyObject {
    /// Makes `buffer` the next request's bytes. False when there are no more.
    ///
    /// `buffer` holds what was written into it for the same connection before, or nothing.
    func write(into buffer: inout [UInt8]) -> Bool
}

/// A request that stays the same but for numbers of fixed width in some places.
///
/// All is made beforehand: what is left to do for an event is to write a few digits.
package final class NumberedRequests: RequestSource {
    /// Which numbers the requests carry.
    package enum Numbering: Sendable {
        /// Each one its own, counted on from a number.
        case fresh(from: Int)
        /// The numbers of a range, each once.
        case once(Range<Int>)
        /// The numbers of a range, again and again.
        case cycling(Range<Int>)
    }

    /// How many hexadecimal digits a number has.
    package static let digits = 12

    private let template: [UInt8]
    private let places: [Int]
    private let numbering: Numbering
    private var position = 0

    /// `marker` is the text of `digits` bytes in whose places the numbers come.
    package init(template: [UInt8], marker: String, numbering: Numbering) {
        precondition(marker.utf8.count == Self.digits, "a marker is as long as a number")
        self.template = template
        self.numbering = numbering
        places = Self.places(of: Array(marker.utf8), in: template)
    }

    package func write(into buffer: inout [UInt8]) -> Bool {
        guard let number = nextNumber() else { return false }
        if buffer.count != template.count { buffer = template }
        for place in places { Self.write(number, into: &buffer, at: place) }
        return true
    }

    private func nextNumber() -> Int? {
        defer { position += 1 }
        switch numbering {
        case .fresh(let first): return first + position
        case .once(let range): return position < range.count ? range.lowerBound + position : nil
        case .cycling(let range): return range.lowerBound + position % range.count
        }
    }

    static func write(_ number: Int, into buffer: inout [UInt8], at place: Int) {
        var rest = number
        for index in stride(from: place + digits - 1, through: place, by: -1) {
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            buffer[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            rest >>= 4
        }
    }

    private static func places(of marker: [UInt8], in bytes: [UInt8]) -> [Int] {
        var found: [Int] = []
        var index = 0
        while index + marker.count <= bytes.count {
            if bytes[index] == marker[0], bytes[index..<index + marker.count].elementsEqual(marker) {
                found.append(index)
                index += marker.count
            } else {
                index += 1
            }
        }
        return found
    }
}

/// Whole requests, one after the other, from the beginning again after the last.
package final class ListedRequests: RequestSource {
    private let requests: [[UInt8]]
    private var position = 0

    package init(_ requests: [[UInt8]]) {
        precondition(!requests.isEmpty, "a list of requests has at least one")
        self.requests = requests
    }

    package func write(into buffer: inout [UInt8]) -> Bool {
        buffer = requests[position % requests.count]
        position += 1
        return true
    }
}

/// Several sources in a fixed pattern: mixed work.
package final class MixedRequests: RequestSource {
    private let sources: [any RequestSource]
    private let pattern: [Int]
    private var position = 0

    /// `pattern` holds indices of `sources`, taken one after the other and from the beginning again.
    package init(_ sources: [any RequestSource], pattern: [Int]) {
        precondition(
            !pattern.isEmpty && pattern.allSatisfy(sources.indices.contains), "a pattern names its sources")
        self.sources = sources
        self.pattern = pattern
    }

    package func write(into buffer: inout [UInt8]) -> Bool {
        let source = sources[pattern[position % pattern.count]]
        position += 1
        // Sizes of different sources may agree, their bytes do not.
        buffer.removeAll(keepingCapacity: true)
        return source.write(into: &buffer)
    }
}
