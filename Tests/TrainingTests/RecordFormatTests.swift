import Foundation
import Network
import Support
import Testing
import Training
import TrainingEvents

/// The bytes of run.json and metrics.jsonl, which scripts read, and what comes back from them.
@Suite struct RecordFormatTests {
    @Test func `run json has the options of the command line in a fixed order and form`() throws {
        var options = RunOptions()
        options.seed = .max
        options.freezeRules = [FreezeRule(pattern: "bn", frozen: true), FreezeRule(pattern: "fc", frozen: false)]
        options.rateRules = [RateRule(pattern: "layer4", rate: 1e-5)]
        options.thawRules = [ThawRule(epoch: 2, pattern: "layer3")]
        options.clipNorm = 2
        let text =
            #"{"strategy":"head","freezeRules":[{"pattern":"bn","frozen":true},{"pattern":"fc","frozen":false}],"#
            + #""epochs":10,"batchSize":16,"learningRate":0.001,"momentum":0.9,"weightDecay":0.0001,"#
            + #""optimizer":"sgd","schedule":"constant","imageSize":224,"augment":"none","shuffle":true,"#
            + #""validationSplit":0.2,"seed":"18446744073709551615","threads":1,"exif":"apply","#
            + #""frozenBatchnorm":"hold","cache":true,"head":"automatic","patience":null,"labelSmoothing":0.0,"#
            + #""classWeights":"none","clipNorm":2.0,"accumulate":1,"learningRateDecayPerStage":1.0,"#
            + #""lr":[{"pattern":"layer4","rate":1e-05}],"thaw":[{"epoch":2,"pattern":"layer3"}],"saveEvery":null,"#
            + #""batchnorm":"global","probeEvery":null,"timeBudget":null}"#
        #expect(options.json.line == text)
        let read = try #require(JSON.parse(Data(text.utf8)).flatMap(RunOptions.init(json:)))
        #expect(read == options)
    }

    @Test func `an older run json, or one with odd values, keeps the defaults`() throws {
        let text = #"{"epochs":3,"seed":7,"augment":"twist","lr":[{"pattern":"fc"}],"freezeRules":[{"pattern":"bn"}]}"#
        let read = try #require(JSON.parse(Data(text.utf8)).flatMap(RunOptions.init(json:)))
        var options = RunOptions()
        options.epochs = 3
        options.freezeRules = [FreezeRule(pattern: "bn", frozen: true)]
        #expect(read == options)
        #expect(RunOptions(json: .array([])) == nil)
    }

