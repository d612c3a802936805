// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The benchmark suite: measures the functions, or any program that does their work, from outside.
/// A package of its own, so that what it depends on never comes near the shipped program.
let package = Package(
    name: "bench",
    products: [.executable(name: "bench", targets: ["Bench"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
    ],
    targets: [
        // What Swift cannot say of Linux's interface: epoll's union, timer slack, a spawned process's group.
        .target(name: "CLinux", cSettings: [.enableWarning("all"), .treatAllWarnings(as: .error)]),
        // The result of a run, what is computed from it, and nothing that measures.
        .target(name: "Results", swiftSettings: strict),
        // A result as one page of HTML.
        .target(name: "Report", dependencies: ["Results"], swiftSettings: strict),
        // One thread, one epoll: closed and open loops over kept connections.
        .target(
            name: "LoadGenerator",
            dependencies: ["CLinux", .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: strict),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "CLinux", "Results", "Report", "LoadGenerator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(name: "ReportTests", dependencies: ["Report", "Results"], swiftSettings: strict),
        .testTarget(name: "ResultsTests", dependencies: ["Results"], swiftSettings: strict),
        .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator"], swiftSettings: strict),
        .testTarget(name: "BenchTests", dependencies: ["Bench", "Results"], swiftSettings: strict),
    ],
    cLanguageStandard: .c17
)
