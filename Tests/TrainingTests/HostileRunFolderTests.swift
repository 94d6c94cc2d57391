import TrainingTestSupport
import Checkpoints
import Foundation
import Testing
import Training
import TrainingEvents

/// Run folders of foreign origin: pipes and devices in place of files, and values that no run writes.
@Suite struct HostileRunFolderTests {
    private func trained() async -> (EngineHarness, String) {
        let folder = EngineHarness.temporaryFolder()
        var harness = EngineHarness()
        harness.options.epochs = 1
        harness.output = folder
        _ = await harness.run()
        harness.options.epochs = 2
        harness.resume = true
        return (harness, folder)
    }

    /// Puts something that is no file in the place of one.
    static let replacements: [(name: String, put: @Sendable (String) -> Void)] = [
        ("pipe", { _ = mkfifo($0, 0o600) }), ("socket", { _ = mknod($0, S_IFSOCK | 0o600, 0) }),
        ("device", { symlink("/dev/zero", $0) }), ("loop", { symlink($0, $0) }), ("folder", { _ = mkdir($0, 0o700) }),
        // A hole larger than any memory.
        ("hole", { truncate(path: $0, to: 1 << 42) }),
    ]

    private static func truncate(path: String, to size: Int) {
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        _ = ftruncate(descriptor, off_t(size))
        close(descriptor)
    }

    @Test(arguments: replacements) func `what is no file is refused by name, without waiting for it`(
        _ odd: (name: String, put: @Sendable (String) -> Void)
    ) async throws {
        for name in [RunFolder.descriptionName, RunFolder.metricsName, RunFolder.stateName, RunFolder.lastName] {
            let (harness, folder) = await trained()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            unlink(folder + "/" + RunFolder.bestName)
            unlink(folder + "/" + name)
            odd.put(folder + "/" + name)
            let status = RunStatus(of: folder)
            #expect(status.state == (name == RunFolder.descriptionName ? .unreadable : .finished), "\(name)")
            #expect(status.failure?.contains(folder + "/" + name) != (status.state == .finished))
            func problem(_ body: () throws -> Void) -> String {
                do { try body() } catch { return "\(error)" }
                return "none"
            }
            switch name {
            case RunFolder.descriptionName:
                #expect(problem { _ = try RunFolder.recordedOptions(of: folder) }.contains(folder))
                #expect(problem { try RunFollower.requireRun(folder) }.contains(folder))
                #expect(problem { _ = try TrainedNetwork.open(folder) }.contains(folder))
            case RunFolder.metricsName:
                #expect(
                    problem { _ = try RunExport.write(folder, choice: .last, to: folder + "/x.csv") }.contains(folder))
                let follower = RunFollower(folder, mailbox: EventMailbox())
                #expect(await follower.run().failure == nil)
                // A hole is a file, if one that cannot be read; the rest is no place for a record.
                if odd.name != "hole" { #expect(await harness.run().outcome.failure?.contains(name) == true) }
            case RunFolder.stateName:
                // A link that leads nowhere is no state: the run begins again, and says so.
                if odd.name == "loop" { continue }
                #expect(await harness.run().outcome.failure?.contains(name) == true)
            default:
                #expect(problem { _ = try TrainedNetwork.open(folder, choice: .last) }.contains(name))
            }
        }
    }

    @Test(arguments: [
        #""position":999999"#, #""excluded":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23]"#,
        #""position":-1"#, #""step":-5"#, #""epoch":0"#, #""position":1e300"#, #""lossSum":7"#,
    ]) func `a state that fits no run is refused by name`(_ field: String) async throws {
        let (harness, folder) = await trained()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/" + RunFolder.stateName
        let checkpoint = try Checkpoint.open(path)
        var metadata = checkpoint.metadata
        let progress = try #require(metadata["frostline.progress"])
        let key = String(try #require(field.split(separator: ":").first))
        let pattern = key + #":("[^"]*"|\[[^\]]*\]|[^,}]*)"#
        let spoiled = progress.replacingOccurrences(of: pattern, with: field, options: .regularExpression)
        #expect(spoiled != progress)
        metadata["frostline.progress"] = spoiled
        let entries = try checkpoint.tensors.map { tensor -> SafetensorsWriter.Entry in
            tensor.type == .int64
                ? .init(name: tensor.name, shape: tensor.shape, data: .integers(try tensor.integers()))
                : .init(name: tensor.name, shape: tensor.shape, data: .floats(try tensor.floats()))
        }
        try SafetensorsWriter.write(entries, metadata: metadata, to: path)
        #expect(await harness.run().outcome.failure?.contains(RunFolder.stateName) == true)
    }

    @Test(arguments: [
        #"{"options":{"batchSize":0}}"#, #"{"options":{"epochs":-1}}"#, #"{"options":{"imageSize":1000000}}"#,
        #"{"options":{"freezeRules":[{"pattern":"layer9"}]}}"#, #"{"options":[]}"#, #"[]"#, "",
        #"{"options":{"learningRate":1e999}}"#,
    ]) func `a run json that no run writes is refused by name`(_ text: String) throws { try refuse(text) }

    @Test(arguments: ["[", "{\"options\":"])
    func `a run json of a hundred thousand levels is refused by name`(_ text: String) throws {
        try refuse(String(repeating: text, count: 100_000))
    }

    private func refuse(_ text: String) throws {
        let folder = EngineHarness.temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + RunFolder.descriptionName))
        do {
            try RunFollower.requireRun(folder)
            Issue.record("it was taken")
        } catch {
            #expect("\(error)".contains(folder + "/" + RunFolder.descriptionName))
        }
    }
}
