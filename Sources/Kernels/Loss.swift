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

/// What torch.nn.CrossEntropyLoss can be told besides its inputs.
package struct LossTerms: Sendable, Equatable {
    /// The share of the target that is spread over all classes, 0 to 1.
    package var smoothing: Double
    /// A weight for each class; nil weighs them all 1.
    package var classWeights: [Double]?

    package init(smoothing: Double = 0, classWeights: [Double]? = nil) {
        self.smoothing = smoothing
        self.classWeights = classWeights
    }

    /// Σ w_y over images with these labels.
    package func total(_ labels: [Int]) -> Double {
        guard let classWeights else { return Double(labels.count) }
        return labels.reduce(0) { $0 + classWeights[$1] }
    }

    package var isPlain: Bool { smoothing == 0 && classWeights == nil }
}

package enum Loss {
    /// `torch.nn.CrossEntropyLoss(weight=w, label_smoothing=ε)`, in Double, with the largest logit taken out first:
    ///
    ///     l_j = −log softmax(z_i)_j,   y the label of image i
    ///     loss = Σ_i [ (1 − ε) · w_y · l_y + ε/K · Σ_j w_j · l_j ] / Σ_i w_y
    ///     ∂loss/∂z_k = [ (1 − ε) · w_y · (p_k − [k = y]) + ε/K · (p_k · Σ_j w_j − w_k) ] / Σ_i w_y
    ///
    /// `total`: Σ_i w_y over the images of all processes that share the batch; nil is that of these alone.
    /// `logits` and `gradient`, where wanted, are [images, classes]. The prediction is the first of the largest logits;
    /// one that is NaN counts as largest, as in torch.argmax.
    package static func crossEntropy(
        logits: UnsafePointer<Float>, labels: [Int], classes: Int, gradient: UnsafeMutablePointer<Float>? = nil,
        terms: LossTerms = LossTerms(), total: Double? = nil
    ) -> LossOutcome {
        precondition(labels.allSatisfy { 0 <= $0 && $0 < classes }, "A label is not below the \(classes) classes.")
        let weights = terms.classWeights ?? [Double](repeating: 1, count: classes)
        precondition(weights.count == classes, "\(weights.count) class weights for \(classes) classes.")
        let weightSum = weights.reduce(0, +)
        let spread = terms.smoothing / Double(classes)
        let total = total ?? terms.total(labels)
        // Not the same bits: without terms it has always been the product.
        let reciprocal = 1 / max(1, total)
        func mean(_ sum: Double) -> Double { terms.isPlain ? sum * reciprocal : sum / total }
        var loss = 0.0
        var correct = 0
        for (image, label) in labels.enumerated() {
            let z = logits + image * classes
            var best = 0
            for j in 1..<max(1, classes) where !z[best].isNaN && (z[j] > z[best] || z[j].isNaN) { best = j }
            if best == label { correct += 1 }
            let largest = Double(z[best])
            var sum = 0.0
            for j in 0..<classes { sum += exp(Double(z[j]) - largest) }
            let normaliser = log(sum) + largest
            let sharp = (1 - terms.smoothing) * weights[label]
            loss += sharp * (normaliser - Double(z[label]))
            for j in 0..<classes where spread > 0 { loss += spread * weights[j] * (normaliser - Double(z[j])) }
            guard let gradient else { continue }
            for k in 0..<classes {
                let p = exp(Double(z[k]) - largest) / sum
                let pulled = sharp * (p - (k == label ? 1 : 0))
                gradient[image * classes + k] = Float(mean(pulled + spread * (p * weightSum - weights[k])))
            }
        }
        return LossOutcome(loss: mean(loss), correct: correct)
    }

    /// The plain one over an array of logits, for evaluation.
    package static func crossEntropy(logits: [Float], labels: [Int], classes: Int) -> LossOutcome {
        precondition(logits.count >= labels.count * classes, "\(logits.count) logits for \(labels.count) labels.")
        return logits.withUnsafeBufferPointer { buffer in
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
