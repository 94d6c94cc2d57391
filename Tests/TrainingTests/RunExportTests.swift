import Support
import TrainingTestSupport
import Checkpoints
import Foundation
import Testing

import Training

@Suite struct RunExportTests {
    /// A run of a few steps, in a folder that is removed afterwards.
    private func withRun(_ work: (String) async throws -> Void) async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.strategy = .partial
        let result = await harness.run()
        #expect(result.outcome.failure == nil)
        try await work(folder)
    }

    @Test func `weights go out in every format with the same bits`() async throws {
        try await withRun { folder in
            let last = try Checkpoint.open(folder + "/" + RunFolder.lastName)
            for ending in ["safetensors", "pth", "pt"] {
                let file = "\(folder)/out.\(ending)"
                let said = try RunExport.write(folder, choice: .last, to: file)
                #expect(said.contains(file))
                let exported = try Checkpoint.open(file)
                #expect(exported.tensors.count == 122)
                for tensor in exported.tensors {
                    #expect(tensor.shape == last[tensor.name]?.shape)
                    #expect(try tensor.floats() == last[tensor.name]?.floats(), "\(tensor.name)")
                }
            }
        }
    }

    @Test func `the metrics go out as a table with a row a line`() async throws {
        try await withRun { folder in
            let file = folder + "/out.csv"
            _ = try RunExport.write(folder, choice: .best, to: file)
            let rows = try String(contentsOfFile: file, encoding: .utf8).components(separatedBy: "\r\n").dropLast()
            let cells = rows.map { $0.components(separatedBy: ",") }
            let head = try #require(cells.first)
            #expect(cells.allSatisfy { $0.count == head.count })
            let kind = try #require(head.firstIndex(of: "kind"))
            #expect(cells.filter { $0[kind] == "step" }.count == 6)
            #expect(cells.filter { $0[kind] == "epoch" }.count == 2)
            let loss = try #require(head.firstIndex(of: "loss"))
            let norm = try #require(head.firstIndex(of: "gradientNorm.fc.weight"))
            for row in cells where row[kind] == "step" {
                #expect(Double(row[loss]) ?? 0 > 0)
                #expect(Double(row[norm]) ?? 0 > 0)
            }
        }
    }

    @Test func `an ONNX file of a run holds its own fc, and names its classes and preprocessing`() async throws {
        try await withRun { folder in
            let file = folder + "/out.onnx"
            _ = try RunExport.write(folder, choice: .best, to: file)
            let network = try TrainedNetwork.open(folder, choice: .best)
            let model = try ProtobufReader(try Data(contentsOf: URL(fileURLWithPath: file)))
            let metadata = try model.messages(14)
            #expect(metadata.map { $0.text(1) } == ["classes", "preprocessing"])
            #expect(metadata.first?.text(2) == JSON.array(network.classes.map(JSON.string)).line)
            let preprocessing = JSON.parse(Data((metadata.last?.text(2) ?? "").utf8))
            #expect(preprocessing?["resizeShortSide"]?.int == 37 && preprocessing?["centerCrop"]?.int == 32)
            #expect(model.text(3) == frostlineVersion)
            for tensor in try model.message(7)?.messages(5) ?? [] {
                guard let name = tensor.text(8), name.hasPrefix("fc.") else { continue }
                let floats = try #require(try network.checkpoint[name]?.floats())
                #expect(tensor.data(9).first == floats.withUnsafeBytes { Data($0) }, "\(name)")
            }
            #expect(try model.message(7)?.messages(5).count { $0.text(8)?.hasPrefix("fc.") == true } == 2)
        }
    }

    @Test func `other endings, folders and runs without weights are refused by name`() async throws {
        func message(_ run: String, _ file: String) -> String {
            do {
                return "wrote: " + (try RunExport.write(run, choice: .best, to: file))
            } catch { return "\(error)" }
        }
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        #expect(message(folder, "a.gguf").contains(".safetensors, .pth, .onnx or .csv"))
        #expect(message(folder, folder + "/a.pth").contains(RunFolder.descriptionName))
        #expect(message("/nowhere/run", "a.pth").contains("/nowhere/run"))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/run.json"))
        #expect(message(folder, folder + "/a.pth").contains("not what Frostline writes"))
        try Data(#"{"options":{}}"#.utf8).write(to: URL(fileURLWithPath: folder + "/run.json"))
        #expect(message(folder, folder + "/a.pth").contains("no weights yet"))
        #expect(message(folder, folder + "/a.csv").contains(RunFolder.metricsName))
        #expect(!FileManager.default.fileExists(atPath: folder + "/a.pth"))
    }
}
