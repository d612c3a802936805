import JSON

/// The columns of the events table, as they are deployed, and what BigQuery says about a row that does not
/// fit.
enum EventsSchema {
    enum ColumnType: String { case string = "STRING", timestamp = "TIMESTAMP", json = "JSON" }

    struct Column {
        let name: String
        let type: ColumnType
        let isRequired: Bool
    }

    static let columns: [Column] = [
        column("datetime", .timestamp), column("uuid"), column("kind"), column("event", .json),
        column("other_attributes", .json), column("originator"), column("parent"), column("sender"),
        column("sender_type"), column("sender_sdk_version"), column("recipient"),
        column("originator_question_uuid"), column("parent_question_uuid", required: false),
        column("question_uuid"), column("backend"), column("backend_metadata", .json),
    ]

    private static func column(_ name: String, _ type: ColumnType = .string, required: Bool = true) -> Column
    {
        Column(name: name, type: type, isRequired: required)
    }

    /// What is wrong with a row; nothing when it fits.
    static func errors(of row: JSONDocument.Value, ignoresUnknown: Bool) -> [RowError] {
        var errors: [RowError] = []
        var present = [Bool](repeating: false, count: columns.count)
        var next = 0
        for (key, value) in row.members {
            guard let index = index(of: key, expectedAt: next) else {
                let name = key.string ?? ""
                if !ignoresUnknown { errors.append(invalid(name, "no such field: \(name).")) }
                continue
            }
            next = index + 1
            if value.isNull { continue }
            present[index] = true
            if let message = mismatch(value, columns[index]) {
                errors.append(invalid(columns[index].name, message))
            }
        }
        for (column, isThere) in zip(columns, present) where column.isRequired && !isThere {
            errors.append(invalid(column.name, "Missing required field: \(column.name)."))
        }
        return errors
    }

    /// The column of a name. It is looked for first where it stands when columns come in their order.
    ///
    /// BigQuery compares column names without case; the functions write them as they are.
    private static func index(of key: JSONDocument.Value, expectedAt expected: Int) -> Int? {
        if expected < columns.count, key.equals(text: columns[expected].name) { return expected }
        return columns.firstIndex { key.equals(text: $0.name) }
    }

    private static func invalid(_ location: String, _ message: String) -> RowError {
        RowError(reason: "invalid", location: location, message: message)
    }

    private static func mismatch(_ value: JSONDocument.Value, _ column: Column) -> String? {
        switch column.type {
        case .string:
            switch value.kind {
            case .string, .number, .boolean: return nil
            case .array: return "Array specified for non-repeated field: \(column.name)."
            case .object, .null: return "This field: \(column.name) is not a record."
            }
        case .timestamp:
            if value.kind == .number { return nil }
            guard let text = value.stringBytes, TimestampText.isValid(text) else {
                return
                    "Could not parse '\(value.string ?? "")' as a timestamp. Required format is YYYY-MM-DD "
                    + "HH:MM[:SS[.SSSSSS]]"
            }
            return nil
        case .json:
            guard let text = value.stringBytes else {
                return "This field: \(column.name) is not a record."
            }
            do throws(JSONError) {
                _ = try JSONDocument(parsing: text)
                return nil
            } catch {
                return "Invalid JSON value in field \(column.name): \(error)"
            }
        }
    }
}

/// The texts that BigQuery reads as a TIMESTAMP: a canonical one, or seconds since 1970.
enum TimestampText {
    static func isValid(_ text: [UInt8]) -> Bool {
        isDate(text) || isNumber(text)
    }

    private static func isNumber(_ text: [UInt8]) -> Bool {
        guard let seconds = Double(String(decoding: text, as: UTF8.self)), seconds.isFinite else {
            return false
        }
        return abs(seconds) < 253_402_300_800
    }

    private static func isDate(_ text: [UInt8]) -> Bool {
        var scanner = Scanner(text)
        guard scanner.date() else { return false }
        if scanner.isAtEnd { return true }
        if scanner.skip("T") || scanner.skip("t") || scanner.skip(" ") {
            if !scanner.isAtZone {
                guard scanner.time() else { return false }
            }
        }
        return scanner.zone() && scanner.isAtEnd
    }

    private struct Scanner {
        private let text: [UInt8]
        private var at = 0

        init(_ text: [UInt8]) { self.text = text }

        var isAtEnd: Bool { at == text.count }
        var isAtZone: Bool { at < text.count && !(48...57).contains(text[at]) }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard at < text.count, text[at] == UInt8(ascii: character) else { return false }
            at += 1
            return true
        }

        /// So many digits, as a number within `range`.
        mutating func number(_ digits: ClosedRange<Int>, _ range: ClosedRange<Int>) -> Int? {
            var value = 0
            var count = 0
            while at < text.count, (48...57).contains(text[at]), count < digits.upperBound {
                value = value * 10 + Int(text[at]) - 48
                at += 1
                count += 1
            }
            return count >= digits.lowerBound && range.contains(value) ? value : nil
        }

        mutating func date() -> Bool {
            guard let year = number(4...4, 1...9_999), skip("-"), let month = number(1...2, 1...12),
                skip("-"),
                let day = number(1...2, 1...31)
            else { return false }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            return day <= lengths[month - 1]
        }

        mutating func time() -> Bool {
            guard number(1...2, 0...23) != nil, skip(":"), number(1...2, 0...59) != nil else { return false }
            if skip(":") {
                guard number(1...2, 0...60) != nil else { return false }
                if skip(".") { return number(1...6, 0...999_999) != nil }
            }
            return true
        }

        mutating func zone() -> Bool {
            if isAtEnd { return true }
            _ = skip(" ")
            if skip("Z") || skip("z") { return true }
            if text[at...].elementsEqual("UTC".utf8) {
                at += 3
                return true
            }
            guard skip("+") || skip("-"), number(1...2, 0...14) != nil else { return false }
            if skip(":") { return number(2...2, 0...59) != nil }
            return isAtEnd || number(2...2, 0...59) != nil
        }
    }
}
