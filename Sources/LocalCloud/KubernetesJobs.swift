import Net

/// A Job that is there.
struct LiveJob {
    let name: String
    let namespace: String
    let uid: String
    let pods: Int
    let order: Int
    let text: JobText
    var attempts = 1
}

/// A Job that was deleted or finished.
struct EndedJob {
    let name: String
    let namespace: String
    let uid: String
    let propagationPolicy: String
    let orphanedPods: Int
}

/// The Jobs of all namespaces and what became of their Pods, with a controller manager that works at once.
@EventLoopActor
final class JobStore {
    private struct Key: Hashable {
        let namespace: String
        let name: String
    }

    private let cloud: Cloud
    private var jobs: [Key: LiveJob] = [:]
    private var order = NumberedQueue<Key>()
    private(set) var ended = NumberedQueue<EndedJob>()
    private(set) var orphanedPods = NumberedQueue<String>()
    private(set) var resourceVersion = 100
    private var counts: [String: Int] = [:]

    init(cloud: Cloud) { self.cloud = cloud }

    /// Forgets everything.
    func reset() {
        jobs = [:]
        order.removeAll()
        ended.removeAll()
        orphanedPods.removeAll()
        counts = [:]
    }

    /// How many Jobs `namespace` has.
    func count(in namespace: String) -> Int { counts[namespace] ?? 0 }

    func job(_ name: String, in namespace: String) -> LiveJob? { jobs[Key(namespace: namespace, name: name)] }

    /// The Jobs of a namespace, or all, oldest first.
    func all(in namespace: String? = nil) -> [LiveJob] {
        jobs.values.filter { namespace == nil || $0.namespace == namespace }.sorted { $0.order < $1.order }
    }

    /// Notes a create of a name that is taken.
    func addAttempt(_ name: String, in namespace: String) {
        jobs[Key(namespace: namespace, name: name)]?.attempts += 1
        cloud.counters.add(to: .jobsDuplicates)
    }

    func nextResourceVersion() -> Int {
        resourceVersion += 1
        return resourceVersion
    }

    func add(_ text: JobText) {
        let key = Key(namespace: text.namespace, name: text.name)
        let pods = cloud.settings.podsPerJob
        jobs[key] = LiveJob(
            name: text.name, namespace: text.namespace, uid: text.uid, pods: pods, order: order.next,
            text: text)
        order.append(key)
        counts[text.namespace, default: 0] += 1
        cloud.counters.add(to: .jobsCreated)
        cloud.counters.add(to: .jobsLive)
        cloud.counters.add(pods, to: .podsLive)
        while jobs.count > cloud.settings.jobsMax { forgetOldest() }
    }

    private func forgetOldest() {
        while let key = order.removeFirst() {
            // A key that was deleted, and perhaps made again, stands here once too often.
            guard let job = jobs[key], job.order < order.first else { continue }
            remove(job)
            cloud.counters.add(-job.pods, to: .podsLive)
            return
        }
    }

    private func remove(_ job: LiveJob) {
        jobs[Key(namespace: job.namespace, name: job.name)] = nil
        counts[job.namespace, default: 1] -= 1
        cloud.counters.add(-1, to: .jobsLive)
    }

    /// Deletes a Job as `policy` says: `Orphan` leaves its Pods running.
    func delete(_ job: LiveJob, policy: String) {
        remove(job)
        let orphans = policy == "Orphan" ? job.pods : 0
        if orphans > 0 {
            for _ in 0..<orphans {
                orphanedPods.append("\(job.name)-\(Identifier.hexadecimal(Crypto.randomBytes(3)).prefix(5))")
            }
            cloud.counters.add(orphans, to: .podsOrphaned)
        } else {
            cloud.counters.add(-job.pods, to: .podsLive)
        }
        cloud.counters.add(to: .jobsDeleted)
        note(job, policy: policy, orphans: orphans)
    }

    /// A Job that finished and was removed by its TTL, Pods as well.
    func finish(_ job: LiveJob) {
        remove(job)
        cloud.counters.add(-job.pods, to: .podsLive)
        note(job, policy: "Finished", orphans: 0)
    }

    private func note(_ job: LiveJob, policy: String, orphans: Int) {
        guard cloud.settings.isRecording else { return }
        ended.append(
            EndedJob(
                name: job.name, namespace: job.namespace, uid: job.uid, propagationPolicy: policy,
                orphanedPods: orphans))
        while ended.count > cloud.settings.recordedRequestsMax { _ = ended.removeFirst() }
        while orphanedPods.count > cloud.settings.recordedRequestsMax { _ = orphanedPods.removeFirst() }
    }
}
