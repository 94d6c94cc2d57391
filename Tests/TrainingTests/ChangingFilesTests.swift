import TrainingTestSupport
import Foundation
import Images
import Testing
import Training
import TrainingEvents

/// Pictures that change, vanish or turn into something else while a run is using them.
@Suite struct ChangingFilesTests {
    /// Two classes of eight pictures, and a val/ of two each.
    private func folder() throws -> String {
        let path = EngineHarness.temporaryFolder()
        for (split, count) in [("train", 8), ("val", 2)] {
            for (label, name) in ["cats", "dogs"].enumerated() {
                let folder = "\(path)/\(split)/\(name)"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                for index in 0..<count {
                    try picture(label * 50 + index * 3 + count).write(
                        to: URL(fileURLWithPath: "\(folder)/\(index).ppm"))
                }
            }
        }
        return path
    }

    private func picture(_ seed: Int) -> Data {
        Data("P6 20 20 255\n".utf8) + Data((0..<1200).map { UInt8(($0 * (seed + 3)) % 251) })
    }

    private func run(
        _ folder: String, cache: Bool = false, output: String? = nil, at wanted: Int, spoil: @escaping () throws -> Void
    ) async throws -> EngineHarness.Result {
        var options = EngineHarness().options
        options.epochs = 6
        options.batchSize = 4
        // Every epoch reads every file again.
        options.augmentation = .standard
        options.pictureBudget = 0
        options.cache = cache
        let mailbox = EventMailbox()
        let request = RunRequest(data: .folder(folder), weights: .random, options: options, output: output)
        let engine = TrainingEngine(request, mailbox: mailbox)
        engine.send(.watch(true))
        // Held before its first step until the files are as the case wants them.
        engine.send(.pause)
        let running = Task.detached { await engine.run() }
        var events: [TrainingEvent] = []
        var (isSpoiled, isOver) = (false, false)
        while !isOver {
            for event in mailbox.drain() {
                events.append(event)
                switch event {
                case .paused where wanted == 0 && !isSpoiled:
                    try spoil()
                    isSpoiled = true
                    engine.send(.resume)
                case .paused where !isSpoiled: engine.send(.resume)
                case .epoch(let epoch) where epoch.epoch == wanted && !isSpoiled:
                    try spoil()
                    isSpoiled = true
                case .finished, .failed: isOver = true
                default: break
                }
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(isSpoiled)
        return EngineHarness.Result(outcome: await running.value, events: events)
    }

    private func warnings(_ result: EngineHarness.Result) -> [String] {
        result.events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
    }

    @Test(arguments: [0, 1]) func `each is named once and left out, in training and in validation`(
        _ epoch: Int
    ) async throws {
        let path = try folder()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let result = try await run(path, at: epoch) {
            unlink(path + "/train/cats/0.ppm")
            try Data("no picture".utf8).write(to: URL(fileURLWithPath: path + "/train/cats/1.ppm"))
            try Data().write(to: URL(fileURLWithPath: path + "/train/dogs/2.ppm"))
            unlink(path + "/train/dogs/3.ppm")
            _ = mkfifo(path + "/train/dogs/3.ppm", 0o600)
            unlink(path + "/train/dogs/4.ppm")
            _ = mkdir(path + "/train/dogs/4.ppm", 0o700)
            unlink(path + "/val/cats/1.ppm")
            // One that is still a picture, and another one.
            try self.picture(99).write(to: URL(fileURLWithPath: path + "/train/dogs/5.ppm"))
        }
        #expect(result.outcome.failure == nil)
        #expect(result.epochs.count == 6)
        let said = warnings(result)
        for name in [
            "train/cats/0.ppm", "train/cats/1.ppm", "train/dogs/2.ppm", "train/dogs/3.ppm", "train/dogs/4.ppm",
            "val/cats/1.ppm",
        ] {
            #expect(said.filter { $0.contains(name) }.count == 1, "\(name) in \(said)")
        }
        #expect(!said.contains { $0.contains("dogs/5.ppm") })
    }

    @Test func `a folder that vanishes ends the run with what was wrong, and the last save stays`() async throws {
        let (path, output) = (try folder(), EngineHarness.temporaryFolder())
        defer { for folder in [path, output] { try? FileManager.default.removeItem(atPath: folder) } }
        let result = try await run(path, output: output, at: 1) { try FileManager.default.removeItem(atPath: path) }
        #expect(result.outcome.failure?.contains("no training picture can be read any more") == true)
        #expect(warnings(result).count <= 25)
        #expect(FileManager.default.fileExists(atPath: output + "/" + RunFolder.lastName))
    }

    @Test func `what is cached is not read again, and goes on without its files`() async throws {
        let path = try folder()
        defer { try? FileManager.default.removeItem(atPath: path) }
        var harness = EngineHarness()
        harness.options.epochs = 3
        harness.options.batchSize = 4
        let mailbox = EventMailbox()
        let engine = TrainingEngine(
            RunRequest(data: .folder(path), weights: .random, options: harness.options, output: nil), mailbox: mailbox)
        engine.send(.pause)
        let running = Task.detached { await engine.run() }
        var (isGone, isOver) = (false, false)
        while !isOver {
            for event in mailbox.drain() {
                switch event {
                case .paused where !isGone:
                    try FileManager.default.removeItem(atPath: path)
                    isGone = true
                    engine.send(.resume)
                case .finished, .failed: isOver = true
                default: break
                }
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(await running.value.failure == nil)
        #expect(isGone)
    }

    @Test func `the same pictures in train and val, or in two classes, are named before the first step`() async throws {
        let path = try folder()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try picture(200).write(to: URL(fileURLWithPath: path + "/train/cats/0.ppm"))
        try picture(200).write(to: URL(fileURLWithPath: path + "/val/cats/1.ppm"))
        try picture(201).write(to: URL(fileURLWithPath: path + "/train/cats/5.ppm"))
        try picture(201).write(to: URL(fileURLWithPath: path + "/train/dogs/6.ppm"))
        let result = try await run(path, at: 0) {}
        #expect(result.outcome.failure == nil)
        let said = warnings(result).joined(separator: "\n")
        #expect(said.contains("train/cats/0.ppm = \(path)/val/cats/1.ppm"))
        #expect(said.contains("train/cats/5.ppm = \(path)/train/dogs/6.ppm"))
    }
}
