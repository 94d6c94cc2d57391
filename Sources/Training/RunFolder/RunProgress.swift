import Checkpoints
import Foundation
import Support
import TrainingEvents

/// Where a run stands: what changes from step to step besides weights and optimizer buffers. It is all that
/// `state.safetensors` needs in its header, since order and augmentation follow from seed, epoch and picture alone.
package struct RunProgress: Equatable, JSONObject {
    /// Steps done.
    package var step = 0
    /// The epoch in progress, from 1.
    package var epoch = 1
    /// How many pictures of the epoch's order are done.
    package var position = 0
    var lossSum = 0.0
    var correct = 0
    var seen = 0
    var best: Score?
    var bestEpoch: Int?
    package var trainable: Set<String> = []
    /// The last epoch whose `--thaw` rules were carried out.
    var thawedEpoch = 0
    /// What the schedule's learning rate is multiplied with, as was asked for while it ran.
    var rateFactor = 1.0
    /// Training pictures that turned out unreadable in an earlier epoch.
    package var excluded: Set<Int> = []
    /// Where `--strategy auto` stands; nil where it never was in charge.
    package var auto: AutoProgress?

    /// Found during this epoch, to be left out from the next one on: the present order still counts them.
    private(set) var unreadable: Set<Int> = []

    mutating func found(unreadable index: Int) { unreadable.insert(index) }

    /// Sums that became complete with the epoch start anew.
    mutating func beginNextEpoch() {
        excluded.formUnion(unreadable)
        unreadable = []
        epoch += 1
        position = 0
        lossSum = 0
        correct = 0
        seen = 0
    }

    var trainingScore: Score {
        Score(loss: lossSum / Double(max(seen, 1)), accuracy: Double(correct) / Double(max(seen, 1)))
    }

    static let format = "frostline-state-1"

    package static let blank = RunProgress()
    /// Floats are kept as their bits: a decimal that is read back through another parser need not be the same number.
    package static let fields: [JSONField<RunProgress>] = [
        JSONField("step", \.step, isRequired: true), JSONField("epoch", \.epoch, isRequired: true),
        JSONField("position", \.position, isRequired: true), JSONField("correct", \.correct, isRequired: true),
        JSONField("seen", \.seen, isRequired: true), JSONField("lossSum", \.lossSum.bits, isRequired: true),
        JSONField("excluded", \.excluded), JSONField("trainable", \.trainable, isRequired: true),
        JSONField("thawedEpoch", \.thawedEpoch), JSONField("rateFactor", \.rateFactor.bits),
        .ifPresent("bestEpoch", \.bestEpoch), .ifPresent("bestLoss", \.bestLoss),
        .ifPresent("bestAccuracy", \.bestAccuracy), .ifPresent("auto", \.auto),
    ]

    private var bestLoss: UInt64? {
        get { best?.loss.bits }
        set { best = newValue.map { Score(loss: Double(bitPattern: $0), accuracy: .nan) } }
    }
    private var bestAccuracy: UInt64? {
        get { best?.accuracy.bits }
        set { best?.accuracy = newValue.map { Double(bitPattern: $0) } ?? .nan }
    }

    package var metadata: [String: String] { ["frostline.format": Self.format, "frostline.progress": json.line] }

    /// As the last save in a run folder has it, of which only the header is read; nil before the first one.
    static func saved(in folder: String) -> RunProgress? {
        Checkpoint.metadata(ofSafetensors: folder + "/" + RunFolder.stateName).flatMap(RunProgress.init(metadata:))
    }

    /// Before the first step.
    init(beginning options: RunOptions) { trainable = options.initialTrainable() }

    package init() {}

    /// nil where the metadata are not those of a state file.
    package init?(metadata: [String: String]) {
        guard metadata["frostline.format"] == Self.format, let text = metadata["frostline.progress"],
            let json = JSON.parse(Data(text.utf8)), let read = RunProgress(json: json),
            read.step >= 0, read.epoch >= 1, read.position >= 0
        else { return nil }
        self = read
        if !rateFactor.isFinite || rateFactor <= 0 { rateFactor = 1 }
    }
}

extension Double {
    fileprivate var bits: UInt64 {
        get { bitPattern }
        set { self = Double(bitPattern: newValue) }
    }
}
