import Foundation
import FuzzSupport
import Support
import Testing

import Training

/// Spoiled run.json, metrics.jsonl and state end in an error or in values that are checked, never in a crash, and in bounded
/// memory.
@Suite struct RunFileFuzzTests {
    private static let bound = 3 << 30

    private static let options: RunOptions = {
        var options = RunOptions()
        options.rateRules = [RateRule(pattern: "layer4", rate: 1e-4)]
        options.freezeRules = [FreezeRule(pattern: "bn", frozen: true)]
        return options
    }()
    private static let description =
        "{\"options\":\(options.json.line),\"classes\":[\"a\",\"b\"],\"trainingPictures\":12,"
        + #""started":"2026-11-28T05:12:20Z","ended":"2026-11-28T06:00:00Z","failure":"no room","#
        + #""result":{"steps":9,"epochs":3,"best":{"loss":0.5,"accuracy":1}}}"#
    private static let metrics = [
        #"{"kind":"step","step":1,"epoch":1,"loss":0.71,"accuracy":0.5,"learningRate":0.001,"milliseconds":3,"gradientNorms":{"fc.bias":3e-2}}"#,
        #"{"kind":"freeze","step":12,"trainable":["layer4.0.conv1.weight","fc.bias"],"deep":[[[[[[{}]]]]]]}"#,
        #"{"kind":"epoch","epoch":1,"step":4,"training":{"loss":0.5,"accuracy":1},"validation":{"loss":0.1,"accuracy":0}}"#,
        #"{"kind":"learningRate","step":3,"factor":2,"learningRate":0.1}"#,
        #"{"kind":"notFinite","step":7,"weightsOfStep":5}"#,
    ]

    @Test func `run json and metrics`() throws {
        let corpus = ([Self.description, #"{"options":{}}"#] + Self.metrics).map { Array($0.utf8) }
        let sound = try #require(JSON.parse(Data(Self.description.utf8)).flatMap(RunRecord.init(json:)))
        var replay = try RunReplay(sound, path: "run")
        var (read, told, refused) = (0, 0, 0)
        Mutator(corpus).run("json", count: Mutator.count(otherwise: 2000)) { bytes in
            guard let json = JSON.parse(Data(bytes)) else {
                refused += 1
                return
            }
            read += 1
            if let recorded = RunOptions(json: json["options"] ?? json) { _ = try? recorded.validate() }
            if let record = RunRecord(json: json), let spoiled = try? RunReplay(record, path: "run") {
                _ = (spoiled.opening, spoiled.ending)
            }
            if replay.event(of: json) != nil { told += 1 }
            _ = MetricsTable([json]).text
            _ = JSON.parse(Data(json.line.utf8))
        }
        #expect(read > 0 && told > 0 && refused > 0)
        #expect(ProcessMemory.peak < Self.bound)
    }

    @Test func `the status of a run`() throws {
        let folder = NSTemporaryDirectory() + "/frostline-fuzz-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func without(_ key: String, _ text: String) -> String {
            text.replacingOccurrences(of: "\"\(key)\"", with: "\"no \(key)\"")
        }
        let finished = without("failure", Self.description)
        let corpus = [Self.description, finished, without("result", finished)].map {
            Array(($0 + "\n" + Self.metrics.joined(separator: "\n") + "\n").utf8)
        }
        var states: Set<RunStatus.State> = []
        // The first line is run.json, the others are metrics.jsonl.
        Mutator(corpus).run("status", count: Mutator.count(otherwise: 1000)) { bytes in
            let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
            for (name, line) in zip([RunFolder.descriptionName, RunFolder.metricsName], lines) {
                _ = FileManager.default.createFile(atPath: folder + "/" + name, contents: Data(line))
            }
            let status = RunStatus(of: folder)
            states.insert(status.state)
            #expect(JSON.parse(Data(status.json.line.utf8)) != nil)
        }
        #expect(states == [.failed, .finished, .interrupted, .unreadable])
        #expect(ProcessMemory.peak < Self.bound)
    }

    @Test func `the state of a run`() throws {
        var progress = RunProgress()
        progress.trainable = ["fc.weight", "fc.bias"]
        progress.excluded = [3, 4]
        let format = try #require(progress.metadata["frostline.format"])
        let corpus = [try #require(progress.metadata["frostline.progress"])].map { Array($0.utf8) }
        var (read, refused) = (0, 0)
        Mutator(corpus).run("state", count: Mutator.count(otherwise: 2000)) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard let spoiled = RunProgress(metadata: ["frostline.format": format, "frostline.progress": text]) else {
                refused += 1
                return
            }
            read += 1
            #expect(spoiled.step >= 0 && spoiled.epoch >= 1 && spoiled.position >= 0)
            #expect(RunProgress(metadata: spoiled.metadata) != nil)
        }
        #expect(read > 0 && refused > 0)
        #expect(ProcessMemory.peak < Self.bound)
    }
}
