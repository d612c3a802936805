import JSON

/// Why a body cannot be read as a Job: an answer of 400.
struct DecodingFailure: Error {
    let message: String
}

/// A container as it was sent.
struct JobContainer {
    var name = ""
    var image = ""
    var command: [[UInt8]] = []
    var arguments: [[UInt8]] = []
    var environment: [(name: String, value: [UInt8]?)] = []
    var requests: [(name: String, quantity: Quantity)] = []
    var limits: [(name: String, quantity: Quantity)] = []
}

/// A Job as it was sent, of the right types.
struct JobBody {
    var kind = ""
    var apiVersion = ""
    var name = ""
    var generateName = ""
    var namespace = ""
    var resourceVersion = ""
    var labels: [(name: String, value: String)] = []
    var annotations: [(name: String, value: String)] = []
    var numbers: [String: Int] = [:]
    var isSuspended = false
    var templateLabels: [(name: String, value: String)] = []
    var containers: [JobContainer] = []
    var restartPolicy = ""
    var serviceAccountName = ""
    var unknownFields: [String] = []
}

/// Reads a Job with the types of its Go structs, and their complaints.
struct JobReader {
    private static let numbers: [(name: String, type: String)] = [
        ("parallelism", "int32"), ("completions", "int32"), ("backoffLimit", "int32"),
        ("ttlSecondsAfterFinished", "int32"), ("activeDeadlineSeconds", "int64"),
    ]
    private static let specFields: Set<String> = [
        "parallelism", "completions", "backoffLimit", "ttlSecondsAfterFinished", "activeDeadlineSeconds",
        "suspend",
        "template", "selector", "manualSelector", "completionMode", "podFailurePolicy",
        "podReplacementPolicy",
        "managedBy", "backoffLimitPerIndex", "maxFailedIndexes", "successPolicy",
    ]
    private static let podFields: Set<String> = [
        "containers", "initContainers", "restartPolicy", "serviceAccountName", "serviceAccount", "volumes",
        "nodeSelector", "tolerations", "affinity", "priorityClassName", "terminationGracePeriodSeconds",
        "securityContext", "imagePullSecrets", "dnsPolicy", "schedulerName", "activeDeadlineSeconds",
        "automountServiceAccountToken", "topologySpreadConstraints", "enableServiceLinks",
    ]
    private static let containerFields: Set<String> = [
        "name", "image", "command", "args", "env", "envFrom", "resources", "volumeMounts", "imagePullPolicy",
        "securityContext", "workingDir", "ports", "livenessProbe", "readinessProbe", "lifecycle",
        "terminationMessagePath", "terminationMessagePolicy", "startupProbe", "stdin", "tty",
    ]

    private var job = JobBody()

    static func read(_ root: JSONDocument.Value) throws(DecodingFailure) -> JobBody {
        var reader = JobReader()
        if root.isNull { return reader.job }
        try reader.readRoot(root)
        return reader.job
    }

    private mutating func readRoot(_ root: JSONDocument.Value) throws(DecodingFailure) {
        for (key, value) in root.members {
            switch key.string {
            case "kind": job.kind = try text(value, "TypeMeta", "kind")
            case "apiVersion": job.apiVersion = try text(value, "TypeMeta", "apiVersion")
            case "metadata": try readMetadata(value)
            case "spec": try readSpec(value)
            case "status": break
            default: job.unknownFields.append(key.string ?? "")
            }
        }
    }

    private mutating func readMetadata(_ metadata: JSONDocument.Value) throws(DecodingFailure) {
        try object(metadata, "Job", "metadata")
        for (key, value) in metadata.members {
            let name = key.string ?? ""
            switch name {
            case "name": job.name = try text(value, "ObjectMeta", "metadata.name")
            case "generateName": job.generateName = try text(value, "ObjectMeta", "metadata.generateName")
            case "namespace": job.namespace = try text(value, "ObjectMeta", "metadata.namespace")
            case "resourceVersion":
                job.resourceVersion = try text(value, "ObjectMeta", "metadata.resourceVersion")
            case "labels": job.labels = try texts(value, "ObjectMeta", "metadata.labels")
            case "annotations": job.annotations = try texts(value, "ObjectMeta", "metadata.annotations")
            case "uid", "generation", "creationTimestamp", "finalizers", "ownerReferences", "managedFields",
                "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink":
                break
            default: job.unknownFields.append("metadata.\(name)")
            }
        }
    }

