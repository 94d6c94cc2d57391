import Network
import TrainingTestSupport
import Checkpoints
import Foundation
import Support
import Testing
import TrainingEvents

import Training

@Suite struct RunFolderTests {
    private func lines(_ folder: String) throws -> [JSON] {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + RunFolder.metricsName))
        return try data.split(separator: UInt8(ascii: "\n")).map { try #require(JSON.parse(Data($0))) }
    }

    @Test func `metrics hold a line for each step, epoch and freeze`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.strategy = .full
        _ = await harness.run(commands: [EngineHarness.mask(.head)])
        let records = try lines(folder)
        #expect(records.filter { $0["kind"]?.text == "step" }.count == 6)
        #expect(records.filter { $0["kind"]?.text == "epoch" }.count == 2)
        let freeze = try #require(records.first { $0["kind"]?.text == "freeze" })
        #expect(freeze["step"]?.int == 1)
        #expect(freeze["trainable"] == .array([.string("fc.weight"), .string("fc.bias")]))
        let step = try #require(records.first { $0["kind"]?.text == "step" })
        for key in ["step", "epoch", "loss", "accuracy", "learningRate", "milliseconds"] {
            #expect(step[key]?.double != nil)
        }
        #expect(step["gradientNorms"]?["fc.weight"]?.double ?? 0 > 0)
        #expect(step["gradientNorms"]?["conv1.weight"] == nil)
    }

    @Test func `frozen tensors are the same bits at the end as at the start`() async throws {
        let folders = [EngineHarness.temporaryFolder(), EngineHarness.temporaryFolder()]
        defer { for folder in folders { try? FileManager.default.removeItem(atPath: folder) } }
        var harness = EngineHarness()
        harness.options.strategy = .partial
        harness.options.epochs = 1
        harness.output = folders[0]
        _ = await harness.run()
        harness.options.epochs = 3
        harness.output = folders[1]
        _ = await harness.run()
        let short = try Checkpoint.open(folders[0] + "/" + RunFolder.lastName)
        let long = try Checkpoint.open(folders[1] + "/" + RunFolder.lastName)
        #expect(short.tensors.count == 122)
        for tensor in short.tensors where tensor.type == .float32 {
            let same = try tensor.floats() == long[tensor.name]?.floats()
            #expect(same == !(tensor.name.hasPrefix("layer4") || tensor.name.hasPrefix("fc")), "\(tensor.name)")
        }
    }

    @Test func `with tracked BatchNorm the running statistics of frozen layers move`() async throws {
        let folders = [EngineHarness.temporaryFolder(), EngineHarness.temporaryFolder()]
        defer { for folder in folders { try? FileManager.default.removeItem(atPath: folder) } }
        var harness = EngineHarness()
        harness.options.frozenBatchNorm = .track
        for (folder, epochs) in zip(folders, [1, 2]) {
            harness.output = folder
            harness.options.epochs = epochs
            let result = await harness.run()
            #expect(result.outcome.failure == nil)
        }
        let short = try Checkpoint.open(folders[0] + "/" + RunFolder.lastName)
        let long = try Checkpoint.open(folders[1] + "/" + RunFolder.lastName)
        #expect(try short["bn1.running_mean"]?.floats() != long["bn1.running_mean"]?.floats())
        #expect(try short["bn1.weight"]?.floats() == long["bn1.weight"]?.floats())
        #expect(try long["bn1.num_batches_tracked"]?.integers() == [6])
    }

    @Test func `a folder that holds a run is refused, unless it is resumed`() async {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        _ = await harness.run()
        let again = await harness.run()
        #expect(again.outcome.failure?.contains("already holds a run") == true)
    }

    @Test func `a folder that cannot be made is refused by name`() async {
        var harness = EngineHarness()
        harness.output = "/proc/frostline-cannot-be-made"
        let result = await harness.run()
        #expect(result.outcome.failure?.contains("/proc/frostline-cannot-be-made") == true)
    }

    @Test func `a resumed run goes on as if it had never stopped`() async throws {
        for strategy in Strategy.allCases {
            let folder = EngineHarness.temporaryFolder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var harness = EngineHarness()
            harness.options.strategy = strategy
            harness.options.augmentation = .flip
            harness.options.epochs = 3
            let whole = await harness.run()
            harness.output = folder
            harness.options.stepLimit = 4
            _ = await harness.run()
            harness.options.stepLimit = nil
            harness.resume = true
            let rest = await harness.run()
            #expect(rest.outcome.failure == nil)
            #expect(rest.steps.map(\.step) == Array(5...9))
            #expect(rest.steps.map(\.loss) == whole.steps.dropFirst(4).map(\.loss))
            #expect(rest.epochs.map(\.training) == whole.epochs.dropFirst(1).map(\.training))
            #expect(rest.epochs.last?.validation == whole.epochs.last?.validation)
            let steps = try lines(folder).filter { $0["kind"]?.text == "step" }.compactMap { $0["step"]?.int }
            #expect(steps == Array(1...9))
        }
    }

    @Test func `JSON keeps numbers plain and control characters escaped`() {
        let json = JSON.object([
            ("a", .number(0.1)), ("b", .number(.nan)), ("c", .string("x\u{1B}\"\n")), ("d", .integer(3)),
        ])
        #expect(json.line == #"{"a":0.1,"b":null,"c":"x\u001b\"\n","d":3}"#)
        #expect(JSON.parse(Data(json.pretty.utf8))?["d"]?.int == 3)
    }
}
