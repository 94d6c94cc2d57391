import Network
import TUI
import Dashboard
import TrainingEvents

/// Stories that tests tell the dashboard: ResNet18's own names, and numbers that depend on nothing but the step.
enum Scenario {
    static let parameters: [ParameterDescription] = {
        var result: [ParameterDescription] = []
        func add(_ name: String, _ shape: [Int]) { result.append(ParameterDescription(name: name, shape: shape)) }
        func norm(_ name: String, _ channels: Int) {
            add(name + ".weight", [channels])
            add(name + ".bias", [channels])
        }
        add("conv1.weight", [64, 3, 7, 7])
        norm("bn1", 64)
        var channels = 64
        for (stage, width) in [64, 128, 256, 512].enumerated() {
            for block in 0..<2 {
                let name = "layer\(stage + 1).\(block)"
                add(name + ".conv1.weight", [width, channels, 3, 3])
                norm(name + ".bn1", width)
                add(name + ".conv2.weight", [width, width, 3, 3])
                norm(name + ".bn2", width)
                if block == 0, stage > 0 {
                    add(name + ".downsample.0.weight", [width, channels, 1, 1])
                    norm(name + ".downsample.1", width)
                }
                channels = width
            }
        }
        add("fc.weight", [1000, 512])
        add("fc.bias", [1000])
        return result
    }()

    static let names = parameters.map(\.name)

    static func run(_ strategy: Strategy = .partial, epochs: Int = 10, phase: String? = nil) -> RunDescription {
        RunDescription(
            model: "resnet18", phase: phase, parameters: parameters, trainable: names.filter(strategy.trains),
            optimizer: "sgd", schedule: "constant", learningRate: 1e-3, batchSize: 16, epochs: epochs, imageSize: 224,
            augmentation: "none", threads: 2, weights: "resnet18-f37072fd.pth", output: "runs/cats-dogs")
    }

    static func dataset(_ classes: [String] = ["cats", "dogs"]) -> DatasetDescription {
        DatasetDescription(
            classes: classes, trainingCount: 1008, validationCount: 252, skippedCount: 0, stepsPerEpoch: 63)
    }

    /// Noise between -1 and 1 that is the same on every machine.
    static func noise(_ seed: Int) -> Double {
        var x = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15
        x ^= x >> 31
        x = x &* 0xBF58_476D_1CE4_E5B9
        x ^= x >> 29
        return Double(x >> 11) / Double(1 << 52) - 1
    }

    static func step(_ step: Int, trainable: [String], loss: Double? = nil, perEpoch: Int = 63) -> StepReport {
        let decay = 1 / (1 + Double(step) / 40)
        var norms: [String: Double] = [:]
        var ratios: [String: Double] = [:]
        for (index, name) in trainable.enumerated() {
            norms[name] = (0.02 + 0.3 * decay) * (1 + 0.5 * noise(step * 97 + index)) / Double(1 + index % 5)
            ratios[name] = 1e-3 * (1 + 0.3 * noise(step * 31 + index))
        }
        return StepReport(
            step: step, epoch: (step - 1) / perEpoch + 1, stepInEpoch: (step - 1) % perEpoch + 1,
            stepsPerEpoch: perEpoch,
            loss: loss ?? 0.12 + 0.6 * decay * (1 + 0.25 * noise(step)),
            accuracy: (16 * min(1, max(0, 0.97 - 0.45 * decay + 0.06 * noise(step + 5000)))).rounded() / 16,
            learningRate: 1e-3, images: 16, milliseconds: 512, gradientNorms: norms, updateRatios: ratios)
    }

    /// `answers`: the effects of the key that asked for it; none where no key did.
    static func freeze(
        _ step: Int, _ trainable: [String], frostLine: String, answers: [DashboardEffect] = []
    ) -> TrainingEvent {
        .freeze(
            FreezeReport(step: step, trainable: trainable, frostLine: frostLine, answers: answers.requests.first?.id))
    }

