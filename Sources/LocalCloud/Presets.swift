import Net

/// Recorded answers that faults can give by name.
enum Presets {
    struct Answer: Sendable {
        let status: Int
        let headers: [(name: String, value: String)]
        let body: [UInt8]
    }

    static let all: [String: Answer] = [
        "already-exists": json(KubernetesStatus.alreadyExists("question-already-there")),
        "quota-conflict": json(KubernetesStatus.quotaConflict),
        "quota-exceeded": json(KubernetesStatus.quotaExceeded("question-over-quota", limit: 2, used: 2)),
        "forbidden": json(
            KubernetesStatus.forbidden(
                user: "limited", verb: "create", resource: "jobs", group: "batch", namespace: "default",
                name: "")),
        "unauthorized": json(KubernetesStatus.unauthorized),
        "invalid": json(
            KubernetesStatus.invalidJob(
                "question-invalid", [.required("spec.template.spec.containers[0].image")])),
        "too-many-requests": Answer(
            status: 429,
            headers: [
                ("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "1"),
                ("X-Content-Type-Options", "nosniff"),
            ], body: Array("Too many requests, please try again later.\n".utf8)),
        "timeout": json(
            KubernetesStatus.failure(
                504, "Timeout",
                "Timeout: request did not complete within requested timeout - context deadline exceeded",
                details: .init())),
        "timeout-plain": Answer(
            status: 504, headers: [("Content-Type", "text/plain; charset=utf-8")],
            body: Array(
                (#"{"metadata":{},"status":"Failure","#
                    + #""message":"Timeout: request did not complete within the allotted timeout","#
                    + #""reason":"Timeout","details":{},"code":504}"#).utf8)),
        "webhook": json(
            KubernetesStatus.failure(
                500, "InternalError",
                "Internal error occurred: failed calling webhook \"mjob.kb.io\": failed to call webhook: "
                    + "Post \"https://kueue-webhook-service.kueue-system.svc:443/mutate-batch-v1-job"
                    + "?timeout=10s\": "
                    + "context deadline exceeded",
                details: .init(
                    causes: [
                        FieldError(
                            reason: "",
                            message: "failed calling webhook \"mjob.kb.io\": failed to call webhook",
                            field: "")
                    ]))),
        "terminating": json(
            KubernetesStatus.failure(
                403, "Forbidden",
                "jobs.batch \"question-late\" is forbidden: unable to create new content in "
                    + "namespace default "
                    + "because it is being terminated",
                details: .init(
                    name: "question-late", group: "batch", kind: "jobs",
                    causes: [
                        FieldError(
                            reason: "NamespaceTerminating", message: "namespace default is being terminated",
                            field: "metadata.namespace")
                    ]))),
        "google-unauthorized": json(.googleUnauthorized),
        "google-forbidden": json(
            .googleError(403, "Permission denied on resource.", "PERMISSION_DENIED", reason: "forbidden")),
        "google-not-found": json(.googleNotFound()),
        "google-unavailable": json(
            .googleError(
                503, "The service is currently unavailable.", "UNAVAILABLE", reason: "backendError")),
        "google-internal": json(
            .googleError(500, "Internal error encountered.", "INTERNAL", reason: "internalError")),
        "google-rate-limit": json(
            .googleError(
                403, "Exceeded rate limits: too many table update operations for this table.",
                "PERMISSION_DENIED", reason: "rateLimitExceeded")),
        "google-too-many-requests": json(
            .googleError(
                429, "Resource has been exhausted.", "RESOURCE_EXHAUSTED", reason: "rateLimitExceeded")),
        "row-invalid": row("invalid", "datetime", "Could not parse 'x' as a timestamp."),
        "row-timeout": row("timeout", "", ""),
        "row-backend-error": row("backendError", "", ""),
        "row-stopped": row("stopped", "", ""),
        "payload-too-large": json(BigQueryAnswers.tooLarge(status: 400)),
        "payload-too-large-413": html(BigQueryAnswers.tooLarge(status: 413)),
    ]

    private static func json(_ response: HTTPResponse) -> Answer {
        Answer(status: response.status, headers: [("Content-Type", "application/json")], body: response.body)
    }

    private static func html(_ response: HTTPResponse) -> Answer {
        Answer(
            status: response.status, headers: [("Content-Type", "text/html; charset=UTF-8")],
            body: response.body)
    }

    private static func row(_ reason: String, _ location: String, _ message: String) -> Answer {
        json(BigQueryAnswers.inserted([[RowError(reason: reason, location: location, message: message)]]))
    }
}
