/// What an API server finds wrong with a Job that it could read: answers of 422.
enum JobValidation {
    /// The largest object that etcd takes, in bytes of what is stored.
    static let storedBytesMax = 1_572_864
    private static let annotationBytesMax = 262_144
    private static let standardResources: Set<String> = ["cpu", "memory", "ephemeral-storage"]

    static func errors(of job: JobBody) -> [FieldError] {
        var errors: [FieldError] = []
        if job.name.isEmpty, job.generateName.isEmpty {
            errors.append(.required("metadata.name", "name or generateName is required"))
        } else if !job.name.isEmpty {
            errors += KubernetesName.subdomainProblems(job.name).map {
                .invalid("metadata.name", text: job.name, $0)
            }
        }
        errors += labels(job.labels, "metadata.labels")
        errors += annotations(job.annotations)
        for name in [
            "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
        ] {
            guard let number = job.numbers[name], number < 0 else { continue }
            errors.append(
                .invalid("spec.\(name)", value: String(number), "must be greater than or equal to 0"))
        }
        // The Job's name becomes a label of its Pods, under an old and a new key: twice the same complaint.
        for problem in KubernetesName.labelValueProblems(job.name) {
            let error = FieldError.invalid("spec.template.labels", text: job.name, problem)
            errors += [error, error]
        }
        errors += labels(job.templateLabels, "spec.template.labels")
        errors += podSpec(job)
        return errors
    }

    private static func podSpec(_ job: JobBody) -> [FieldError] {
        var errors: [FieldError] = []
        let path = "spec.template.spec"
        if job.containers.isEmpty { errors.append(.required("\(path).containers")) }
        for (index, container) in job.containers.enumerated() {
            errors += self.container(container, "\(path).containers[\(index)]")
        }
        if !job.serviceAccountName.isEmpty {
            errors += KubernetesName.subdomainProblems(job.serviceAccountName).map {
                .invalid("\(path).serviceAccountName", text: job.serviceAccountName, $0)
            }
        }
        if job.restartPolicy != "Never", job.restartPolicy != "OnFailure" {
            errors.append(.required("\(path).restartPolicy", "valid values: \"OnFailure\", \"Never\""))
        }
        return errors
    }

    private static func container(_ container: JobContainer, _ path: String) -> [FieldError] {
        var errors: [FieldError] = []
        if container.name.isEmpty {
            errors.append(.required("\(path).name"))
        } else {
            errors += KubernetesName.containerNameProblems(container.name).map {
                .invalid("\(path).name", text: container.name, $0)
            }
        }
        if container.image.isEmpty { errors.append(.required("\(path).image")) }
        for (index, variable) in container.environment.enumerated() {
            // Put together for a complaint only.
            var field: String { "\(path).env[\(index)].name" }
            if variable.name.isEmpty {
                errors.append(.required(field))
            } else if !variable.name.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
            ) {
                errors.append(
                    .invalid(
                        field, text: variable.name,
                        "a valid environment variable name must consist only of printable ASCII "
                            + "characters other "
                            + "than '='"))
            }
        }
        return errors + resources(container, path)
    }

    private static func resources(_ container: JobContainer, _ path: String) -> [FieldError] {
        var errors: [FieldError] = []
        for (kind, list) in [("limits", container.limits), ("requests", container.requests)] {
            for (name, quantity) in list {
                var field: String { "\(path).resources.\(kind)[\(name)]" }
                if !standardResources.contains(name), !name.contains("/"), !name.hasPrefix("hugepages-") {
                    errors.append(
                        .invalid(field, text: name, "must be a standard resource type or fully qualified"))
                    errors.append(.invalid(field, text: name, "must be a standard resource for containers"))
                }
                if quantity.isNegative {
                    errors.append(.invalid(field, text: quantity.text, "must be greater than or equal to 0"))
                }
            }
        }
        for (name, quantity) in container.requests {
            let limit = container.limits.first { $0.name == name }?.quantity
            if let limit, quantity.thousandths > limit.thousandths {
                errors.append(
                    .invalid(
                        "\(path).resources.requests", text: quantity.text,
                        "must be less than or equal to \(name) limit of \(limit.text)"))
            }
            if limit == nil, name.contains("/"), !name.contains("kubernetes.io/") {
                errors.append(
                    .required(
                        "\(path).resources.limits", "Limit must be set for non overcommitable resources"))
            }
        }
        return errors
    }

    private static func labels(_ labels: [(name: String, value: String)], _ field: String) -> [FieldError] {
        labels.flatMap { label in
            KubernetesName.keyProblems(label.name).map { FieldError.invalid(field, text: label.name, $0) }
                + KubernetesName.labelValueProblems(label.value).map {
                    .invalid(field, text: label.value, $0)
                }
        }
    }

    private static func annotations(_ annotations: [(name: String, value: String)]) -> [FieldError] {
        var errors = annotations.flatMap { annotation in
            KubernetesName.keyProblems(annotation.name.lowercased()).map {
                FieldError.invalid("metadata.annotations", text: annotation.name, $0)
            }
        }
        let bytes = annotations.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        if bytes > annotationBytesMax {
            errors.append(
                FieldError(
                    reason: "FieldValueTooLong", message: "Too long: may not be more than 262144 bytes",
                    field: "metadata.annotations"))
        }
        return errors
    }
}
