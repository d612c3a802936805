import JSON

/// Writes a Job as an API server gives it back: with its defaults, in the order of its fields.
struct JobText {
    let job: JobBody
    let name: String
    let namespace: String
    let uid: String
    let resourceVersion: Int
    let creationTimestamp: String

    /// The whole object; `deletion` adds what stands there while a finalizer holds it.
    func write(deletionTimestamp: String? = nil, finalizer: String? = nil, isListItem: Bool = false)
        -> [UInt8]
    {
        let size = job.containers.reduce(2_048) { $0 + $1.arguments.reduce(0) { $0 + $1.count } }
        var json = JSONWriter(capacity: size)
        json.beginObject()
        if !isListItem {
            json.member("kind", "Job")
            json.member("apiVersion", "batch/v1")
        }
        json.key("metadata")
        writeMetadata(&json, deletionTimestamp: deletionTimestamp, finalizer: finalizer)
        json.key("spec")
        writeSpec(&json)
        json.key("status")
        json.beginObject()
        json.endObject()
        json.endObject()
        return json.finish()
    }

    private func writeMetadata(_ json: inout JSONWriter, deletionTimestamp: String?, finalizer: String?) {
        json.beginObject()
        json.member("name", name)
        if !job.generateName.isEmpty { json.member("generateName", job.generateName) }
        json.member("namespace", namespace)
        json.member("uid", uid)
        json.member("resourceVersion", String(resourceVersion))
        json.member("generation", deletionTimestamp == nil ? 1 : 2)
        json.member("creationTimestamp", creationTimestamp)
        if let deletionTimestamp {
            json.member("deletionTimestamp", deletionTimestamp)
            json.member("deletionGracePeriodSeconds", 0)
        }
        if !job.labels.isEmpty { write(job.labels, "labels", &json) }
        if !job.annotations.isEmpty { write(job.annotations, "annotations", &json) }
        if let finalizer {
            json.key("finalizers")
            json.beginArray()
            json.string(finalizer)
            json.endArray()
        }
        json.endObject()
    }

    private func writeSpec(_ json: inout JSONWriter) {
        json.beginObject()
        json.member("parallelism", job.numbers["parallelism"] ?? 1)
        json.member("completions", job.numbers["completions"] ?? 1)
        if let seconds = job.numbers["activeDeadlineSeconds"] {
            json.member("activeDeadlineSeconds", seconds)
        }
        json.member("backoffLimit", job.numbers["backoffLimit"] ?? 6)
        json.key("selector")
        json.beginObject()
        write([("batch.kubernetes.io/controller-uid", uid)], "matchLabels", &json)
        json.endObject()
        json.member("manualSelector", false)
        json.key("template")
        json.beginObject()
        json.key("metadata")
        json.beginObject()
        write(
            [
                ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name),
                ("controller-uid", uid), ("job-name", name),
            ] + job.templateLabels, "labels", &json)
        json.endObject()
        json.key("spec")
        writePodSpec(&json)
        json.endObject()
        if let seconds = job.numbers["ttlSecondsAfterFinished"] {
            json.member("ttlSecondsAfterFinished", seconds)
        }
        json.member("completionMode", "NonIndexed")
        json.member("suspend", job.isSuspended)
        json.member("podReplacementPolicy", "TerminatingOrFailed")
        json.endObject()
    }

    private func writePodSpec(_ json: inout JSONWriter) {
        json.beginObject()
        json.key("containers")
        json.beginArray()
        for container in job.containers { write(container, &json) }
        json.endArray()
        json.member("restartPolicy", job.restartPolicy)
        json.member("terminationGracePeriodSeconds", 30)
        json.member("dnsPolicy", "ClusterFirst")
        if !job.serviceAccountName.isEmpty {
            json.member("serviceAccountName", job.serviceAccountName)
            json.member("serviceAccount", job.serviceAccountName)
        }
        json.key("securityContext")
        json.beginObject()
        json.endObject()
        json.member("schedulerName", "default-scheduler")
        json.endObject()
    }

    private func write(_ container: JobContainer, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("name", container.name)
        json.member("image", container.image)
        if !container.command.isEmpty { write(container.command, "command", &json) }
        if !container.arguments.isEmpty { write(container.arguments, "args", &json) }
        if !container.environment.isEmpty {
            json.key("env")
            json.beginArray()
            for variable in container.environment {
                json.beginObject()
                json.member("name", variable.name)
                if let value = variable.value { json.member("value", bytes: value) }
                json.endObject()
            }
            json.endArray()
        }
        json.key("resources")
        json.beginObject()
        if !container.limits.isEmpty { write(container.limits.map { ($0, $1.text) }, "limits", &json) }
        if !container.requests.isEmpty { write(container.requests.map { ($0, $1.text) }, "requests", &json) }
        json.endObject()
        json.member("terminationMessagePath", "/dev/termination-log")
        json.member("terminationMessagePolicy", "File")
        json.member("imagePullPolicy", "IfNotPresent")
        json.endObject()
    }

    private func write(_ texts: [[UInt8]], _ key: String, _ json: inout JSONWriter) {
        json.key(named: key)
        json.beginArray()
        for text in texts { json.string(bytes: text) }
        json.endArray()
    }

    private func write(_ map: [(name: String, value: String)], _ key: String, _ json: inout JSONWriter) {
        json.key(named: key)
        json.beginObject()
        for (name, value) in map { json.member(named: name, value) }
        json.endObject()
    }
}
