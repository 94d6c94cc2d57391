import TrainingTestSupport
import Network
import Foundation
import Model
import Images
import Testing
import Training
import TrainingEvents

/// Whole runs with every kind of cache, held against `--no-cache`, bit for bit.
@Suite struct CachedRunTests {
    enum Place: String, CaseIterable {
        /// Everything fits into memory.
        case memory
        /// A file in the run folder.
        case runFolder
        /// A file in a folder of its own.
        case cacheFolder
        /// Memory for the small caches, a file for the large ones.
        case mixed
        /// No room anywhere.
        case full
    }

    /// What a person does with the keys: deeper, back, all the way up, and down again.
    private static func toggles() -> [FreezeReport] {
        let names = ResNet.resnet18.parameterNames
        func mask(_ step: Int, _ trains: (String) -> Bool) -> FreezeReport {
            FreezeReport(step: step, trainable: names.filter(trains), frostLine: "")
        }
        let head: (String) -> Bool = { $0.hasPrefix("fc") }
        let partial: (String) -> Bool = { $0.hasPrefix("layer4") || head($0) }
        return [
            mask(3) { $0.hasPrefix("layer2.1") || head($0) }, mask(5, partial), mask(8, head), mask(9, partial),
            mask(11) { _ in true }, mask(12, partial), mask(14) { $0.hasPrefix("layer3.1") || head($0) },
            mask(15, head),
        ]
    }

    private func harness(_ augmentation: Augmentation, toggled: Bool) -> EngineHarness {
        var harness = EngineHarness()
        harness.options.strategy = .partial
        harness.options.epochs = 6
        harness.options.augmentation = augmentation
        if toggled { harness.options.replay = Self.toggles() }
        return harness
    }

    @Test(arguments: [Augmentation.none, .flip], [false, true])
    func `a cached run gives the bits of an uncached one, wherever the cache lies`(
        augmentation: Augmentation, toggled: Bool
    ) async throws {
        var plain = harness(augmentation, toggled: toggled)
        plain.options.cache = false
        let uncached = await plain.run()
        #expect(uncached.steps.count == 18)
        for place in Place.allCases {
            let folder = EngineHarness.temporaryFolder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var cached = harness(augmentation, toggled: toggled)
            var places: [String] = []
            if place != .memory {
                cached.output = folder + "/run"
                cached.options.cacheBudget = place == .mixed ? 300 << 10 : 0
                places = [folder + "/run"]
            }
            if place == .cacheFolder {
                cached.options.cacheFolder = folder + "/cache"
                try FeatureFile.requireWritable(folder + "/cache")
                places.append(folder + "/cache")
            }
            if place == .full { cached.options.cacheDiskLimit = 1000 }
            let result = await cached.run()
            #expect(result.outcome.failure == nil)
            #expect(result.steps.map(\.loss) == uncached.steps.map(\.loss), "\(place)")
            #expect(result.steps.map(\.gradientNorms) == uncached.steps.map(\.gradientNorms), "\(place)")
            #expect(result.epochs.map(\.validation) == uncached.epochs.map(\.validation), "\(place)")
            let statuses = result.events.compactMap { if case .cache(let status) = $0 { status } else { nil } }
            let isOn = statuses.contains { if case .on = $0 { true } else { false } }
            #expect(isOn == (place != .full), "\(place)")
            if place == .full {
                let reasons = statuses.compactMap { if case .off(let reason) = $0 { reason } else { nil } }
                #expect(reasons.contains { $0.contains("features need") && $0.contains("has room for 0 MiB") })
            }
            for place in places {
                let left = try FileManager.default.contentsOfDirectory(atPath: place).filter { $0.hasPrefix(".") }
                #expect(left.isEmpty)
            }
        }
    }

    @Test func `without a mask that moves everything is cached after one epoch, validation too`() async {
        let result = await harness(.none, toggled: false).run()
        let last = result.events.compactMap { if case .cache(let status) = $0 { status } else { nil } }.last
        guard case .on(let line, _, let cached, let total)? = last else {
            Issue.record("not cached: \(String(describing: last))")
            return
        }
        #expect(line == "layer4.0" && cached == 32 && total == 32)
    }

    @Test func `random crops are not cached, and the reason is said`() async {
        let result = await harness(.standard, toggled: false).run()
        let statuses = result.events.compactMap { if case .cache(let status) = $0 { status } else { nil } }
        #expect(!statuses.isEmpty)
        #expect(statuses.allSatisfy { $0 == .off(reason: "augmentation is random") })
    }
}
