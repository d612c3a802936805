import LoadGenerator
import Results

/// Look-ups in repositories of 10 to 100,000 images.
enum RegistryExperiments {
    static func all(_ effort: Experiment.Effort) -> [Experiment] {
        [10, 100, 1_000, 10_000, 100_000].flatMap { images in
            [make(images, asksForDefault: false, effort), make(images, asksForDefault: true, effort)]
        }
    }

    private static func make(_ images: Int, asksForDefault: Bool, _ effort: Experiment.Effort) -> Experiment {
        let sort = asksForDefault ? "default" : "exists"
        let load = Load(.closed(concurrency: 1), seconds: effort.seconds)
        let warmUp = Load(.closed(concurrency: 1), seconds: effort.warmUpSeconds)
        let title = asksForDefault ? "Which revision is a service's default" : "Whether a revision exists"
        return Experiment(
            scenario: Scenario(
                name: "registry-\(sort)-\(images)", group: .registry,
                title: "\(title), among \(images) images",
                series: sort, axis: Scenario.Axis(name: "images", value: Double(images))),
            function: .serviceRegistry, isQuick: images == 10 || images == 10_000, rounds: effort.rounds,
            arrange: { cloud in
                try cloud.post(
                    "/images",
                    [
                        "clear": true,
                        "generate": ["count": images, "prefix": RegistryRequests.prefix, "tagsPerImage": 2],
                    ])
            },
            warmUp: { session in
                _ = try session.run(
                    warmUp, RegistryRequests.make(images: images, asksForDefault: asksForDefault))
            },
            measure: { session, measurement in
                let source = RegistryRequests.make(images: images, asksForDefault: asksForDefault)
                try session.measure(load, source, into: &measurement)
            })
    }
}
