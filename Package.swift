// swift-tools-version:6.1
import PackageDescription

// Loops over pixels and floats are a hundred times slower without the optimiser, so these rooms are built with it even
// when everything else is built for debugging.
let numeric: [SwiftSetting] = [.unsafeFlags(["-O"])]

let package = Package(
    name: "frostline",
    products: [
        .executable(name: "frostline", targets: ["frostline"]),
        .executable(name: "frostline-benchmarks", targets: ["frostline-benchmarks"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        .executableTarget(
            name: "frostline",
            dependencies: [
                "Dashboard", "Terminal", "TrainingEvents", "Training", "Model", "Kernels", "Pictures", "Checkpoints",
                "Downloads",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "frostline-benchmarks",
            dependencies: [
                "Training", "Pictures", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Benchmarks"),
        .target(name: "Dashboard", dependencies: ["TrainingEvents"]),
        .target(name: "Terminal", dependencies: ["CNcurses", "Dashboard"]),
        .target(name: "TrainingEvents"),
        .target(
            name: "Training",
            dependencies: ["TrainingEvents", "Model", "Kernels", "Pictures", "Checkpoints", "Exchange", "Support"],
            swiftSettings: numeric),
        .target(name: "Exchange", dependencies: ["Model", "Checkpoints"], swiftSettings: numeric),
        .target(name: "Downloads", dependencies: ["Checkpoints"], swiftSettings: numeric),
        .target(name: "Model", dependencies: ["Kernels"], swiftSettings: numeric),
        .target(name: "Kernels", dependencies: ["COpenBLAS", "Support"], swiftSettings: numeric),
        .target(
            name: "Pictures", dependencies: ["CJPEG", "CPNG", "CWebP", "CTIFF", "Support"], swiftSettings: numeric),
        .target(name: "Checkpoints", swiftSettings: numeric),
        .target(name: "Support", swiftSettings: numeric),
        .target(name: "CNcurses", linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
        .target(name: "CJPEG", linkerSettings: [.linkedLibrary("jpeg")]),
        .target(name: "CPNG", linkerSettings: [.linkedLibrary("png")]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CWebP", pkgConfig: "libwebp", providers: [.apt(["libwebp-dev"])]),
        .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
        .target(name: "FuzzSupport", path: "Tests/FuzzSupport"),
        .testTarget(name: "SupportTests", dependencies: ["Support"]),
        .testTarget(name: "KernelsTests", dependencies: ["Kernels"], swiftSettings: numeric),
        .testTarget(
            name: "ModelTests", dependencies: ["Model", "Kernels"], resources: [.copy("Fixtures")],
            swiftSettings: numeric),
        .testTarget(name: "PicturesTests", dependencies: ["Pictures", "FuzzSupport"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CheckpointsTests", dependencies: ["Checkpoints", "FuzzSupport"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "TrainingEvents", "Model", "Kernels", "Pictures", "Checkpoints", "Exchange", "FuzzSupport",
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "DownloadsTests", dependencies: ["Downloads", "Checkpoints"]),
        .testTarget(
            name: "DashboardTests", dependencies: ["Dashboard", "Terminal", "TrainingEvents", "FuzzSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "CommandTests", dependencies: ["frostline", "Dashboard", "Training", "Checkpoints"]),
        .testTarget(name: "BenchmarksTests", dependencies: ["frostline-benchmarks", "Training"]),
    ],
    swiftLanguageModes: [.v6]
)
