/// A Google Cloud project's id. Old ones have a domain before a colon.
struct ProjectID: ProvenText {
    let text: String

    init?(_ bytes: some Collection<UInt8>) {
        guard Grammar.isResourceSegment(bytes) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// A GKE cluster: `projects/<p>/locations/<l>/clusters/<c>`.
struct ClusterID: ProvenText {
    let text: String
    let project: ProjectID

    init?(_ bytes: some Collection<UInt8>) {
        guard let segments = ResourcePath.segments(bytes, after: ["projects", "locations", "clusters"]),
            let project = ProjectID(segments[0])
        else { return nil }
        self.project = project
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// An Artifact Registry repository: `projects/<p>/locations/<l>/repositories/<r>`. Slashes around it are
/// dropped.
struct RepositoryID: ProvenText {
    let text: String
    let project: ProjectID

    init?(_ bytes: some Collection<UInt8>) {
        let trimmed = Array(bytes.drop { $0 == 0x2F }.reversed().drop { $0 == 0x2F }.reversed())
        guard
            let segments = ResourcePath.segments(trimmed, after: ["projects", "locations", "repositories"]),
            let project = ProjectID(segments[0])
        else { return nil }
        self.project = project
        text = String(decoding: trimmed, as: UTF8.self)
    }
}

/// Where the images are: `<host>/<project>/<repository>`, with more segments where a repository has them.
struct RepositoryURL: ProvenText {
    let text: String

    init?(_ bytes: some Collection<UInt8>) {
        let segments = Array(bytes).split(separator: 0x2F, omittingEmptySubsequences: false)
        guard segments.count >= 2, segments.allSatisfy({ Grammar.isResourceSegment($0) }) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// A BigQuery table: `<dataset>.<table>`, or `<project>.<dataset>.<table>`.
struct TableID: ProvenText {
    let text: String
    /// Nil where the table is in the program's own project.
    let project: ProjectID?
    let dataset: String
    let table: String

    init?(_ bytes: some Collection<UInt8>) {
        let parts = Array(bytes).split(separator: 0x2E, omittingEmptySubsequences: false)
        // A project may itself hold dots before its colon (example.com:project).
        guard parts.count >= 2, let table = parts.last, let dataset = parts.dropLast().last,
            Self.isDataset(dataset), Self.isTable(table)
        else { return nil }
        if parts.count > 2 {
            let projectBytes = Array(parts.dropLast(2).joined(separator: [0x2E]))
            guard let project = ProjectID(projectBytes) else { return nil }
            self.project = project
        } else {
            project = nil
        }
        self.dataset = String(decoding: dataset, as: UTF8.self)
        self.table = String(decoding: table, as: UTF8.self)
        text = String(decoding: bytes, as: UTF8.self)
    }

    private static func isDataset(_ bytes: some Collection<UInt8>) -> Bool {
        (1...1_024).contains(bytes.count) && bytes.allSatisfy { ASCII.isAlphanumeric($0) || $0 == 0x5F }
    }

    private static func isTable(_ bytes: some Collection<UInt8>) -> Bool {
        (1...1_024).contains(bytes.count)
            && bytes.allSatisfy { ASCII.isAlphanumeric($0) || $0 == 0x5F || $0 == 0x2D }
    }
}

/// A Pub/Sub topic: its id (a letter, then 2 to 254 of letters, digits and `-_.~+%`), or
/// `projects/<p>/topics/<id>`.
struct TopicName: ProvenText {
    /// As it was given; Jobs get it like this.
    let text: String
    /// Nil where the topic is in the program's own project.
    let project: ProjectID?
    /// The last segment.
    let id: String

    init?(_ bytes: some Collection<UInt8>) {
        let id: [UInt8]
        if bytes.contains(0x2F) {
            guard let segments = ResourcePath.segments(bytes, after: ["projects", "topics"]),
                let project = ProjectID(segments[0])
            else { return nil }
            self.project = project
            id = segments[1]
        } else {
            project = nil
            id = Array(bytes)
        }
        guard (3...255).contains(id.count), ASCII.isLower(id[0] | 0x20), !id.starts(with: "goog".utf8),
            id.allSatisfy({ ASCII.isAlphanumeric($0) || "-_.~+%".utf8.contains($0) })
        else { return nil }
        self.id = String(decoding: id, as: UTF8.self)
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// The name of a Kubernetes object (RFC 1123 subdomain): labels with dots between, at most 253 characters.
struct KubernetesName: ProvenText {
    let text: String

    init?(_ bytes: some Collection<UInt8>) {
        let labels = Array(bytes).split(separator: 0x2E, omittingEmptySubsequences: false)
        guard bytes.count <= 253, labels.allSatisfy({ Grammar.isLabel($0) }) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// The name of a Kubernetes namespace, and what may be a label's value (RFC 1123 label): at most 63
/// characters.
struct KubernetesLabel: ProvenText {
    let text: String

    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count <= 63, Grammar.isLabel(bytes) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }
}

enum ResourcePath {
    /// The variable segments of `collection/<id>/collection/<id>…`; nil where the path is another.
    static func segments(_ bytes: some Collection<UInt8>, after collections: [String]) -> [[UInt8]]? {
        let parts = Array(bytes).split(separator: 0x2F, omittingEmptySubsequences: false).map { Array($0) }
        guard parts.count == collections.count * 2 else { return nil }
        var ids: [[UInt8]] = []
        for (index, collection) in collections.enumerated() {
            guard parts[index * 2].elementsEqual(collection.utf8) else { return nil }
            let id = parts[index * 2 + 1]
            // A topic's id has characters that the others have not; its own type looks at it again.
            guard Grammar.isResourceSegment(id) || collection == "topics" else { return nil }
            ids.append(id)
        }
        return ids
    }
}