    @Test func `run json says when a run began and how it ended, and odd values are as if they were not there`() throws
    {
        func record(_ fields: String) throws -> RunRecord {
            try #require(JSON.parse(Data("{\"options\":{}\(fields)}".utf8)).flatMap(RunRecord.init(json:)))
        }
        let ended = #","started":"2026-11-28T05:12:20Z","ended":"2026-11-28T06:00:00Z","failure":"no room\n""#
        #expect(try record(ended).json.line.hasSuffix(ended + "}"))
        #expect(try record(ended).failure == "no room\n")
        let odd = #","started":7,"ended":"yesterday","failure":["x"],"result":"good""#
        for fields in ["", odd] {
            let text = try record(fields).json.line
            for key in ["started", "ended", "failure", "result"] { #expect(!text.contains("\"\(key)\"")) }
        }
    }

    @Test func `run json keeps where the weights lay in their file, and resuming asks for no other place`() throws {
        let fields = #""weights":"a.pth","checkpointKey":"state_dict""#
        let read = JSON.parse(Data("{\"options\":{},\(fields)}".utf8)).flatMap(RunRecord.init(json:))
        let record = try #require(read)
        #expect(record.start == .file("a.pth", key: "state_dict"))
        #expect(record.json.line.contains(#""checkpointKey":"state_dict""#))
        #expect(!RunRecord.blank.json.line.contains("checkpointKey"))
        let folder = NSTemporaryDirectory() + "/key-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (line, key, mention) in [
            (record.json.line, "model", "--checkpoint-key state_dict"),
            (RunRecord.blank.json.line, "model", "no --checkpoint-key"), (record.json.line, "state_dict", ""),
        ] {
            try line.write(toFile: folder + "/run.json", atomically: true, encoding: .utf8)
            if mention.isEmpty {
                try RunFolder.requireSameStart(of: folder, weights: nil, key: key, fromScratch: false)
            } else {
                let error = #expect(throws: TrainingError.self) {
                    try RunFolder.requireSameStart(of: folder, weights: nil, key: key, fromScratch: false)
                }
                #expect(error?.description.contains(mention) == true, "\(String(describing: error))")
            }
        }
    }

    static let lines: [(TrainingEvent, String)] = [
        (
            .step(
                StepReport(
                    step: 3, epoch: 2, stepInEpoch: 0, stepsPerEpoch: 0, loss: 0.5, accuracy: .nan,
                    learningRate: 1e-5, images: 0, milliseconds: 12, gradientNorms: ["fc.weight": 2, "fc.bias": 0.25],
                    updateRatios: [:])),
            #"{"kind":"step","step":3,"epoch":2,"loss":0.5,"accuracy":null,"learningRate":1e-05,"milliseconds":12.0,"#
                + #""gradientNorms":{"fc.bias":0.25,"fc.weight":2.0}}"#
        ),
        (
            .epoch(
                EpochReport(
                    epoch: 1, step: 4, training: Score(loss: 1, accuracy: 0.5),
                    validation: Score(loss: 2, accuracy: 1), seconds: 1.5, isBest: false)),
            #"{"kind":"epoch","epoch":1,"step":4,"training":{"loss":1.0,"accuracy":0.5},"#
                + #""validation":{"loss":2.0,"accuracy":1.0},"seconds":1.5}"#
        ),
        (
            .epoch(
                EpochReport(
                    epoch: 1, step: 4, training: Score(loss: 1, accuracy: 0.5), validation: nil, seconds: 1,
                    isBest: false)),
            #"{"kind":"epoch","epoch":1,"step":4,"training":{"loss":1.0,"accuracy":0.5},"seconds":1.0}"#
        ),
        (
            .freeze(FreezeReport(step: 5, trainable: ["fc.weight"], frostLine: "")),
            #"{"kind":"freeze","step":5,"trainable":["fc.weight"]}"#
        ),
        (
            .learningRate(LearningRateReport(step: 6, factor: 2, rate: 0.002)),
            #"{"kind":"learningRate","step":6,"factor":2.0,"learningRate":0.002}"#
        ),
        (
            .validation(ValidationReport(step: 7, score: Score(loss: 1, accuracy: 0))),
            #"{"kind":"validation","step":7,"validation":{"loss":1.0,"accuracy":0.0}}"#
        ),
        (
            .notFinite(NotFiniteReport(step: 9, weightsOfStep: 8)),
            #"{"kind":"notFinite","step":9,"weightsOfStep":8}"#
        ),
    ]

    @Test(arguments: lines) func `a line of metrics jsonl has a fixed order and form, and is read back`(
        _ event: TrainingEvent, _ text: String
    ) throws {
        #expect(event.metricsLine?.line == text)
        let read = try #require(JSON.parse(Data(text.utf8)).flatMap(TrainingEvent.init(metricsLine:)))
        #expect(read.metricsLine?.line == text)
        // NaN is not equal to itself.
        if !text.contains("null") { #expect(read == event) }
    }

    @Test func `every option has a name, a key and a help of its own`() {
        let names = RunOption.all.map(\.name)
        #expect(Set(names).count == names.count)
        let keys = RunOptions.fields.map(\.key)
        #expect(Set(keys).count == keys.count)
        #expect(RunOption.of(\.batchSize)?.help == "Pictures a step. (default: 16)")
        #expect(RunOption.of(\.patience)?.help.hasSuffix("(default: never)") == true)
        #expect(RunOption.of(\.rateRules)?.help.contains("default") == false)
        #expect(RunOption.of(\.learningRate)?.help == "Base learning rate. (default: 0.001)")
        #expect(RunOption.of(\.labelSmoothing)?.help.hasSuffix("(default: 0)") == true)
    }
}
