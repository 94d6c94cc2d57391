import Checkpoints
import Foundation
import Testing
import Training
import TrainingEvents
import TrainingTestSupport

@Suite struct StatisticsFitTests {
    /// The weights that a run ended with, the variance that bn1 holds `scale` times as large.
    private static func weights(of run: String, scale: Float, to path: String) throws {
        let saved = try Checkpoint.open(run + "/" + RunFolder.lastName)
        let entries = try saved.tensors.map { tensor -> SafetensorsWriter.Entry in
            if tensor.name.hasSuffix("num_batches_tracked") {
                return SafetensorsWriter.Entry(name: tensor.name, shape: [], data: .integers([6]))
            }
            var values = [Float](repeating: 0, count: tensor.count)
            try values.withUnsafeMutableBufferPointer { try tensor.copyFloats(to: $0) }
            if tensor.name == "bn1.running_var" { values = values.map { $0 * scale } }
            return SafetensorsWriter.Entry(name: tensor.name, shape: tensor.shape, data: .floats(values))
        }
        try SafetensorsWriter.write(entries, to: path)
    }

    private static func warnings(_ harness: EngineHarness, from path: String) async -> [String] {
        var request = harness.request
        request.weights = .file(path)
        let mailbox = EventMailbox()
        let outcome = await TrainingEngine(request, mailbox: mailbox).run()
        #expect(outcome.failure == nil)
        return mailbox.drain().compactMap { if case .warning(let text) = $0 { text } else { nil } }
    }

    @Test func `a network of pictures of another scale is told`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // The statistics are those of these pictures after some forty batches.
        var harness = EngineHarness()
        (harness.options.strategy, harness.options.epochs, harness.options.learningRate) = (.full, 14, 1e-4)
        harness.output = folder + "/run"
        #expect(await harness.run().outcome.failure == nil)

        harness = EngineHarness()
        harness.options.epochs = 1
        // Normalised pictures have some twenty times the variance of values from 0 to 1, and a 3000th of that of bytes.
        for (scale, ratio) in [(1, nil), (1.0 / 20, 20), (1.0 / 4, nil), (10, nil), (3000, 1.0 / 3000)]
            as [(Float, Double?)]
        {
            let path = "\(folder)/\(scale).safetensors"
            try Self.weights(of: harness.output ?? folder + "/run", scale: scale, to: path)
            let warnings = await Self.warnings(harness, from: path)
            guard let ratio else {
                #expect(warnings == [])
                continue
            }
            let text = try #require(warnings.first)
            #expect(warnings.count == 1)
            #expect(text.hasPrefix(path + ": these pictures give bn1 "))
            let found = try #require(
                text.components(separatedBy: "give bn1 ").last?.split(separator: " ").first.flatMap { Double($0) })
            #expect(found / ratio > 0.5 && found / ratio < 2, "\(found)")
        }
    }
}
