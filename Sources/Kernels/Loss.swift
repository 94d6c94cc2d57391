#if canImport(Glibc)
    import Glibc
#endif

/// Mean loss of a batch and how many of its images were classified correctly.
package struct LossOutcome: Sendable, Equatable {
    /// Mean cross-entropy in nats.
    package var loss: Double
    package var correct: Int

    package init(loss: Double, correct: Int) {
        self.loss = loss
        self.correct = correct
    }
}

package enum Loss {
    /// loss = mean over images of  log Σ_j exp(z_j) − z_label,  in Double, with the largest z taken out first.
    ///
    /// The gradient, where wanted: (softmax(z)_j − [j = label]) / images. `logits` and `gradient` are [images,
    /// classes]. The prediction is the first of the largest logits; one that is NaN counts as largest, as in
    /// torch.argmax.
    package static func crossEntropy(
        logits: UnsafePointer<Float>, labels: [Int], classes: Int, gradient: UnsafeMutablePointer<Float>? = nil
    ) -> LossOutcome {
        var total = 0.0
        var correct = 0
        let share = 1 / Double(max(1, labels.count))
        for (image, label) in labels.enumerated() {
            let row = logits + image * classes
            var best = 0
            for j in 1..<max(1, classes) where !row[best].isNaN && (row[j] > row[best] || row[j].isNaN) { best = j }
            let largest = Double(row[best])
            var sum = 0.0
            for j in 0..<classes { sum += exp(Double(row[j]) - largest) }
            total += log(sum) + largest - Double(row[label])
            if best == label { correct += 1 }
            if let gradient {
                for j in 0..<classes {
                    let probability = exp(Double(row[j]) - largest) / sum
                    gradient[image * classes + j] = Float((probability - (j == label ? 1 : 0)) * share)
                }
            }
        }
        return LossOutcome(loss: total * share, correct: correct)
    }

    /// The same over an array of logits, for evaluation.
    package static func crossEntropy(logits: [Float], labels: [Int], classes: Int) -> LossOutcome {
        logits.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return LossOutcome(loss: 0, correct: 0) }
            return crossEntropy(logits: start, labels: labels, classes: classes)
        }
    }

    /// Probabilities of one image from its logits.
    package static func softmax(_ logits: ArraySlice<Float>) -> [Double] {
        let largest = Double(logits.max() ?? 0)
        let powers = logits.map { exp(Double($0) - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
