internal import JSON

/// The JSON of every question's Job but for what the question fills in.
///
/// Made once from the configuration, so that a Job is a handful of copies
/// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/).
struct JobTemplate: Sendable {
    /// What a question fills in, in the order in which it stands in the text.
    enum Hole: Int, CaseIterable {
        /// The name of the Job, between quotes.
        case name
        /// The arguments of the container, between the quotes of the first and the last.
        case arguments
        /// The recipient's tag, between quotes.
        case tag
        /// The recipient, behind the repository's URL and between quotes.
        case image
        /// The name of the container, between quotes.
        case containerName
        /// What each container asks for, as a JSON value.
        case cpus, memory, ephemeralStorage
    }

    /// What a container gets where the question does not ask, as JSON values.
    private(set) var defaultCPUs: [UInt8] = []
    private(set) var defaultMemory: [UInt8] = []
    private(set) var defaultEphemeralStorage: [UInt8] = []
    /// What stands before each hole.
    private var pieces: [[UInt8]] = []
    /// What stands behind the last.
    private(set) var end: [UInt8] = []
    /// The longest name of a revision that makes an image's name with the repository before it.
    let revisionNameLengthMax: Int
    /// The length of all that is filled in already.
    private(set) var byteCount = 0

    /// The template of these settings.
    init(_ settings: JobSettings) {
        // The registry's host and a slash do not count; the slash behind the repository does.
        let path = settings.repositoryURL.text.utf8.drop { $0 != 0x2F }
        revisionNameLengthMax = ServiceRevision.nameLengthMax - path.count
        // What a question asks for is always a string; a default that is a plain number is sent as one, as
        // ever.
        if let number = settings.defaultCPUs.integer {
            defaultCPUs = Array(String(number).utf8)
        } else {
            defaultCPUs.append(json: settings.defaultCPUs)
        }
        defaultMemory.append(json: settings.defaultMemory)
        defaultEphemeralStorage.append(json: settings.defaultEphemeralStorage)
        var writer = JSONWriter(capacity: 2_048)
        writer.beginObject()
        writer.member("apiVersion", "batch/v1")
        writer.member("kind", "Job")
        writeMetadata(&writer, settings)
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
        writePod(&writer, settings)
        writer.endObject()
        writer.endObject()
        end = writer.finish()
        byteCount += end.count
        precondition(pieces.count == Hole.allCases.count, "every hole has its place")
    }

    /// What stands between the hole before and this one.
    subscript(before hole: Hole) -> [UInt8] { pieces[hole.rawValue] }

    /// Ends a piece: what is written next stands behind the hole.
    private mutating func cut(_ hole: Hole, _ output: inout [UInt8], adding text: String = "") {
        precondition(pieces.count == hole.rawValue, "holes come in the order of their values")
        output += text.utf8
        byteCount += output.count
        // A copy of just its size, since it is kept; the output's room goes on being used.
        var piece: [UInt8] = []
        piece.reserveCapacity(output.count)
        piece.append(contentsOf: output)
        pieces.append(piece)
        output.removeAll(keepingCapacity: true)
    }

    private mutating func writeMetadata(_ writer: inout JSONWriter, _ settings: JobSettings) {
        writer.key("metadata")
        writer.beginObject()
        writer.key("labels")
        writer.beginObject()
        writer.member("kueue.x-k8s.io/queue-name", settings.queue)
        if let priorityClass = settings.priorityClass {
            writer.member("kueue.x-k8s.io/priority-class", priorityClass)
        }
        writer.endObject()
        writer.key("name")
        writer.string { cut(.name, &$0) }
        writer.endObject()
    }

    private mutating func writePod(_ writer: inout JSONWriter, _ settings: JobSettings) {
        writer.key("template")
        writer.beginObject()
        writer.key("spec")
        writer.beginObject()
        writer.key("containers")
        writer.beginArray()
        writeContainer(&writer, settings)
        writer.endArray()
        writer.member("restartPolicy", "Never")
        writer.member("serviceAccountName", settings.serviceAccount)
        writer.endObject()
        writer.endObject()
    }

    private mutating func writeContainer(_ writer: inout JSONWriter, _ settings: JobSettings) {
        writer.beginObject()
        writer.key("args")
        writer.beginArray()
        writer.string { cut(.arguments, &$0) }
        writer.endArray()
        if !settings.command.isEmpty {
            writer.key("command")
            writer.beginArray()
            for word in settings.command { writer.string(word) }
            writer.endArray()
        }
        writeEnvironment(&writer, settings)
        writer.key("image")
        writer.string { cut(.image, &$0, adding: settings.repositoryURL.text + "/") }
        writer.key("name")
        writer.string { cut(.containerName, &$0) }
        writeResources(&writer)
        writer.endObject()
    }

    /// The last one is ours, for images that know only the topic's old name.
    private mutating func writeEnvironment(_ writer: inout JSONWriter, _ settings: JobSettings) {
        func write(_ name: String, _ value: (inout JSONWriter) -> Void) {
            writer.beginObject()
            writer.member("name", name)
            writer.key("value")
            value(&writer)
            writer.endObject()
        }
        writer.key("env")
        writer.beginArray()
        write("TWINED_SERVICES_TOPIC_NAME") { $0.string(settings.topic) }
        write("COMPUTE_PROVIDER") { $0.string("GOOGLE_KUEUE") }
        write("OCTUE_SERVICE_REVISION_TAG") { $0.string { cut(.tag, &$0) } }
        write("OCTUE_SERVICES_TOPIC_NAME") { $0.string(settings.topic) }
        writer.endArray()
    }

    private mutating func writeResources(_ writer: inout JSONWriter) {
        writer.key("resources")
        writer.beginObject()
        writer.key("requests")
        writer.beginObject()
        writer.key("cpu")
        writer.raw { cut(.cpus, &$0) }
        writer.key("memory")
        writer.raw { cut(.memory, &$0) }
        writer.key("ephemeral-storage")
        writer.raw { cut(.ephemeralStorage, &$0) }
        writer.endObject()
        writer.endObject()
    }
}
