/// A tensor that a model wants.
package struct TensorExpectation: Sendable, Equatable {
    package let name: String
    package let shape: [Int]
    /// Whether a file may lack it (`num_batches_tracked` in files before PyTorch 0.4.1).
    package let isOptional: Bool

    package init(name: String, shape: [Int], isOptional: Bool = false) {
        self.name = name
        self.shape = shape
        self.isOptional = isOptional
    }
}

/// How a checkpoint's tensors compare with those that a model wants.
package struct CheckpointFit: Sendable {
    package struct Mismatch: Sendable, Equatable {
        package let name: String
        package let expected: [Int]
        package let found: [Int]
    }

    package var missing: [TensorExpectation] = []
    /// Names that the model does not have.
    package var extra: [String] = []
    package var shapeMismatches: [Mismatch] = []
    /// Names of wanted tensors that hold NaN or infinity.
    package var nonFinite: [String] = []
    /// Whether names look like those of a ResNet50, 101 or 152.
    var looksLikeBottleneck = false
    /// Whether names look like those of a ResNet34.
    var looksLikeResNet34 = false

    /// Whether layers are there that the model has no place for: the weights of a larger network.
    package var hasExtraLayers: Bool { extra.contains { $0.hasPrefix("layer") } }

    /// Every wanted tensor is there in the right shape and finite, and no other.
    package var fits: Bool { missing.isEmpty && shapeMismatches.isEmpty && extra.isEmpty && nonFinite.isEmpty }

    /// One line each, with the expected shape; long lists are cut and counted.
    package func report() -> [String] {
        var lines: [String] = []
        if looksLikeBottleneck {
            lines.append("this is a ResNet50, 101 or 152 (it has bottleneck blocks); ResNet18 is needed")
        }
        if looksLikeResNet34 { lines.append("this is a ResNet34; ResNet18 is needed") }
        func list(_ items: [String]) {
            lines += items.prefix(8)
            if items.count > 8 { lines.append("… and \(items.count - 8) more") }
        }
        list(shapeMismatches.map { "\($0.name) has the shape \($0.found), expected \($0.expected)" })
        list(missing.map { "\($0.name) is missing, expected the shape \($0.shape)" })
        list(extra.map { "\($0) is not part of ResNet18" })
        list(nonFinite.map { "\($0) holds NaN or infinity" })
        return lines
    }
}

extension Checkpoint {
    /// Compares names and shapes, and looks at every value of the tensors that fit.
    package func fit(to expected: [TensorExpectation]) -> CheckpointFit {
        var fit = CheckpointFit()
        let names = Set(expected.map(\.name))
        for wanted in expected {
            guard let found = self[wanted.name] else {
                if !wanted.isOptional { fit.missing.append(wanted) }
                continue
            }
            // Old files hold num_batches_tracked as [1].
            let isScalar = wanted.isOptional && found.count == 1
            if found.shape != wanted.shape && !isScalar {
                fit.shapeMismatches.append(.init(name: wanted.name, expected: wanted.shape, found: found.shape))
            } else if !wanted.isOptional, let values = try? found.floats(), values.contains(where: { !$0.isFinite }) {
                fit.nonFinite.append(wanted.name)
            }
        }
        fit.extra = tensors.map(\.name).filter { !names.contains($0) }
        fit.looksLikeResNet34 = fit.extra.contains { $0.hasPrefix("layer1.2.conv2") } && fit.shapeMismatches.isEmpty
        fit.looksLikeBottleneck = fit.extra.contains { $0.hasPrefix("layer1.0.conv3") }
        return fit
    }
}