    private mutating func readSpec(_ spec: JSONDocument.Value) throws(DecodingFailure) {
        try object(spec, "Job", "spec")
        for (key, value) in spec.members {
            let name = key.string ?? ""
            if let number = Self.numbers.first(where: { $0.name == name }) {
                job.numbers[name] = try integer(value, number.type, "spec.\(name)")
            } else if name == "suspend" {
                if value.isNull { continue }
                guard let flag = value.bool else { throw mistyped(value, "JobSpec", "spec.suspend", "bool") }
                job.isSuspended = flag
            } else if name == "template" {
                try readTemplate(value)
            } else if !Self.specFields.contains(name) {
                job.unknownFields.append("spec.\(name)")
            }
        }
    }

    private mutating func readTemplate(_ template: JSONDocument.Value) throws(DecodingFailure) {
        try object(template, "JobSpec", "spec.template")
        if let labels = template["metadata"]?["labels"] {
            job.templateLabels = try texts(labels, "ObjectMeta", "spec.template.metadata.labels")
        }
        guard let spec = template["spec"], !spec.isNull else { return }
        try object(spec, "PodTemplateSpec", "spec.template.spec")
        for (key, value) in spec.members {
            let name = key.string ?? ""
            switch name {
            case "restartPolicy":
                job.restartPolicy = try text(value, "PodSpec", "spec.template.spec.restartPolicy")
            case "serviceAccountName":
                job.serviceAccountName = try text(value, "PodSpec", "spec.template.spec.serviceAccountName")
            case "containers":
                if value.isNull { continue }
                guard value.isArray else {
                    throw mistyped(value, "PodSpec", "spec.template.spec.containers", "[]v1.Container")
                }
                for element in value.elements { job.containers.append(try readContainer(element)) }
            default:
                if !Self.podFields.contains(name) { job.unknownFields.append("spec.template.spec.\(name)") }
            }
        }
    }

    private mutating func readContainer(_ value: JSONDocument.Value) throws(DecodingFailure) -> JobContainer {
        let path = "spec.template.spec.containers"
        var container = JobContainer()
        try object(value, "PodSpec", path)
        for (key, value) in value.members {
            let name = key.string ?? ""
            switch name {
            case "name": container.name = try text(value, "Container", "\(path).name")
            case "image": container.image = try text(value, "Container", "\(path).image")
            case "command": container.command = try strings(value, "Container", "\(path).command")
            case "args": container.arguments = try strings(value, "Container", "\(path).args")
            case "env": container.environment = try environment(value, "\(path).env")
            case "resources":
                container.requests = try quantities(value["requests"])
                container.limits = try quantities(value["limits"])
            default:
                if !Self.containerFields.contains(name) {
                    job.unknownFields.append("\(path)[\(job.containers.count)].\(name)")
                }
            }
        }
        return container
    }

    private func environment(
        _ value: JSONDocument.Value, _ path: String
    ) throws(DecodingFailure) -> [(name: String, value: [UInt8]?)] {
        if value.isNull { return [] }
        guard value.isArray else { throw mistyped(value, "Container", path, "[]v1.EnvVar") }
        var list: [(name: String, value: [UInt8]?)] = []
        for element in value.elements {
            try object(element, "Container", path)
            let name = try element["name"].map { value throws(DecodingFailure) in
                try text(value, "EnvVar", "\(path).name")
            }
            let content = try element["value"].map { value throws(DecodingFailure) in
                try bytes(value, "EnvVar", "\(path).value")
            }
            list.append((name ?? "", content.flatMap { $0.isEmpty ? nil : $0 }))
        }
        return list
    }

