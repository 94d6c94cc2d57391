import TUI
import Network
import Dashboard
import TrainingEvents

/// What the engine would send to the decision views, from formulas that give the same on every machine.
enum DecisionScenario {
    /// In the third epoch with a full cache, so that steps take what they will go on to take, and the layers measured.
    static func steady(glyphs: GlyphSet) -> DashboardState {
        var state = Scenario.middle(glyphs: glyphs, steps: 140)
        let trainable = Scenario.names.filter { $0.hasPrefix("layer3.1") || Strategy.partial.trains($0) }
        Scenario.send(
            &state, .cache(.on(frostLine: "layer3.1", bytesPerImage: 200 << 10, cached: 1260, total: 1260)),
            .costs(costs()))
        for number in 141...167 { Scenario.send(&state, .step(Scenario.step(number, trainable: trainable))) }
        return state
    }

    /// A picture with a disc on a gradient.
    static func picture(_ seed: Int, side: Int = 48) -> Thumbnail? {
        var pixels: [UInt8] = []
        for y in 0..<side {
            for x in 0..<side {
                let (dx, dy) = (x - side / 2 - seed % 7, y - side / 2 + seed % 5)
                let inside = dx * dx + dy * dy < side * side / (6 + seed % 4)
                pixels +=
                    inside
                    ? [UInt8(200 + seed % 50), 180, 60] : [UInt8(x * 5), UInt8(y * 3), UInt8(40 + seed * 9 % 90)]
            }
        }
        return Thumbnail(width: side, height: side, pixels: pixels)
    }

    static func mistakes(actual: [Int], matrix: [Int], count: Int = 6) -> MistakesReport {
        let size = actual.count
        let predicted = (0..<size).map { column in (0..<size).reduce(0) { $0 + matrix[$1 * size + column] } }
        return MistakesReport(
            step: 126, actual: actual, predicted: predicted, matrix: matrix,
            mistakes: (0..<count).map { index in
                Mistake(
                    name: "val/\(index % 2 == 0 ? "cats" : "dogs")/IMG_\(100 + index).jpg", actual: index % size,
                    predicted: (index + 1) % size, predictedProbability: 0.97 - 0.05 * Double(index),
                    actualProbability: 0.03 + 0.05 * Double(index), picture: index == 4 ? nil : picture(index),
                    predictedHeat: index == 4 ? nil : heat(x: 1 + index % 5, y: 2),
                    actualHeat: index == 4 ? nil : heat(x: 5, y: 5 - index % 4))
            })
    }

    /// Hot at one place of 7×7, colder with the distance from it.
    static func heat(x: Int, y: Int) -> ClassHeat? {
        ClassHeat(
            side: 7,
            values: (0..<49).map { place in
                let (dx, dy) = (place % 7 - x, place / 7 - y)
                return Float(max(0, 20 - dx * dx - dy * dy))
            })
    }

    static let inspection = ParameterInspection(
        name: "fc.weight", step: 167, weightNorm: 1.234,
        weights: Histogram(
            least: -0.1, greatest: 0.1,
            counts: (0..<32).map { Int(1000.0 / Double(1 + ($0 - 16) * ($0 - 16))) }, notFinite: 0),
        gradientNorm: 0.0536,
        gradients: Histogram(
            least: -2e-3, greatest: 2e-3, counts: (0..<32).map { max(0, 200 - ($0 - 15) * ($0 - 15) * 2) }, notFinite: 0
        ),
        deadChannels: 0, channels: 2, proof: nil, drift: nil)

    static let frozenInspection = ParameterInspection(
        name: "bn1.weight", step: 167, weightNorm: 3.21,
        weights: Histogram(least: -1.5, greatest: 1.5, counts: [0, 0, 1, 4, 2, 0, 30, 27], notFinite: 0),
        gradientNorm: nil, gradients: nil, deadChannels: 2, channels: 64,
        proof: ParameterInspection.Proof(hash: "9f3c00aa12de4f01", since: 0, holds: true),
        drift: StatisticsDrift(batchNorm: "bn1", mean: 0.1234, variance: 0.981, isHeld: true))

    /// Costs that grow with the size of the maps, as on a machine where a full step takes about half a second.
    static func costs(pictures: Int = 1260) -> StepCosts {
        let layers = ResNet.resnet18.layers.map { layer in
            let time: Double =
                switch layer.role {
                case .stem: 12
                case .first, .second: 8
                case .shortcut: 1
                }
            var cost = StepCosts.Layer(layer)
            cost.inference = time
            cost.forward = StepCosts.ByStatistics(batch: time * 1.2, held: time)
            cost.normGradient = StepCosts.ByStatistics(batch: time * 0.3, held: time * 0.2)
            cost.inputGradient = time
            cost.weightGradient = time
            return cost
        }
        return StepCosts(
            layers: layers, rest: 1, optimizerPerMillion: 1, moments: 1, classes: 2, batchSize: 16, imageSize: 224,
            pictures: pictures, cacheRule: FeatureCacheRule(budget: 1 << 30), frozenBatchNorm: .hold)
    }
}
