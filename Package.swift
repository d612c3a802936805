// swift-tools-version: 6.2
import PackageDescription

/// Language mode 6 and every strictness the compiler offers.
/// `strictMemorySafety` makes each `unsafe` visible, so that a reviewer can find all of them.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Test targets go without strict memory safety: `#expect` expands to code that it refuses.
let strictTests: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "twined-functions",
    products: [
        .executable(name: "twined-functions", targets: ["twined-functions"]),
        .executable(name: "local-cloud", targets: ["local-cloud"]),
        .executable(name: "echo-server", targets: ["echo-server"]),
    ],
    targets: [
        // C, one target per reason.
        .target(name: "CHTTP"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CNet"),
        .target(name: "CProvider", dependencies: ["COpenSSL"]),

        // Imports run down only: twined-functions → Functions → Net, JSON → the C targets.
        .target(
            name: "Net", dependencies: ["CHTTP", "COpenSSL", "CProvider", "CZlib", "CNet"],
            swiftSettings: strict),
        .target(name: "JSON", swiftSettings: strict),
        .target(name: "Functions", dependencies: ["Net", "JSON"], swiftSettings: strict),
        .executableTarget(
            name: "twined-functions", dependencies: ["Functions", "Net"], swiftSettings: strict),

        // Never shipped: the pretend Google that tests, demo and benchmarks talk to, and a plain server.
        .target(
            name: "LocalCloud", dependencies: ["Net", "JSON", "COpenSSL", "CZlib"], swiftSettings: strict),
        .executableTarget(name: "local-cloud", dependencies: ["LocalCloud"], swiftSettings: strict),
        .executableTarget(name: "echo-server", dependencies: ["Net"], swiftSettings: strict),

        // The shipped handler on a virtual clock in a world of faults; a program, so that it can run for hours.
        .executableTarget(
            name: "simulate", dependencies: ["Functions", "Net", "JSON", "TestSupport"],
            path: "Tests/Simulation", swiftSettings: strictTests),

        // Hostile input: fuzz targets, injection, work to be counted; a program, so that it can run for hours.
        .executableTarget(
            name: "hostile", dependencies: ["Functions", "Net", "JSON", "TestSupport"],
            path: "Tests/Hostile", swiftSettings: strictTests),

        // The program made dearer on purpose: what counts or times it must notice.
        .executableTarget(
            name: "costly-functions", dependencies: ["Functions", "Net"], path: "Tests/Costly",
            swiftSettings: strictTests),

        .target(
            name: "TestSupport", dependencies: ["Net", "JSON"], path: "Tests/TestSupport",
            swiftSettings: strictTests),
        .testTarget(name: "CHTTPTests", dependencies: ["CHTTP", "TestSupport"], swiftSettings: strictTests),
        .testTarget(
            name: "NetTests",
            dependencies: ["Net", "TestSupport", "CHTTP", "CNet", "COpenSSL", "LocalCloud"],
            swiftSettings: strictTests),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "TestSupport"], swiftSettings: strictTests),
        .testTarget(
            name: "FunctionsTests", dependencies: ["Functions", "JSON", "TestSupport"],
            swiftSettings: strictTests),
        .testTarget(
            name: "LocalCloudTests", dependencies: ["TestSupport", "LocalCloud", "Net", "JSON"],
            swiftSettings: strictTests),
        .testTarget(name: "TidyTests", swiftSettings: strictTests),
    ],
    cLanguageStandard: .c17
)
