#if canImport(Glibc)
    import Glibc
#endif

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

    package var isPlain: Bool { smoothing == 0 && classWeights == nil }
}

extension Loss {
    /// `torch.nn.CrossEntropyLoss(weight=w, label_smoothing=ε)`:
    ///
    ///     loss = Σ_i [ (1 − ε) · w_y · l_y + ε/K · Σ_j w_j · l_j ] / Σ_i w_y,    l_j = −log softmax(z_i)_j,  y the label of i
    ///     ∂loss/∂z_k = [ (1 − ε) · w_y · (p_k − [k = y]) + ε/K · (p_k · Σ_j w_j − w_k) ] / Σ_i w_y
    ///
    /// Without terms it is the plain one, bit for bit.
    package static func crossEntropy(
        logits: UnsafePointer<Float>, labels: [Int], classes: Int, gradient: UnsafeMutablePointer<Float>? = nil,
        terms: LossTerms
    ) -> LossOutcome {
        let plain = crossEntropy(logits: logits, labels: labels, classes: classes, gradient: gradient)
        guard !terms.isPlain else { return plain }
        let weights = terms.classWeights ?? [Double](repeating: 1, count: classes)
        let sum = weights.reduce(0, +)
        let total = labels.reduce(0) { $0 + weights[$1] }
        let spread = terms.smoothing / Double(classes)
        let sharp = 1 - terms.smoothing
        var loss = 0.0
        for (image, label) in labels.enumerated() {
            let row = logits + image * classes
            var largest = Double(row[0])
            for j in 1..<max(1, classes) { largest = max(largest, Double(row[j])) }
            var powers = 0.0
            for j in 0..<classes { powers += exp(Double(row[j]) - largest) }
            let normaliser = log(powers) + largest
            loss += sharp * weights[label] * (normaliser - Double(row[label]))
            for j in 0..<classes where spread > 0 { loss += spread * weights[j] * (normaliser - Double(row[j])) }
            if let gradient {
                for k in 0..<classes {
                    let probability = exp(Double(row[k]) - largest) / powers
                    let pulled = sharp * weights[label] * (probability - (k == label ? 1 : 0))
                    gradient[image * classes + k] = Float(
                        (pulled + spread * (probability * sum - weights[k])) / total)
                }
            }
        }
        return LossOutcome(loss: loss / total, correct: plain.correct)
    }
}
