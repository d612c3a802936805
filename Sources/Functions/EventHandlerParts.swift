internal import Net

extension EventHandler {
    /// The event handler of a program with this configuration.
    convenience init(_ configuration: EventHandlerConfiguration, _ parts: ServiceParts) {
        let endpoints = configuration.service.endpoints
        func api(_ endpoint: Endpoint) -> GoogleAPI {
            GoogleAPI(endpoint, parts, quotaProjectID: configuration.service.quotaProjectID)
        }
        let pubSub = api(endpoints.pubSub)
        func topic(_ name: TopicName) -> PubSubTopic {
            PubSubTopic(name, project: parts.project, api: pubSub)
        }
        let cluster = Cluster(
            id: configuration.clusterID, choice: configuration.clusterEndpoint,
            api: api(endpoints.container), log: parts.log,
            fetchMilliseconds: parts.sharedFetchMilliseconds)
        self.init(
            jobs: JobTemplate(JobSettings(configuration)),
            reportsUndispatchable: configuration.reportsUndispatchableQuestions,
            bigQuery: BigQuery(
                table: configuration.eventsTable, project: parts.project, api: api(endpoints.bigQuery)),
            kubernetes: Kubernetes(
                namespace: configuration.jobNamespace, cluster: cluster, caller: parts.caller,
                exchange: parts.exchange, token: parts.token, log: parts.log),
            topic: topic(configuration.topic), deadLetters: configuration.deadLetterTopic.map(topic),
            push: configuration.push.map { PushVerifier($0, caller: parts.caller) },
            log: parts.log, metrics: parts.metrics)
    }
}

extension JobSettings {
    init(_ configuration: EventHandlerConfiguration) {
        self.init(
            repositoryURL: configuration.repositoryURL, queue: configuration.localQueue.text,
            serviceAccount: configuration.kubernetesServiceAccountName.text, topic: configuration.topic.text,
            command: configuration.jobCommand, defaultCPUs: configuration.defaultCPUs,
            defaultMemory: configuration.defaultMemory,
            defaultEphemeralStorage: configuration.defaultEphemeralStorage,
            ttlSecondsAfterFinished: configuration.jobTTLSecondsAfterFinished,
            backoffLimit: configuration.jobBackoffLimit,
            activeDeadlineSeconds: configuration.jobActiveDeadlineSeconds,
            priorityClass: configuration.jobPriorityClass?.text)
    }
}
