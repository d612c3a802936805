internal import JSON
internal import Net

extension ClusterCheck {
    /// Looks at what Kueue must have for Jobs ever to start: without it they stay suspended, and nothing says
    /// so.
    func lookAtKueue() async {
        guard let version = await kueueVersion() else { return }
        let api = "/apis/kueue.x-k8s.io/\(version)"
        await lookAtQueue(api)
        guard let name = configuration.jobPriorityClass?.text else { return }
        await lookAt(
            "priority class", name, "\(api)/workloadpriorityclasses/\(name)",
            missing: "create the WorkloadPriorityClass \(name), or leave JOB_PRIORITY_CLASS out; without it "
                + "every Job stays suspended")
    }

    /// The version of Kueue's API that the cluster prefers: older releases serve v1beta1, newer ones v1beta2
    /// alone.
    private func kueueVersion() async -> String? {
        let missing =
            "install Kueue in the cluster \(configuration.clusterID.text) (the cluster Terraform module does); "
            + "without it every Job stays suspended"
        guard
            let group = await read("kueue", "kueue.x-k8s.io", "/apis/kueue.x-k8s.io", missing: missing)
        else { return nil }
        guard let version = group.root["preferredVersion"]?["version"]?.string,
            (2...16).contains(version.utf8.count), version.utf8.allSatisfy(ASCII.isAlphanumeric)
        else {
            check.add("kueue", "kueue.x-k8s.io", .failed, "it serves no version", remedy: missing)
            return nil
        }
        check.add("kueue", "kueue.x-k8s.io", "it is installed, \(version)")
        return version
    }

    private func lookAtQueue(_ api: String) async {
        let queue = configuration.localQueue.text
        let missing =
            "create the LocalQueue \(queue) in the namespace \(namespace), or set KUEUE_LOCAL_QUEUE to the "
            + "one there is; without it every Job stays suspended"
        guard
            let object = await read(
                "local queue", queue, "\(api)/namespaces/\(namespace)/localqueues/\(queue)", missing: missing)
        else { return }
        let active = object.root["status"]?["conditions"]?.elements.first {
            $0["type"]?.equals("Active") == true
        }
        guard active?["status"]?.equals("False") == true else {
            return check.add("local queue", queue, active == nil ? "it is there" : "it is there and active")
        }
        let clusterQueue = Self.name(object.root["spec"]?["clusterQueue"]) ?? "it names"
        check.add(
            "local queue", queue, .failed,
            "it is not active: \(Self.name(active?["reason"]) ?? "no reason given")",
            remedy: "create or start the ClusterQueue \(clusterQueue) (run: kubectl -n \(namespace) describe "
                + "localqueue \(queue)); until then every Job stays suspended")
    }

    /// A name out of the cluster's answer; it is printed, so nothing but what a name may be made of.
    private static func name(_ value: JSONDocument.Value?) -> String? {
        guard let name = value?.string, (1...253).contains(name.utf8.count),
            name.utf8.allSatisfy({ ASCII.isAlphanumeric($0) || "-.".utf8.contains($0) })
        else { return nil }
        return name
    }
}
