import Network
import Kernels

/// What each place of a picture adds to one class's logit: a class activation map (Zhou et al. 2016, "Learning Deep
/// Features for Discriminative Localization", arXiv 1512.04150).
///
///     M_c[y, x] = Σ_k fc.weight[c, k] · f[y, x, k],   f = layer4's output
///
/// It is exact where, as here, an average pooling and fc alone stand behind layer4: the mean of M_c over its pixels, plus
/// fc.bias[c], is the logit.
package struct ClassActivationMap: Sendable, Equatable {
    /// Pixels along each side: a 32nd of the picture's, rounded up.
    package let side: Int
    /// `[side, side]`, rows from the top, in the logit's unit; their mean is the logit without fc.bias.
    package let values: [Float]

    package init(side: Int, values: [Float]) {
        precondition(side > 0 && values.count == side * side, "values do not fill the map")
        (self.side, self.values) = (side, values)
    }

    package var rows: [[Float]] { (0..<side).map { Array(values[$0 * side..<($0 + 1) * side]) } }
}

extension ResNet18 {
    /// Inference from whole images, as `evaluate(cut: 0, …)`, that also answers with class activation maps.
    ///
    /// - Parameters:
    ///   - images: normalised, `[count, imageSize, imageSize, 3]`.
    ///   - wanted: called once for each image, with its place and its logits; says of which classes (all below `classes`)
    ///     the map is wanted.
    /// - Returns: the logits, `[count, classes]`, the bits that `evaluate` gives; and for each image its maps in the order
    ///   in which they were wanted.
    package func evaluateWithMaps(
        images: UnsafePointer<Float>, count: Int, imageSize: Int, wanted: (Int, ArraySlice<Float>) -> [Int]
    ) -> (logits: [Float], maps: [[ClassActivationMap]]) {
        let shape = lastMapShape(imageSize: imageSize)
        var features = [Float](repeating: 0, count: count * shape.count)
        var logits = [Float](repeating: 0, count: count * classes)
        features.withUnsafeMutableBufferPointer { features in
            logits.withUnsafeMutableBufferPointer { logits in
                guard let features = features.baseAddress, let logits = logits.baseAddress else { return }
                infer(
                    from: 0, to: network.end, input: images, count: count, imageSize: imageSize, output: logits,
                    lastMaps: features)
            }
        }
        let maps = (0..<count).map { image in
            wanted(image, logits[image * classes..<(image + 1) * classes]).map { label in
                map(of: label, features: features[image * shape.count..<(image + 1) * shape.count], shape)
            }
        }
        return (logits, maps)
    }

    /// Sums in Double: it is little work, and then only the features' own rounding is left.
    private func map(of label: Int, features: ArraySlice<Float>, _ shape: MapShape) -> ClassActivationMap {
        precondition((0..<classes).contains(label), "a class that the network does not have")
        let weights = fullyConnected.weight.values.pointer + label * shape.channels
        let values = (0..<shape.side * shape.side).map { pixel in
            let start = features.startIndex + pixel * shape.channels
            return Float(
                (0..<shape.channels).reduce(0.0) { $0 + Double(weights[$1]) * Double(features[start + $1]) })
        }
        return ClassActivationMap(side: shape.side, values: values)
    }
}
