import Network
import Foundation
import Kernels
import Model
import Support
import TrainingEvents

extension TrainingRun {
    /// Looks closely at one parameter; nil for a name that is none.
    func inspect(_ name: String) -> ParameterInspection? {
        guard let parameter = model.parameter(name) else { return nil }
        let gradient = progress.trainable.contains(name) ? parameter.gradient : nil
        let (dead, channels) = deadChannels(parameter)
        return ParameterInspection(
            name: name, step: progress.step, weightNorm: parameter.values.squareSum.squareRoot(),
            weights: Self.histogram(parameter.values), gradientNorm: gradient.map { $0.squareSum.squareRoot() },
            gradients: gradient.map(Self.histogram), deadChannels: dead, channels: channels, proof: proof(of: name),
            drift: drift(of: name))
    }

    private func proof(of name: String) -> ParameterInspection.Proof? {
        guard let record = hashes.record(of: name) else { return nil }
        let now = model.contentHash(name)
        return ParameterInspection.Proof(
            hash: ContentHash.text(now),
            // Frozen before the first step of the run: from its start.
            since: record.since <= openingStep + 1 ? 0 : record.since, holds: now == record.hash)
    }

    /// Channels that can pass nothing on: all weights zero, or for a BatchNorm whose output is rectified, a shift that
    /// lies three standard deviations below zero.
    private func deadChannels(_ parameter: Parameter) -> (dead: Int, of: Int) {
        let values = parameter.values.pointer
        if parameter.shape.count == 4 {
            // [height, width, in, out]
            let outputs = parameter.shape[0]
            var alive = [Bool](repeating: false, count: outputs)
            for at in 0..<parameter.count where values[at] != 0 { alive[at % outputs] = true }
            return (alive.count { !$0 }, outputs)
        }
        if parameter.shape.count == 2 {
            let (outputs, inputs) = (parameter.shape[0], parameter.shape[1])
            let dead = (0..<outputs).count { row in (0..<inputs).allSatisfy { values[row * inputs + $0] == 0 } }
            return (dead, outputs)
        }
        guard let layer = Self.batchNorm(of: parameter.name), let weight = model.parameter(layer + ".weight"),
            let bias = model.parameter(layer + ".bias"), layer.hasSuffix("bn1")
        else { return (0, parameter.count) }
        let dead = (0..<weight.count).count { bias.values.pointer[$0] + 3 * abs(weight.values.pointer[$0]) <= 0 }
        return (dead, weight.count)
    }

    private func drift(of name: String) -> StatisticsDrift? {
        guard let layer = Self.batchNorm(of: name), let mean = openingStatistics[layer + ".running_mean"],
            let variance = openingStatistics[layer + ".running_var"], !mean.isEmpty
        else { return nil }
        let (meanNow, varianceNow) = (model.export(layer + ".running_mean"), model.export(layer + ".running_var"))
        guard meanNow.count == mean.count, varianceNow.count == variance.count, variance.count == mean.count else {
            return nil
        }
        var (moved, ratio) = (0.0, 0.0)
        for channel in mean.indices {
            let deviation = (Double(variance[channel]) + BatchNorm.epsilon).squareRoot()
            moved += abs(Double(meanNow[channel]) - Double(mean[channel])) / deviation
            ratio += log(
                (Double(varianceNow[channel]) + BatchNorm.epsilon) / (Double(variance[channel]) + BatchNorm.epsilon))
        }
        let count = Double(mean.count)
        return StatisticsDrift(
            batchNorm: layer, mean: moved / count, variance: exp(ratio / count),
            isHeld: !plan.usesBatchStatistics(layer))
    }

    /// The BatchNorm that a parameter belongs to: one with running statistics.
    private static func batchNorm(of name: String) -> String? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        let layer = String(name[..<dot])
        return ResNet.resnet18.isBatchNorm(layer) ? layer : nil
    }

    private static func histogram(_ buffer: FloatBuffer) -> Histogram {
        Histogram.of(UnsafeBufferPointer(start: buffer.pointer, count: buffer.count))
    }
}
