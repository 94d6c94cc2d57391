// swift-tools-version:6.1
import PackageDescription

#if arch(x86_64)
    // One program for every x86-64 with SSE4.2; the loops over floats are there three times, and the best that the
    // processor takes is chosen at start.
    let baseline = ["-Xcc", "-march=x86-64-v2"]
    let avx2 = ["-Xcc", "-march=x86-64-v3"]
    let avx512 = ["-Xcc", "-march=x86-64-v4"]
#else
    let (baseline, avx2, avx512): ([String], [String], [String]) = ([], [], [])
#endif
let everywhere: [SwiftSetting] = [.unsafeFlags(baseline)]

// Loops over pixels and floats are a hundred times slower without the optimiser, so these modules are built with it even
// when everything else is built for debugging.
let numeric: [SwiftSetting] = [.unsafeFlags(["-O"] + baseline)]

// LoopsAVX2 and LoopsAVX512 are links to the sources of LoopsBaseline. -Ounchecked, as a loop's bounds are its caller's.
func loops(_ name: String, _ flags: [String], _ conditions: [String]) -> Target {
    .target(
        name: name, dependencies: ["LoopTypes"],
        swiftSettings: [.unsafeFlags(["-Ounchecked"] + flags)] + conditions.map { .define($0) })
}

let package = Package(
    name: "frostline",
    products: [
        .executable(name: "frostline", targets: ["frostline"]),
        .executable(name: "frostline-benchmarks", targets: ["frostline-benchmarks"]),
        // The program opens it where it is one rank of several, so that it runs where MPI is not installed.
        .library(name: "frostline-mpi", type: .dynamic, targets: ["CMPIShim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        // ARCHITECTURE.md has the same arrows, and .ci/check-imports holds the imports against it.
        .executableTarget(
            name: "frostline",
            dependencies: [
                "Dashboard", "Terminal", "TUI", "TrainingEvents", "RunSocket", "Training", "Experiments", "Model",
                "Kernels",
                "Network", "Images", "Checkpoints", "Downloads", "Ranks", "Support",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "frostline-benchmarks",
            dependencies: [
                "Images", "Support", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Benchmarks"),
        .target(name: "Dashboard", dependencies: ["TUI", "TrainingEvents", "Network", "Support"]),
        .target(name: "Terminal", dependencies: ["CNcurses", "TUI"]),
        .target(name: "TUI", dependencies: ["Support"]),
        .target(
            name: "Experiments",
            dependencies: ["Training", "TrainingEvents", "Model", "Kernels", "Network", "Ranks", "Images", "Support"],
            swiftSettings: numeric),
        .target(
            name: "Training",
            dependencies: [
                "TrainingEvents", "Model", "Kernels", "LoopTypes", "Network", "Ranks", "Images", "Checkpoints",
                "Support",
            ],
            swiftSettings: numeric),
        .target(name: "RunSocket", dependencies: ["Training", "TrainingEvents", "Support"]),
        .target(name: "TrainingEvents", dependencies: ["Network"]),
        .target(name: "Ranks", dependencies: ["Support"], swiftSettings: everywhere),
        .target(
            name: "Model", dependencies: ["Kernels", "LoopTypes", "Network", "Ranks", "Support"],
            swiftSettings: numeric),
        .target(name: "Network", swiftSettings: numeric),
        .target(
            name: "Kernels",
            dependencies: ["LoopTypes", "LoopsBaseline", "LoopsAVX2", "LoopsAVX512", "COpenBLAS", "Support"],
            swiftSettings: numeric),
        .target(name: "LoopTypes", swiftSettings: numeric),
        loops("LoopsBaseline", baseline, []),
        loops("LoopsAVX2", avx2, ["FUSED"]),
        loops("LoopsAVX512", avx512, ["FUSED", "LANES_16"]),
        .target(
            name: "Images", dependencies: ["Support", "CDecoders", "CWebP", "CTIFF"], swiftSettings: numeric),
        .target(name: "Checkpoints", dependencies: ["Support"], swiftSettings: numeric),
        .target(name: "Downloads", dependencies: ["Support"], swiftSettings: numeric),
        .target(name: "Support", swiftSettings: numeric),
        .target(name: "CNcurses", linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
        .target(name: "CDecoders", linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png")]),
        .target(name: "CMPIShim", dependencies: ["COpenMPI"]),
        .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CWebP", pkgConfig: "libwebp", providers: [.apt(["libwebp-dev"])]),
        .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),

        .target(name: "FuzzSupport", path: "Tests/FuzzSupport"),
        .target(
            name: "ProcessTestSupport", dependencies: ["CProcessTestSupport"], path: "Tests/ProcessTestSupport"),
        .target(name: "CProcessTestSupport", path: "Tests/CProcessTestSupport"),
        .target(name: "RanksTestSupport", dependencies: ["Ranks"], path: "Tests/RanksTestSupport"),
        .executableTarget(name: "ranks-exercise", dependencies: ["Ranks"], path: "Tests/RanksExercise"),
        .testTarget(name: "RanksTests", dependencies: ["Ranks", "ranks-exercise", "ProcessTestSupport"]),
        .target(
            name: "TrainingTestSupport",
            dependencies: ["Training", "TrainingEvents", "Network", "Images", "Ranks", "RanksTestSupport"],
            path: "Tests/TrainingTestSupport"),
        .testTarget(name: "SupportTests", dependencies: ["Support"]),
        .testTarget(name: "NetworkTests", dependencies: ["Network"]),
        .testTarget(
            name: "KernelsTests",
            dependencies: ["Kernels", "LoopTypes", "LoopsBaseline", "LoopsAVX2", "LoopsAVX512"],
            swiftSettings: numeric),
        .testTarget(
            name: "ModelTests", dependencies: ["Model", "Kernels", "Network", "Ranks", "RanksTestSupport"],
            resources: [.copy("Fixtures")],
            swiftSettings: numeric),
        .testTarget(
            name: "ImagesTests", dependencies: ["Images", "Support", "FuzzSupport"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CheckpointsTests",
            dependencies: ["Checkpoints", "Support", "FuzzSupport", "Training", "Model", "Kernels"],
            resources: [.copy("Fixtures")],
            swiftSettings: numeric),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "TrainingEvents", "Model", "Kernels", "Network", "Images", "Checkpoints", "Support",
                "FuzzSupport", "TrainingTestSupport", "Ranks",
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "RunSocketTests",
            dependencies: [
                "RunSocket", "Training", "TrainingEvents", "Network", "Support", "FuzzSupport", "TrainingTestSupport",
            ]),
        .testTarget(
            name: "ExperimentsTests",
            dependencies: [
                "Experiments", "Training", "TrainingEvents", "Model", "Images", "Support", "TrainingTestSupport",
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "DownloadsTests", dependencies: ["Downloads", "Support"]),
        .testTarget(
            name: "DashboardTests",
            dependencies: ["Dashboard", "Terminal", "TUI", "TrainingEvents", "Network", "Support", "FuzzSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "frostline", "Dashboard", "TUI", "Terminal", "Training", "Kernels", "Checkpoints", "Network", "Images",
                "Support", "ProcessTestSupport",
            ]),
        .testTarget(name: "BenchmarksTests", dependencies: ["frostline-benchmarks", "Support"]),
    ],
    swiftLanguageModes: [.v6]
)
