import Foundation

/// What all Jobs have in common.
struct JobSettings {
    let repositoryURL, queue, serviceAccount, topic: String
    let command: [String]
    let cpus, memory, ephemeralStorage: String

    init(_ settings: inout Settings) {
        repositoryURL = settings.required("ARTIFACT_REGISTRY_REPOSITORY_URL")
        queue = settings.required("KUEUE_LOCAL_QUEUE")
        serviceAccount = settings.required("KUBERNETES_SERVICE_ACCOUNT_NAME")
        topic =
            settings.optional("TWINED_SERVICES_TOPIC_NAME") ?? settings.required("OCTUE_SERVICES_TOPIC_NAME")
        let words = settings.optional("JOB_COMMAND") ?? "octue twined question ask-local"
        command = words.split(separator: " ").map(String.init)
        cpus = settings.required("QUESTION_DEFAULT_CPUS")
        memory = settings.required("QUESTION_DEFAULT_MEMORY")
        ephemeralStorage = settings.required("QUESTION_DEFAULT_EPHEMERAL_STORAGE")
    }
}

/// A question's Job (batch/v1).
struct Job: Encodable {
    /// A quantity, which is a number where the default is one.
    enum Quantity: Encodable {
        case number(Int)
        case text(String)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            }
        }
    }

    struct Metadata: Encodable {
        let labels: [String: String]
        let name: String
    }

    struct Variable: Encodable { let name, value: String }
    struct Resources: Encodable { let requests: [String: Quantity] }

    struct Container: Encodable {
        let args, command: [String]
        let env: [Variable]
        let image, name: String
        let resources: Resources
    }

    struct PodSpec: Encodable {
        let containers: [Container]
        let restartPolicy = "Never"
        let serviceAccountName: String
    }

    struct Template: Encodable { let spec: PodSpec }

    struct Spec: Encodable {
        let completions = 1
        let parallelism = 1
        let suspend = true
        let template: Template
    }

    /// What Linux can exec.
    static let argumentBytesMax = 131_071

    let apiVersion = "batch/v1"
    let kind = "Job"
    let metadata: Metadata
    let spec: Spec

    init(of event: Event, _ settings: JobSettings) throws {
        let question = event["question_uuid"]
        let recipient = event["recipient"]
        guard isQuestionUUID(question) else {
            throw Unusable(description: "the question_uuid cannot name a Job")
        }
        guard isServiceRevision(recipient), let tag = recipient.split(separator: ":").last else {
            throw Unusable(description: "the recipient is no service revision")
        }
        let cpus =
            event.attributes["cpus"].map { Quantity.text($0) }
            ?? Int(settings.cpus).map { .number($0) } ?? .text(settings.cpus)
        let container = Container(
            args: try Self.arguments(of: event), command: settings.command,
            env: [
                Variable(name: "TWINED_SERVICES_TOPIC_NAME", value: settings.topic),
                Variable(name: "COMPUTE_PROVIDER", value: "GOOGLE_KUEUE"),
                Variable(name: "OCTUE_SERVICE_REVISION_TAG", value: String(tag)),
                Variable(name: "OCTUE_SERVICES_TOPIC_NAME", value: settings.topic),
            ],
            image: "\(settings.repositoryURL)/\(recipient)", name: "question-\(question)",
            resources: Resources(requests: [
                "cpu": cpus, "memory": .text(event.attributes["memory"] ?? settings.memory),
                "ephemeral-storage": .text(
                    event.attributes["ephemeral_storage"] ?? settings.ephemeralStorage),
            ]))
        metadata = Metadata(labels: ["kueue.x-k8s.io/queue-name": settings.queue], name: container.name)
        spec = Spec(
            template: Template(
                spec: PodSpec(containers: [container], serviceAccountName: settings.serviceAccount)))
    }

    private static func arguments(of event: Event) throws -> [String] {
        var arguments = ["--attributes", escapingDollars(try text(of: event.attributes))]
        for (option, name) in [("--input-values", "input_values"), ("--input-manifest", "input_manifest")] {
            guard let value = event.content[name], isTrue(value) else { continue }
            arguments += [option, escapingDollars(try text(of: value))]
        }
        guard arguments.allSatisfy({ $0.utf8.count <= argumentBytesMax }) else {
            throw Unusable(description: "an argument is longer than Linux can exec")
        }
        return arguments
    }

    /// The kubelet would expand these.
    private static func escapingDollars(_ text: String) -> String {
        guard text.contains("$") else { return text }
        return text.replacingOccurrences(of: "$$", with: #"\u0024\u0024"#)
            .replacingOccurrences(of: "$(", with: #"\u0024("#)
    }

    /// Whether Python takes a value for true.
    private static func isTrue(_ value: Any) -> Bool {
        switch value {
        case is NSNull: false
        case let text as String: !text.isEmpty
        case let array as [Any]: !array.isEmpty
        case let object as [String: Any]: !object.isEmpty
        case let number as NSNumber: number.doubleValue != 0
        default: true
        }
    }
}

func isQuestionUUID(_ text: String) -> Bool {
    (1...54).contains(text.utf8.count) && isLabel(text[...])
}

/// `namespace/name:tag`
private func isServiceRevision(_ text: String) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, isImageTag(parts[1]) else { return false }
    let names = parts[0].split(separator: "/", omittingEmptySubsequences: false)
    return names.count == 2 && names.allSatisfy { isLabel($0) && !$0.contains("--") }
}

/// Lower-case letters, digits and, between them, hyphens.
private func isLabel(_ text: Substring) -> Bool {
    let hyphen = UInt8(ascii: "-")
    return !text.isEmpty && text.utf8.first != hyphen && text.utf8.last != hyphen
        && text.utf8.allSatisfy { isLower($0) || $0 == hyphen }
}

func isImageTag(_ text: some StringProtocol) -> Bool {
    (1...128).contains(text.utf8.count) && text.utf8.first.map { ".-".utf8.contains($0) } == false
        && text.utf8.allSatisfy { isLower($0) || isLower($0 | 0x20) || "._-".utf8.contains($0) }
}

func isLower(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
