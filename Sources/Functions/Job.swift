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
        let question = try Question(event)
        let arguments = try Self.arguments(of: event)
        name = question.uuid.jobName
        eventUUID = Array(event.uuid)
        var writer = JSONWriter(capacity: 1_536 + arguments.reduce(0) { $0 + $1.text.count * 5 / 4 })
        writer.beginObject()
        writer.member("apiVersion", "batch/v1")
        writer.member("kind", "Job")
        Self.writeMetadata(&writer, name, settings)
        writer.key("spec")
        writer.beginObject()
        writer.member("completions", 1)
        writer.member("parallelism", 1)
        writer.member("suspend", true)
        if let seconds = settings.ttlSecondsAfterFinished {
            writer.member("ttlSecondsAfterFinished", seconds)
        }
        if let limit = settings.backoffLimit { writer.member("backoffLimit", limit) }
        if let seconds = settings.activeDeadlineSeconds { writer.member("activeDeadlineSeconds", seconds) }
        Self.writeTemplate(&writer, question, arguments, settings)
        writer.endObject()
        writer.endObject()
        body = writer.finish()
    }

    private struct Argument {
        let name: String
        let text: [UInt8]
    }

    private static func writeMetadata(_ writer: inout JSONWriter, _ name: String, _ settings: JobSettings) {
        writer.key("metadata")
        writer.beginObject()
        writer.key("labels")
        writer.beginObject()
        writer.member("kueue.x-k8s.io/queue-name", settings.queue)
        if let priorityClass = settings.priorityClass {
            writer.member("kueue.x-k8s.io/priority-class", priorityClass)
        }
        writer.endObject()
        writer.member("name", name)
        writer.endObject()
    }

    private static func writeTemplate(
        _ writer: inout JSONWriter, _ question: Question, _ arguments: [Argument], _ settings: JobSettings
    ) {
        writer.key("template")
        writer.beginObject()
        writer.key("spec")
        writer.beginObject()
        writer.key("containers")
        writer.beginArray()
        writer.beginObject()
        writer.key("args")
        writer.beginArray()
        for argument in arguments {
            writer.string(argument.name)
            writer.string(bytes: argument.text)
        }
        writer.endArray()
        if !settings.command.isEmpty {
            writer.key("command")
            writer.beginArray()
            for word in settings.command { writer.string(word) }
            writer.endArray()
        }
        writeEnvironment(&writer, question.recipient, settings)
        writer.member("image", settings.repositoryURL.image(of: question.recipient))
        writer.member("name", question.uuid.jobName)
        writeResources(&writer, question, settings)
        writer.endObject()
        writer.endArray()
        writer.member("restartPolicy", "Never")
        writer.member("serviceAccountName", settings.serviceAccount)
        writer.endObject()
        writer.endObject()
    }

    /// The last one is ours, for images that know only the topic's old name.
    private static func writeEnvironment(
        _ writer: inout JSONWriter, _ recipient: ServiceRevision, _ settings: JobSettings
    ) {
        writer.key("env")
        writer.beginArray()
        for (name, value) in [
            ("TWINED_SERVICES_TOPIC_NAME", settings.topic), ("COMPUTE_PROVIDER", "GOOGLE_KUEUE"),
            ("OCTUE_SERVICE_REVISION_TAG", recipient.tag.text), ("OCTUE_SERVICES_TOPIC_NAME", settings.topic),
        ] {
            writer.beginObject()
            writer.member("name", name)
            writer.member("value", value)
            writer.endObject()
        }
        writer.endArray()
    }

    /// `--attributes` always, inputs only where Python takes them for true; `children` never: its CLI has no
    /// option for them. A dollar that the kubelet would expand is escaped.
    private static func arguments(of event: Event) throws(Undispatchable) -> [Argument] {
        let form = JSONPythonForm(escapesDollars: true)
        var arguments = [Argument(name: "--attributes", text: event.attributesText(form))]
        let inputs: [(String, StaticString)] = [
            ("--input-values", "input_values"), ("--input-manifest", "input_manifest"),
        ]
        for (name, key) in inputs {
            guard let value = event.input(key) else { continue }
            var text: [UInt8] = []
            text.reserveCapacity(value.rawRange.count * 9 / 8)
            _ = value.appendPythonText(to: &text, form: form)
            arguments.append(Argument(name: name, text: text))
        }
        for argument in arguments where argument.text.count > EventLimits.argumentBytesMax {
            throw .argumentTooLong(argument.name)
        }
        return arguments
    }

    /// Attributes are always strings; a default of the CPUs that is a plain number is sent as one, as ever.
    private static func writeResources(
        _ writer: inout JSONWriter, _ question: Question, _ settings: JobSettings
    ) {
        writer.key("resources")
        writer.beginObject()
        writer.key("requests")
        writer.beginObject()
        if question.cpus == nil, let number = settings.defaultCPUs.integer {
            writer.member("cpu", number)
        } else {
            writer.member("cpu", (question.cpus ?? settings.defaultCPUs).text)
        }
        writer.member("memory", (question.memory ?? settings.defaultMemory).text)
        writer.member(
            "ephemeral-storage", (question.ephemeralStorage ?? settings.defaultEphemeralStorage).text)
        writer.endObject()
        writer.endObject()
    }
}
