#if canImport(Glibc)
    import Glibc
#endif

import Network
import Support

/// SplitMix64 with uniform and normal draws; the same numbers everywhere for the same seed.
struct InitialisationGenerator {
    private var numbers: SplitMix64
    private var spare: Double?

    init(seed: UInt64) { numbers = SplitMix64(state: seed &+ 0x9E37_79B9_7F4A_7C15) }

    /// Uniform in [0, 1).
    mutating func uniform() -> Double { Double(numbers.next() >> 11) * 0x1p-53 }

    /// Standard normal, by Box and Muller.
    mutating func normal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        let radius = sqrt(-2 * log(1 - uniform()))
        let angle = 2 * Double.pi * uniform()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}

extension ResNet18 {
    /// torchvision's initial values: convolutions Kaiming-normal over their fan-out, BatchNorm 1 and 0 with fresh
    /// running statistics, fc as torch.nn.Linear draws it.
    package func initialise(seed: UInt64) {
        var generator = InitialisationGenerator(seed: seed)
        for parameter in parameters {
            let values = parameter.values.pointer
            if parameter.shape.count == 4 {
                let fanOut = parameter.shape[0] * parameter.shape[2] * parameter.shape[3]
                let deviation = sqrt(2 / Double(fanOut))
                for i in 0..<parameter.count { values[i] = Float(generator.normal() * deviation) }
            } else if !network.isHead(parameter.name) {
                let value: Float = parameter.name.hasSuffix(".weight") ? 1 : 0
                for i in 0..<parameter.count { values[i] = value }
            }
            parameter.generation += 1
        }
        for layer in [stem] + blocks.flatMap(\.layers) { layer.state.reset() }
        drawHead(seed: seed)
    }

    /// A new fc, as torch.nn.Linear draws one: weight and bias uniform in ±1/√inputs. It has its own generator, so
    /// the head is the same whatever else was drawn.
    package func drawHead(seed: UInt64) {
        var generator = InitialisationGenerator(seed: seed ^ 0x6865_6164)
        let bound = 1 / Double(network.featureCount).squareRoot()
        for parameter in [fullyConnected.weight, fullyConnected.bias] {
            for i in 0..<parameter.count { parameter.values.pointer[i] = Float((2 * generator.uniform() - 1) * bound) }
            parameter.generation += 1
        }
    }
}
