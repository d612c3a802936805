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
    /// The question, whose id names the Job.
    let question: QuestionUUID
    /// The `uuid` of the question's event, which tells its Job from another event's of the same question.
    let eventUUID: [UInt8]
    /// The JSON of it (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/).
    let body: [UInt8]
    /// Where in it the value of `--attributes` stands.
    let attributes: Range<Int>

    /// Its name, which is the question's for ever: a second creation finds the first.
    var name: String { question.jobName }
}

extension Job {
    /// The Job of a question, checked for what a cluster would refuse, or would take and never start.
    init(of event: Event, settings: JobSettings) throws(Undispatchable) {
        try self.init(of: event, template: JobTemplate(settings))
    }

    /// As above, with a template that is ready.
    init(of event: Event, template: JobTemplate) throws(Undispatchable) {
        let question = try Question(event)
        guard question.recipient.nameLength <= template.revisionNameLengthMax else { throw .imageNameTooLong }
        self.question = question.uuid
        eventUUID = Array(event.uuid)
        var body: [UInt8] = []
        body.reserveCapacity(template.byteCount + 2_048 + event.message.data.count * 5 / 4)
        func fill(_ hole: JobTemplate.Hole, prefix: StaticString = "", _ text: String) {
            body.append(contentsOf: template[before: hole])
            body.append(literal: prefix)
            body.append(contentsOf: text.utf8)
        }
        func fill(_ hole: JobTemplate.Hole, _ asked: Quantity?, default usual: [UInt8]) {
            body.append(contentsOf: template[before: hole])
            if let asked { body.append(json: asked) } else { body.append(contentsOf: usual) }
        }
        fill(.name, prefix: QuestionUUID.jobNamePrefix, question.uuid.text)
        body.append(contentsOf: template[before: .arguments])
        attributes = try Self.appendArguments(of: event, to: &body)
        fill(.tag, question.recipient.tag.text)
        fill(.image, question.recipient.text)
        fill(.containerName, prefix: QuestionUUID.jobNamePrefix, question.uuid.text)
        fill(.cpus, question.cpus, default: template.defaultCPUs)
        fill(.memory, question.memory, default: template.defaultMemory)
        fill(.ephemeralStorage, question.ephemeralStorage, default: template.defaultEphemeralStorage)
        body.append(contentsOf: template.end)
        self.body = body
    }

    // MARK: Arguments

    /// `--attributes` always, inputs only where Python takes them for true; `children` never: its CLI has no
    /// option for them. Returns where the value of `--attributes` stands.
    private static func appendArguments(
        of event: Event, to body: inout [UInt8]
    ) throws(Undispatchable) -> Range<Int> {
        let attributes = try append("--attributes", to: &body) { output in
            event.message.attributes.appendPythonText(to: &output, form: argumentForm)
        }
        let inputs: [(StaticString, StaticString)] = [
            ("--input-values", "input_values"), ("--input-manifest", "input_manifest"),
        ]
        for (option, key) in inputs {
            guard let value = event.input(key) else { continue }
            body.append(literal: #"",""#)
            _ = try append(option, to: &body) { output in
                _ = value.appendPythonText(to: &output, form: argumentForm)
            }
        }
        return attributes
    }

    /// A dollar that the kubelet would expand is escaped.
    private static let argumentForm = JSONPythonForm(escapesDollars: true).insideString

    /// Appends an option and its value, but for the quotes before and after both. Returns where the value
    /// stands.
    private static func append(
        _ option: StaticString, to body: inout [UInt8], _ value: (inout [UInt8]) -> Void
    ) throws(Undispatchable) -> Range<Int> {
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
        return start..<body.count
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
}

extension [UInt8] {
    /// Appends a quantity as a JSON string: its grammar has nothing that would need an escape.
    mutating func append(json quantity: Quantity) {
        append(UInt8(ascii: "\""))
        append(contentsOf: quantity.text.utf8)
        append(UInt8(ascii: "\""))
    }
}
