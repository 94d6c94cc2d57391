import Foundation
import Support
import TrainingEvents

/// Where a run stands: what changes from step to step besides weights and optimizer buffers. It is all that
/// `state.safetensors` needs in its header, since order and augmentation follow from seed, epoch and picture alone.
package struct RunProgress: Equatable {
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
    /// What the schedule's learning rate is multiplied with, as a person asked for while it ran.
    var rateFactor = 1.0
    /// Training pictures that turned out unreadable in an earlier epoch.
    package var excluded: Set<Int> = []

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

    package var metadata: [String: String] {
        var fields: [(String, JSON)] = [
            ("step", .integer(step)), ("epoch", .integer(epoch)), ("position", .integer(position)),
            ("correct", .integer(correct)), ("seen", .integer(seen)),
            // As bits: a decimal that is read back through another parser need not be the same number.
            ("lossSum", .string(String(lossSum.bitPattern))),
            ("excluded", .array(excluded.sorted().map(JSON.integer))),
            ("trainable", .array(trainable.sorted().map(JSON.string))), ("thawedEpoch", .integer(thawedEpoch)),
            ("rateFactor", .string(String(rateFactor.bitPattern))),
        ]
        if let best, let bestEpoch {
            fields += [
                ("bestEpoch", .integer(bestEpoch)), ("bestLoss", .string(String(best.loss.bitPattern))),
                ("bestAccuracy", .string(String(best.accuracy.bitPattern))),
            ]
        }
        return ["frostline.format": Self.format, "frostline.progress": JSON.object(fields).line]
    }

    /// Before the first step.
    init(beginning options: RunOptions) { trainable = options.initialTrainable() }

    package init() {}

    /// nil where the metadata are not those of a state file.
    package init?(metadata: [String: String]) {
        guard metadata["frostline.format"] == Self.format, let text = metadata["frostline.progress"],
            let json = JSON.parse(Data(text.utf8)), let step = json["step"]?.int, let epoch = json["epoch"]?.int,
            let position = json["position"]?.int, let correct = json["correct"]?.int, let seen = json["seen"]?.int,
            let lossSum = Self.double(json["lossSum"]), let trainable = json["trainable"]?.items,
            step >= 0, epoch >= 1, position >= 0
        else { return nil }
        self.step = step
        self.epoch = epoch
        self.position = position
        self.correct = correct
        self.seen = seen
        self.lossSum = lossSum
        excluded = Set((json["excluded"]?.items ?? []).compactMap(\.int))
        self.trainable = Set(trainable.compactMap(\.text))
        thawedEpoch = json["thawedEpoch"]?.int ?? 0
        // Missing in what an earlier version saved.
        if let factor = Self.double(json["rateFactor"]), factor.isFinite, factor > 0 { rateFactor = factor }
        if let loss = Self.double(json["bestLoss"]), let accuracy = Self.double(json["bestAccuracy"]) {
            best = Score(loss: loss, accuracy: accuracy)
            bestEpoch = json["bestEpoch"]?.int
        }
    }

    private static func double(_ value: JSON?) -> Double? {
        guard let text = value?.text, let bits = UInt64(text) else { return nil }
        return Double(bitPattern: bits)
    }
}
