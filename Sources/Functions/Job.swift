internal import JSON

/// What every question's Job has in common, from the configuration.
struct JobSettings: Sendable {
    /// Where the images are; a recipient is appended behind a slash.
    var repositoryURL: RepositoryURL
    var queue: String
    var serviceAccount: String
    /// The topic as it was configured; Jobs get it under both names.
    var topic: String
    /// Words of the command; empty: the image's own.
    var command: [String]
    var defaultCPUs: Quantity
    var defaultMemory: Quantity
    var defaultEphemeralStorage: Quantity
    var ttlSecondsAfterFinished: Int?
    var backoffLimit: Int?
    var activeDeadlineSeconds: Int?
    var priorityClass: String?
}

/// A question's Job as it is sent to the cluster.
struct Job: Sendable {
    /// Its name, which is the question's for ever: a second creation finds the first.
    let name: String
    /// The `uuid` of the question's event, which tells its Job from another event's of the same question.
    let eventUUID: [UInt8]
    /// The JSON of it (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/).
    let body: [UInt8]
}

extension Job {
    /// The Job of a question, checked for what a cluster would refuse, or would take and never start.
    init(of event: Event, settings: JobSettings) throws(Undispatchable) {
        try self.init(of: event, template: JobTemplate(settings))
    }

    /// As above, with a template that is ready.
    init(of event: Event, template: JobTemplate) throws(Undispatchable) {
        let question = try Question(event)
        name = question.uuid.jobName
        eventUUID = Array(event.uuid)
        var body: [UInt8] = []
        body.reserveCapacity(template.byteCount + 2_048 + event.message.data.count * 5 / 4)
        func fill(_ hole: JobTemplate.Hole, _ text: String) {
            body.append(contentsOf: template[before: hole])
            body.append(contentsOf: text.utf8)
        }
        fill(.name, name)
        body.append(contentsOf: template[before: .arguments])
        try Self.appendArguments(of: event, to: &body)
        fill(.tag, question.recipient.tag.text)
        fill(.image, question.recipient.text)
        fill(.containerName, name)
        fill(.cpus, Self.cpus(question.cpus, default: template.defaultCPUs))
        fill(.memory, Self.quoted(question.memory ?? template.defaultMemory))
        fill(.ephemeralStorage, Self.quoted(question.ephemeralStorage ?? template.defaultEphemeralStorage))
        body.append(contentsOf: template.end)
        self.body = body
    }

    // MARK: Arguments

    /// `--attributes` always, inputs only where Python takes them for true; `children` never: its CLI has no
    /// option for them.
    private static func appendArguments(of event: Event, to body: inout [UInt8]) throws(Undispatchable) {
        try append("--attributes", to: &body) { output in
            event.message.attributes.appendPythonText(to: &output, form: argumentForm)
        }
        let inputs: [(StaticString, StaticString)] = [
            ("--input-values", "input_values"), ("--input-manifest", "input_manifest"),
        ]
        for (option, key) in inputs {
            guard let value = event.input(key) else { continue }
            body.append(literal: #"",""#)
            try append(option, to: &body) { output in
                _ = value.appendPythonText(to: &output, form: argumentForm)
            }
        }
    }

    /// A dollar that the kubelet would expand is escaped.
    private static let argumentForm = JSONPythonForm(escapesDollars: true).insideString

    /// Appends an option and its value, but for the quotes before and after both.
    private static func append(
        _ option: StaticString, to body: inout [UInt8], _ value: (inout [UInt8]) -> Void
    ) throws(Undispatchable) {
        body.append(literal: option)
        body.append(literal: #"",""#)
        let start = body.count
        value(&body)
        // What is executed is shorter: without the backslash before each quote and backslash.
        if body.count - start > EventLimits.argumentBytesMax,
            unescapedCount(body[start...]) > EventLimits.argumentBytesMax
        {
            throw .argumentTooLong(option.description)
        }
    }

    /// How many bytes a JSON string stands for, whose only escapes are those of quotes and backslashes.
    private static func unescapedCount(_ text: ArraySlice<UInt8>) -> Int {
        var count = 0
        var isEscaped = false
        for byte in text {
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            if !isEscaped { count += 1 }
        }
        return count
    }

    // MARK: Resources

    /// Attributes are always strings; a default of the CPUs that is a plain number is sent as one, as ever.
    private static func cpus(_ asked: Quantity?, default usual: Quantity) -> String {
        if asked == nil, let number = usual.integer { return String(number) }
        return quoted(asked ?? usual)
    }

    /// A quantity's grammar has nothing that would need an escape.
    private static func quoted(_ quantity: Quantity) -> String { "\"\(quantity.text)\"" }
}