    /// Another run of its own length, which learns more slowly.
    static func other(_ name: String, perEpoch: Int, epochs: Int, slower: Double) -> OtherRun {
        var other = OtherRun(name: name)
        for event in otherEvents(perEpoch: perEpoch, epochs: epochs, slower: slower) { other.take(event) }
        return other
    }

    static func otherEvents(perEpoch: Int, epochs: Int, slower: Double) -> [TrainingEvent] {
        var dataset = dataset()
        dataset.stepsPerEpoch = perEpoch
        var events = [TrainingEvent.dataset(dataset)]
        for number in 1...perEpoch * epochs {
            let decay = 1 / (1 + Double(number) / (40 * slower))
            events.append(.step(step(number, trainable: [], loss: 0.2 + 0.5 * decay, perEpoch: perEpoch)))
            guard number % perEpoch == 0 else { continue }
            let score = Score(loss: 0.3, accuracy: 0.95 - 0.3 * decay * slower)
            events.append(
                .epoch(
                    EpochReport(
                        epoch: number / perEpoch, step: number, training: score, validation: score, seconds: 1,
                        isBest: true)))
        }
        return events
    }

    static func send(_ state: inout DashboardState, _ events: TrainingEvent...) {
        for event in events { _ = update(&state, .event(event)) }
    }

    @discardableResult
    static func press(_ state: inout DashboardState, _ keys: Key...) -> [DashboardEffect] {
        keys.flatMap { update(&state, .key($0)) }
    }

    static func type(_ state: inout DashboardState, _ text: String) {
        for character in text { _ = update(&state, .key(.character(character))) }
    }

    /// An open run whose mask is known and which has not stepped.
    static func opened(_ strategy: Strategy = .partial, glyphs: GlyphSet = .unicode) -> DashboardState {
        var state = DashboardState(glyphs: glyphs)
        let run = run(strategy)
        send(
            &state, .opened(run), .dataset(dataset()),
            freeze(1, run.trainable, frostLine: strategy == .head ? "fc" : strategy == .partial ? "layer4.0" : "conv1"))
        return state
    }

    /// In the third epoch of `partial`, with the second block of layer3 thawed in the second.
    static func middle(glyphs: GlyphSet, steps: Int = 167) -> DashboardState {
        var state = opened(.partial, glyphs: glyphs)
        var trainable = names.filter(Strategy.partial.trains)
        send(
            &state, .notice("fc has 1000 outputs; a new one with 2 is drawn"),
            .cache(.on(frostLine: "layer4.0", bytesPerImage: 200 << 10, cached: 240, total: 240)))
        for number in 1...steps {
            if number == 84 {
                trainable = names.filter { $0.hasPrefix("layer3.1") || Strategy.partial.trains($0) }
                send(
                    &state, freeze(number, trainable, frostLine: "layer3.1"),
                    .cache(.on(frostLine: "layer3.1", bytesPerImage: 200 << 10, cached: 240, total: 240)))
            }
            send(&state, .step(step(number, trainable: trainable)))
            if number % 63 == 0 {
                let epoch = number / 63
                send(
                    &state, .proof(FreezeProof(step: number, tensorCount: 30, broken: [])),
                    .epoch(
                        EpochReport(
                            epoch: epoch, step: number, training: Score(loss: 0.4, accuracy: 0.84),
                            validation: Score(loss: 0.62 / Double(epoch), accuracy: 0.78 + 0.08 * Double(epoch)),
                            seconds: 33, isBest: true)),
                    .saved(SaveReport(step: number, path: "runs/cats-dogs/last.safetensors", bestStep: number)))
            }
        }
        return state
    }
}

extension [DashboardEffect] {
    /// What goes to the engine.
    var requests: [CommandRequest] {
        compactMap { if case .engine(let command, let id) = $0 { CommandRequest(command, id: id) } else { nil } }
    }
    var commands: [TrainingCommand] { requests.map(\.command) }
}
