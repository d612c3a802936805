import JSON
import Net

/// One cause of an `Invalid` answer.
struct FieldError: Equatable, Sendable {
    let reason: String
    let message: String
    let field: String

    static func required(_ field: String, _ detail: String = "") -> FieldError {
        FieldError(
            reason: "FieldValueRequired",
            message: detail.isEmpty ? "Required value" : "Required value: \(detail)",
            field: field)
    }

    /// `value` as Go writes it: a string in quotes, a number without.
    static func invalid(_ field: String, value: String, _ detail: String) -> FieldError {
        FieldError(reason: "FieldValueInvalid", message: "Invalid value: \(value): \(detail)", field: field)
    }

    static func invalid(_ field: String, text: String, _ detail: String) -> FieldError {
        invalid(field, value: quoted(text), detail)
    }

    /// A text in the quotes of an error message.
    static func quoted(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                output += "\\x" + (digits.count == 1 ? "0" : "") + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output + "\""
    }
}

/// The answers of a Kubernetes API server that are a Status, in its words.
enum KubernetesStatus {
    /// What the Status is about.
    struct Details {
        var name = ""
        var group = ""
        var kind = ""
        var uid = ""
        var causes: [FieldError] = []
    }

    static func failure(
        _ status: Int, _ reason: String, _ message: String, details: Details? = nil
    ) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("kind", "Status")
        writer.member("apiVersion", "v1")
        writer.key("metadata")
        writer.beginObject()
        writer.endObject()
        writer.member("status", "Failure")
        writer.member("message", message)
        if !reason.isEmpty { writer.member("reason", reason) }
        if let details { write(details, to: &writer) }
        writer.member("code", status)
        writer.endObject()
        var response = HTTPResponse(status: status, body: writer.finish() + [10])
        response.fields.append("Content-Type", "application/json")
        response.fields.append("Cache-Control", "no-cache, private")
        if status == 403 { response.fields.append("X-Content-Type-Options", "nosniff") }
        return response
    }

    private static func write(_ details: Details, to writer: inout JSONWriter) {
        writer.key("details")
        writer.beginObject()
        if !details.name.isEmpty { writer.member("name", details.name) }
        if !details.group.isEmpty { writer.member("group", details.group) }
        if !details.kind.isEmpty { writer.member("kind", details.kind) }
        if !details.uid.isEmpty { writer.member("uid", details.uid) }
        if !details.causes.isEmpty {
            writer.key("causes")
            writer.beginArray()
            for cause in details.causes {
                writer.beginObject()
                writer.member("reason", cause.reason)
                writer.member("message", cause.message)
                writer.member("field", cause.field)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
    }

    private static func job(_ name: String, kind: String = "jobs") -> Details {
        Details(name: name, group: "batch", kind: kind)
    }

    static func alreadyExists(_ name: String) -> HTTPResponse {
        failure(
            409, "AlreadyExists", "jobs.batch \(FieldError.quoted(name)) already exists", details: job(name))
    }

    static func notFound(_ name: String) -> HTTPResponse {
        failure(404, "NotFound", "jobs.batch \(FieldError.quoted(name)) not found", details: job(name))
    }

    static func notFound(kind: String, group: String = "", _ name: String) -> HTTPResponse {
        let full = group.isEmpty ? kind : "\(kind).\(group)"
        return failure(
            404, "NotFound", "\(full) \(FieldError.quoted(name)) not found",
            details: Details(name: name, group: group, kind: kind))
    }

    static var noSuchResource: HTTPResponse {
        failure(404, "NotFound", "the server could not find the requested resource", details: Details())
    }

    static var noSuchPage: HTTPResponse {
        var response = HTTPResponse.text(404, "404 page not found\n")
        response.fields.append("X-Content-Type-Options", "nosniff")
        return response
    }

    static var methodNotAllowed: HTTPResponse {
        failure(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource",
            details: Details())
    }

    static var unsupportedMediaType: HTTPResponse {
        failure(
            415, "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: "
                + "application/json, "
                + "application/yaml, application/vnd.kubernetes.protobuf")
    }

    static var tooLarge: HTTPResponse {
        failure(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
    }

    static var notAcceptable: HTTPResponse {
        failure(
            406, "NotAcceptable",
            "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
                + "application/vnd.kubernetes.protobuf", details: Details())
    }

    static var unauthorized: HTTPResponse { failure(401, "Unauthorized", "Unauthorized") }

    static func badRequest(_ message: String) -> HTTPResponse { failure(400, "BadRequest", message) }

    static func cannotBeHandled(version: String = "v1", kind: String = "Job", _ why: String) -> HTTPResponse {
        badRequest("\(kind) in version \(FieldError.quoted(version)) cannot be handled as a Job: \(why)")
    }

    static func invalidJob(_ name: String, _ errors: [FieldError]) -> HTTPResponse {
        // The message has each complaint once; the causes have all of them.
        var texts: [String] = []
        for error in errors where !texts.contains("\(error.field): \(error.message)") {
            texts.append("\(error.field): \(error.message)")
        }
        let list = texts.joined(separator: ", ")
        var details = job(name, kind: "Job")
        details.causes = errors
        return failure(
            422, "Invalid",
            "Job.batch \(FieldError.quoted(name)) is invalid: \(texts.count == 1 ? list : "[\(list)]")",
            details: details)
    }

    /// What RBAC says (`verb resource`, for example `create jobs`).
    static func forbidden(
        user: String, verb: String, resource: String, group: String, namespace: String, name: String
    ) -> HTTPResponse {
        let full = group.isEmpty ? resource : "\(resource).\(group)"
        let what = name.isEmpty ? full : "\(full) \(FieldError.quoted(name))"
        return failure(
            403, "Forbidden",
            "\(what) is forbidden: User \(FieldError.quoted(user)) cannot \(verb) resource "
                + "\(FieldError.quoted(resource)) in API group \(FieldError.quoted(group)) in the namespace "
                + "\(FieldError.quoted(namespace))",
            details: Details(name: name, group: group, kind: resource))
    }

    static func quotaExceeded(_ name: String, limit: Int, used: Int) -> HTTPResponse {
        failure(
            403, "Forbidden",
            "jobs.batch \(FieldError.quoted(name)) is forbidden: exceeded quota: jobs, requested: "
                + "count/jobs.batch=1, used: count/jobs.batch=\(used), limited: count/jobs.batch=\(limit)",
            details: job(name))
    }

    static var quotaConflict: HTTPResponse {
        failure(
            409, "Conflict",
            "Operation cannot be fulfilled on resourcequotas \"jobs\": the object has been "
                + "modified; please apply "
                + "your changes to the latest version and try again",
            details: Details(name: "jobs", kind: "resourcequotas"))
    }

    static func deleted(_ name: String, uid: String) -> HTTPResponse {
        .json(200) { json in
            json.beginObject()
            json.member("kind", "Status")
            json.member("apiVersion", "v1")
            json.key("metadata")
            json.beginObject()
            json.endObject()
            json.member("status", "Success")
            var details = job(name)
            details.uid = uid
            write(details, to: &json)
            json.endObject()
        }
    }

    /// An object as the server answers it: chunked.
    static func object(_ status: Int, _ body: [UInt8]) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: body + [10])
        response.fields.append("Content-Type", "application/json")
        response.fields.append("Cache-Control", "no-cache, private")
        response.framing = .chunked
        return response
    }
}
