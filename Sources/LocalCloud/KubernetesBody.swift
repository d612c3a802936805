import JSON
import Net

/// Reads bodies as an API server does.
enum KubernetesBody {
    enum Result {
        case document(JSONDocument)
        /// What is wrong with it, in the server's words.
        case refused(String)
    }

    static func parse(_ body: [UInt8]) -> Result {
        do throws(JSONError) {
            let document = try JSONDocument(parsing: body)
            if document.root.isObject || document.root.isNull { return .document(document) }
            let kind =
                switch document.root.kind {
                case .array: "array"
                case .string: "string"
                case .number: "number"
                default: "bool"
                }
            return refused(
                "json: cannot unmarshal \(kind) into Go value of type struct { APIVersion string "
                    + "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
                body)
        } catch  where error.reason == .malformedUTF8 {
            // Go reads each such byte as U+FFFD.
            let mended = Array(String(decoding: body, as: UTF8.self).utf8)
            return mended == body ? refused("invalid character", body) : parse(mended)
        } catch {
            return refused(words(for: error, body), body)
        }
    }

    private static func words(for error: JSONError, _ body: [UInt8]) -> String {
        switch error.reason {
        case .emptyDocument, .unexpectedEnd: return "unexpected end of JSON input"
        case .trailingBytes: return "invalid character \(character(body, error.offset)) after top-level value"
        case .byteOrderMark: return "invalid character '\\ufeff' looking for beginning of value"
        default: return "invalid character \(character(body, error.offset)) looking for beginning of value"
        }
    }

    private static func character(_ body: [UInt8], _ offset: Int) -> String {
        guard body.indices.contains(offset), (0x20...0x7E).contains(body[offset]) else { return "'\\u0000'" }
        return "'\(Character(Unicode.Scalar(body[offset])))'"
    }

    private static func refused(_ why: String, _ body: [UInt8]) -> Result {
        let shown: String
        if body.isEmpty {
            shown = "<empty>"
        } else {
            let isText = body.first == UInt8(ascii: "{")
            let start = body.prefix(30)
            shown =
                (isText ? String(decoding: start, as: UTF8.self) : Identifier.hexadecimal(Array(start)))
                + (body.count > 30 ? " ..." : "")
        }
        return .refused(
            "the object provided is unrecognized (must be of type Job): couldn't get version/kind; "
                + "json parse error: \(why) (\(shown))")
    }
}

/// The options of a delete, from its body, else its query.
struct DeleteOptions {
    enum Result {
        case options(DeleteOptions)
        case refused(HTTPResponse)
    }

    var policy: String?
    var uid: String?
    var resourceVersion: String?

    /// Which precondition a Job does not meet, in the server's words; nil when it meets them.
    func mismatch(with job: LiveJob) -> String? {
        if let uid, uid != job.uid {
            return
                "the UID in the precondition (\(uid)) does not match the UID in record "
                + "(\(job.uid)). The object "
                + "might have been deleted and then recreated"
        }
        if let resourceVersion, resourceVersion != String(job.text.resourceVersion) {
            return
                "the ResourceVersion in the precondition (\(resourceVersion)) does not match the "
                + "ResourceVersion "
                + "in record (\(job.text.resourceVersion)). The object might have been modified"
        }
        return nil
    }

    static func read(_ request: HTTPRequest) -> Result {
        var options = DeleteOptions()
        if request.body.isEmpty {
            options.policy = Target.parameter("propagationPolicy", of: request)
        } else {
            guard KubernetesAPI.hasAcceptedType(request) else {
                return .refused(KubernetesStatus.unsupportedMediaType)
            }
            guard case .document(let document) = KubernetesBody.parse(request.body) else {
                return .refused(
                    KubernetesStatus.badRequest(
                        "couldn't get version/kind; json parse error: unexpected end of JSON input"))
            }
            options.policy = document.root["propagationPolicy"]?.string
            options.uid = document.root["preconditions"]?["uid"]?.string
            options.resourceVersion = document.root["preconditions"]?["resourceVersion"]?.string
        }
        guard let policy = options.policy else { return .options(options) }
        guard ["Foreground", "Background", "Orphan"].contains(policy) else {
            let cause = FieldError(
                reason: "FieldValueNotSupported",
                message: "Unsupported value: \(FieldError.quoted(policy)): supported values: \"Foreground\", "
                    + "\"Background\", \"Orphan\", \"nil\"",
                field: "propagationPolicy")
            return .refused(
                KubernetesStatus.failure(
                    422, "Invalid",
                    "DeleteOptions.meta.k8s.io \"\" is invalid: \(cause.field): \(cause.message)",
                    details: .init(group: "meta.k8s.io", kind: "DeleteOptions", causes: [cause])))
        }
        return .options(options)
    }
}