    private func quantities(
        _ value: JSONDocument.Value?
    ) throws(DecodingFailure) -> [(name: String, quantity: Quantity)] {
        guard let value, !value.isNull else { return [] }
        var list: [(name: String, quantity: Quantity)] = []
        for (key, value) in value.members {
            let given: [UInt8]
            switch value.kind {
            case .string: given = value.stringBytes ?? []
            case .null: given = [UInt8(ascii: "0")]
            case .number, .boolean, .array, .object: given = Array(value.document.source[value.rawRange])
            }
            do throws(Quantity.Failure) {
                list.append((key.string ?? "", try Quantity(given)))
            } catch {
                throw DecodingFailure(message: error.message)
            }
        }
        // The server's maps come back in the order of their keys.
        return list.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    // MARK: Types. What is wrong with one is said with its path, which is put together only then.

    private func mistyped(
        _ value: JSONDocument.Value, _ owner: String, _ path: String, _ type: String
    ) -> DecodingFailure {
        let found: String
        switch value.kind {
        case .null: found = "null"
        case .boolean: found = "bool"
        case .string: found = "string"
        case .array: found = "array"
        case .object: found = "object"
        case .number:
            let raw = String(decoding: value.document.source[value.rawRange], as: UTF8.self)
            found = type.hasPrefix("int") ? "number \(raw)" : "number"
        }
        return DecodingFailure(
            message: "json: cannot unmarshal \(found) into Go struct field \(owner).\(path) of type \(type)")
    }

    private func object(
        _ value: JSONDocument.Value, _ owner: String, _ path: @autoclosure () -> String
    ) throws(DecodingFailure) {
        if value.isObject || value.isNull { return }
        throw mistyped(value, owner, path(), "struct")
    }

    private func integer(
        _ value: JSONDocument.Value, _ type: String, _ path: @autoclosure () -> String
    ) throws(DecodingFailure) -> Int? {
        if value.isNull { return nil }
        guard value.kind == .number, let number = value.integer,
            type == "int64" || Int32(exactly: number) != nil
        else { throw mistyped(value, "JobSpec", path(), type) }
        return number
    }

    private func bytes(
        _ value: JSONDocument.Value, _ owner: String, _ path: @autoclosure () -> String
    ) throws(DecodingFailure) -> [UInt8] {
        if value.isNull { return [] }
        guard let bytes = value.stringBytes else { throw mistyped(value, owner, path(), "string") }
        // Go has no lone surrogates: they become U+FFFD, without an error.
        return value.hasEscapes ? Self.withoutSurrogates(bytes) : bytes
    }

    /// Each lone surrogate, which stands as ED A0..BF xx, becomes one U+FFFD.
    private static func withoutSurrogates(_ bytes: [UInt8]) -> [UInt8] {
        if !bytes.contains(0xED) { return bytes }
        var output = bytes
        for index in output.indices.dropLast(2) where output[index] == 0xED && output[index + 1] >= 0xA0 {
            output.replaceSubrange(index..<index + 3, with: [0xEF, 0xBF, 0xBD])
        }
        return output
    }

    private func text(
        _ value: JSONDocument.Value, _ owner: String, _ path: @autoclosure () -> String
    ) throws(DecodingFailure) -> String {
        String(decoding: try bytes(value, owner, path()), as: UTF8.self)
    }

    private func strings(
        _ value: JSONDocument.Value, _ owner: String, _ path: @autoclosure () -> String
    ) throws(DecodingFailure) -> [[UInt8]] {
        if value.isNull { return [] }
        guard value.isArray else { throw mistyped(value, owner, path(), "[]string") }
        var list: [[UInt8]] = []
        for element in value.elements { list.append(try bytes(element, owner, path())) }
        return list
    }

    private func texts(
        _ value: JSONDocument.Value, _ owner: String, _ path: @autoclosure () -> String
    ) throws(DecodingFailure) -> [(name: String, value: String)] {
        if value.isNull { return [] }
        guard value.isObject else { throw mistyped(value, owner, path(), "map[string]string") }
        var list: [(name: String, value: String)] = []
        for (key, value) in value.members { list.append((key.string ?? "", try text(value, owner, path()))) }
        return list.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}
