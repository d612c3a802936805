public import Net

/// What ties the lines of one request together: trace, span, execution.
public struct LogContext: Sendable {
    /// 32 lower-case hexadecimal digits.
    public var traceID: [UInt8]? { ids?.trace }
    /// 16 lower-case hexadecimal digits.
    public var spanID: [UInt8]? { ids?.span }
    /// What the functions-framework calls the execution; only when LOG_EXECUTION_ID is on.
    public var executionID: [UInt8]? { ids?.execution }

    /// Of lines that belong to no request.
    public static let none = LogContext(nil, nil, nil)

    /// One reference, since every call is given the context; nil where nothing is known.
    private let ids: IDs?

    private final class IDs: Sendable {
        let trace: [UInt8]?
        let span: [UInt8]?
        let execution: [UInt8]?

        init(_ trace: [UInt8]?, _ span: [UInt8]?, _ execution: [UInt8]?) {
            self.trace = trace
            self.span = span
            self.execution = execution
        }
    }

    private init(_ traceID: [UInt8]?, _ spanID: [UInt8]?, _ executionID: [UInt8]?) {
        let isEmpty = traceID == nil && executionID == nil
        ids = isEmpty ? nil : IDs(traceID, spanID, executionID)
    }

    /// Reads `traceparent` (W3C Trace Context), else `X-Cloud-Trace-Context`. A malformed one is as good as
    /// none.
    public init(_ fields: HTTPFields, withExecutionID: Bool = false) {
        var found: (trace: [UInt8], span: [UInt8]?)?
        if let value = fields["traceparent"], let (trace, span) = Self.traceparent(value) {
            found = (trace, span)
        } else if let value = fields["x-cloud-trace-context"] {
            found = Self.cloudTraceContext(value)
        }
        self.init(found?.trace, found?.span, withExecutionID ? Self.executionID(fields) : nil)
    }

    private static func executionID(_ fields: HTTPFields) -> [UInt8] {
        guard let given = fields["function-execution-id"], !given.isEmpty else { return newExecutionID() }
        return Array(given.prefix(ServiceLimits.executionIDBytesMax))
    }

    /// Twelve digits and letters, as the functions-framework makes them.
    private static func newExecutionID() -> [UInt8] {
        let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        return Crypto.randomBytes(12).map { alphabet[Int($0) % alphabet.count] }
    }

    /// `00-<trace>-<span>-<flags>`; a later version may have more behind it (W3C Trace Context section 3.2).
    static func traceparent(_ value: ArraySlice<UInt8>) -> (trace: [UInt8], span: [UInt8])? {
        let parts = value.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].count == 2, parts[3].count == 2 else { return nil }
        guard isHexadecimal(parts[0]), isHexadecimal(parts[3]), !parts[0].equals("ff") else { return nil }
        guard !parts[0].equals("00") || parts.count == 4 else { return nil }
        guard parts[1].count == 32, isHexadecimal(parts[1]),
            parts[1].contains(where: { $0 != UInt8(ascii: "0") })
        else { return nil }
        guard parts[2].count == 16, isHexadecimal(parts[2]),
            parts[2].contains(where: { $0 != UInt8(ascii: "0") })
        else { return nil }
        return (Array(parts[1]), Array(parts[2]))
    }

    /// `<trace>/<span in decimal>;o=<options>`; span and options may be missing.
    static func cloudTraceContext(_ value: ArraySlice<UInt8>) -> (trace: [UInt8], span: [UInt8]?)? {
        let context = value.prefix { $0 != UInt8(ascii: ";") }
        let trace = context.prefix { $0 != UInt8(ascii: "/") }.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        guard trace.count == 32, isHexadecimal(trace[...]) else { return nil }
        let digits = context.dropFirst(33)
        var span: UInt64 = 0
        for digit in digits {
            guard digit &- 0x30 < 10 else { return (trace, nil) }
            let (product, overflowed) = span.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit &- 0x30))
            if overflowed || carried { return (trace, nil) }
            span = sum
        }
        guard span != 0 else { return (trace, nil) }
        let hexadecimal = String(span, radix: 16)
        return (trace, [UInt8](repeating: 0x30, count: 16 - hexadecimal.utf8.count) + hexadecimal.utf8)
    }

    private static func isHexadecimal(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { $0 &- 0x30 < 10 || $0 &- 0x61 < 6 }
    }
}
