import JSON
import Net

/// What kubectl and `check` ask besides Jobs: discovery, access reviews, and whether some objects are there.
enum KubernetesDiscovery {
    static func answer(
        _ request: HTTPRequest, _ segments: [ArraySlice<UInt8>], state: KubernetesState, user: String
    ) -> HTTPResponse {
        let parts = segments.map { Target.decodedText($0) }
        let path = "/" + parts.joined(separator: "/")
        if request.method == .post, path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" {
            return review(request, state: state, user: user)
        }
        if let text = documents[path] {
            guard request.method == .get else { return KubernetesStatus.methodNotAllowed }
            return KubernetesStatus.object(200, Array(text.utf8))
        }
        if ["/livez", "/readyz", "/healthz"].contains(path) { return .text(200, "ok") }
        if parts.count >= 4, parts[0] == "api", parts[1] == "v1", parts[2] == "namespaces" {
            return core(request, Array(parts.dropFirst(3)), state: state, user: user)
        }
        if parts.count >= 2, parts[0] == "apis", parts[1] == "kueue.x-k8s.io" {
            return kueue(request, Array(parts.dropFirst(2)), state: state, user: user)
        }
        return KubernetesStatus.noSuchResource
    }

    /// Kueue's API, in the one version that is installed.
    private static func kueue(
        _ request: HTTPRequest, _ rest: [String], state: KubernetesState, user: String
    ) -> HTTPResponse {
        let name = "kueue.x-k8s.io"
        guard let version = state.kueueVersion, rest.isEmpty || rest[0] == version else {
            return KubernetesStatus.noSuchResource
        }
        if rest.count <= 1 {
            guard request.method == .get else { return KubernetesStatus.methodNotAllowed }
            let text =
                rest.isEmpty
                ? #"{"kind":"APIGroup","apiVersion":"v1","# + group(name, version).dropFirst()
                : resources(
                    "\(name)/\(version)",
                    [
                        ("localqueues", "LocalQueue", true, #""get""#),
                        ("workloadpriorityclasses", "WorkloadPriorityClass", false, #""get""#),
                    ])
            return KubernetesStatus.object(200, Array(text.utf8))
        }
        if rest.count == 5, rest[1] == "namespaces", rest[3] == "localqueues" {
            return object(
                request, kind: "LocalQueue", resource: "localqueues", group: name, version: version,
                namespace: rest[2], name: rest[4], exists: state.localQueues.contains(rest[4]), state: state,
                user: user)
        }
        guard rest.count == 3, rest[1] == "workloadpriorityclasses" else {
            return KubernetesStatus.noSuchResource
        }
        return object(
            request, kind: "WorkloadPriorityClass", resource: rest[1], group: name, version: version,
            namespace: "", name: rest[2], exists: state.priorityClasses.contains(rest[2]), state: state,
            user: user)
    }

    private static func core(
        _ request: HTTPRequest, _ rest: [String], state: KubernetesState, user: String
    ) -> HTTPResponse {
        if rest.count == 1 {
            return object(
                request, kind: "Namespace", resource: "namespaces", group: "", version: "v1", namespace: "",
                name: rest[0], exists: state.namespaces.contains(rest[0]), state: state, user: user)
        }
        guard rest.count == 3, rest[1] == "serviceaccounts" else { return KubernetesStatus.noSuchResource }
        return object(
            request, kind: "ServiceAccount", resource: "serviceaccounts", group: "", version: "v1",
            namespace: rest[0], name: rest[2],
            exists: state.namespaces.contains(rest[0]) && state.serviceAccounts.contains(rest[2]),
            state: state,
            user: user)
    }

    private static func object(
        _ request: HTTPRequest, kind: String, resource: String, group: String, version: String,
        namespace: String,
        name: String, exists: Bool, state: KubernetesState, user: String
    ) -> HTTPResponse {
        guard request.method == .get else { return KubernetesStatus.methodNotAllowed }
        if user == "system:anonymous" || state.denied.contains("get \(resource)") {
            return KubernetesStatus.forbidden(
                user: user, verb: "get", resource: resource, group: group, namespace: namespace, name: name)
        }
        guard exists else { return KubernetesStatus.notFound(kind: resource, group: group, name) }
        var json = JSONWriter()
        json.beginObject()
        json.member("kind", kind)
        json.member("apiVersion", group.isEmpty ? version : "\(group)/\(version)")
        json.key("metadata")
        json.beginObject()
        json.member("name", name)
        if !namespace.isEmpty { json.member("namespace", namespace) }
        json.endObject()
        if kind == "LocalQueue" {
            json.key("spec")
            json.beginObject()
            json.member("clusterQueue", "cluster-queue")
            json.endObject()
            json.key("status")
            json.raw(Array(localQueueStatus(isActive: !state.inactiveLocalQueues.contains(name)).utf8))
        }
        json.endObject()
        return KubernetesStatus.object(200, json.finish())
    }

    private static func localQueueStatus(isActive: Bool) -> String {
        let reason = isActive ? "Ready" : "ClusterQueueIsInactive"
        return
            #"{"conditions":[{"type":"Active","status":"\#(isActive ? "True" : "False")","reason":"\#(reason)"}]}"#
    }

    /// A SelfSubjectAccessReview: the question back, with an answer.
    private static func review(_ request: HTTPRequest, state: KubernetesState, user: String) -> HTTPResponse {
        guard case .document(let document) = KubernetesBody.parse(request.body),
            let spec = document.root["spec"]
        else { return KubernetesStatus.badRequest("the object provided is unrecognized") }
        let attributes = spec["resourceAttributes"]
        let verb = attributes?["verb"]?.string ?? ""
        let resource = attributes?["resource"]?.string ?? ""
        let isAllowed = user != "system:anonymous" && !state.denied.contains("\(verb) \(resource)")
        var json = JSONWriter()
        json.beginObject()
        json.member("kind", "SelfSubjectAccessReview")
        json.member("apiVersion", "authorization.k8s.io/v1")
        json.key("metadata")
        json.beginObject()
        json.endObject()
        json.key("spec")
        json.raw(document.source, in: spec.rawRange)
        json.key("status")
        json.beginObject()
        json.member("allowed", isAllowed)
        json.endObject()
        json.endObject()
        return KubernetesStatus.object(201, json.finish())
    }

    /// kubectl asks it before it creates anything: a PATCH of the kind that knows `fieldValidation` says that
    /// the server validates fields itself (a real one's document has it among two megabytes of others).
    private static let jobsOpenAPI =
        #"{"openapi":"3.0.0","info":{"title":"Kubernetes","version":"v1.36.2"},"paths":{"#
        + #""/apis/batch/v1/namespaces/{namespace}/jobs/{name}":{"patch":{"responses":{},"parameters":["#
        + #"{"name":"fieldValidation","in":"query","schema":{"type":"string","uniqueItems":true}}],"#
        + #""x-kubernetes-group-version-kind":{"group":"batch","version":"v1","kind":"Job"}}}}}"#

    private static let documents: [String: String] = [
        "/openapi/v3":
            #"{"paths":{"apis/batch/v1":{"serverRelativeURL":"/openapi/v3/apis/batch/v1"}}}"#,
        "/openapi/v3/apis/batch/v1": jobsOpenAPI,
        "/api": #"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}"#,
        "/apis":
            #"{"kind":"APIGroupList","apiVersion":"v1","groups":["#
            + group("batch") + "," + group("authorization.k8s.io") + "," + group("kueue.x-k8s.io", "v1beta2")
            + "]}",
        "/apis/batch": #"{"kind":"APIGroup","apiVersion":"v1","# + group("batch").dropFirst(),
        "/api/v1": resources(
            "v1",
            [
                ("namespaces", "Namespace", false, #""get""#),
                ("serviceaccounts", "ServiceAccount", true, #""get""#),
            ]),
        "/apis/batch/v1": resources(
            "batch/v1", [("jobs", "Job", true, #""create","delete","deletecollection","get","list""#)]),
        "/apis/authorization.k8s.io/v1": resources(
            "authorization.k8s.io/v1",
            [("selfsubjectaccessreviews", "SelfSubjectAccessReview", false, #""create""#)]),
        "/version":
            #"{"major":"1","minor":"36","gitVersion":"v1.36.2","gitCommit":"","gitTreeState":"clean","#
            + #""buildDate":"","goVersion":"","compiler":"gc","platform":"linux/amd64"}"#,
    ]

    private static func group(_ name: String, _ version: String = "v1") -> String {
        let entry = #"{"groupVersion":"\#(name)/\#(version)","version":"\#(version)"}"#
        return #"{"name":"\#(name)","versions":[\#(entry)],"preferredVersion":\#(entry)}"#
    }

    private static func resources(
        _ version: String, _ list: [(name: String, kind: String, isNamespaced: Bool, verbs: String)]
    ) -> String {
        let entries = list.map { entry in
            #"{"name":"\#(entry.name)","singularName":"\#(entry.kind.lowercased())","#
                + #""namespaced":\#(entry.isNamespaced)"#
                + #","kind":"\#(entry.kind)","verbs":[\#(entry.verbs)]}"#
        }
        return #"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"\#(version)","resources":["#
            + entries.joined(separator: ",") + "]}"
    }
}
