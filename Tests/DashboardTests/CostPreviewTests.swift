import TUI
import Network
import Dashboard
import Testing
import TrainingEvents

@Suite("Costs before the act")
struct CostPreviewTests {
    let names = Scenario.names

    func trainable(_ prefix: String...) -> TrainingPlan {
        DecisionScenario.costs().plan(Set(names.filter { name in prefix.contains { name.hasPrefix($0) } }))
    }

    @Test("A step costs what the plan runs: the cached head least, everything most")
    func order() {
        let costs = DecisionScenario.costs()
        let head = costs.milliseconds(trainable("fc."), cached: true)
        let headUncached = costs.milliseconds(trainable("fc."), cached: false)
        let partial = costs.milliseconds(trainable("fc.", "layer4."), cached: true)
        let full = costs.milliseconds(costs.plan(Set(names)), cached: true)
        // fc, and the optimizer over its weights.
        #expect(abs(head - 1 - 0.001026) < 1e-9)
        #expect(headUncached > head + 100 && headUncached < full)
        #expect(head < partial && partial < full)
        // Nothing is cached where conv1 trains, so the word makes no difference.
        #expect(full == costs.milliseconds(costs.plan(Set(names)), cached: false))
    }

    @Test("One unit's backward runs no further down than something wants it")
    func depth() {
        let costs = DecisionScenario.costs()
        func time(_ plan: TrainingPlan) -> Double { costs.milliseconds(plan, cached: true) }
        // Only bn2 of the last block: its own gradient, no convolution's.
        let norm = time(trainable("layer4.1.bn2"))
        let second = time(trainable("layer4.1.bn2", "layer4.1.conv2"))
        let first = time(trainable("layer4.1"))
        let optimizer = Double(512 * 512 * 9) / 1e6
        #expect(abs(second - norm - 8 - optimizer) < 1e-9)
        #expect(first > second + 16)
        // Thawing layer1 alone makes the gradient go through everything above it.
        #expect(time(trainable("layer1.0.conv1")) > 17 * 8)
    }

    @Test("What was measured stretches the prediction; a fixed difference where hardly anything ran stays one")
    func correction() {
        let costs = DecisionScenario.costs()
        let full = costs.plan(Set(names))
        let own = costs.milliseconds(full, cached: false)
        let partial = trainable("fc.", "layer4.")
        let raw = costs.milliseconds(partial, cached: true)
        let twice = costs.milliseconds(
            partial, cached: true, measured: 2 * own, under: full, currentCached: false)
        #expect(abs(twice - 2 * raw) < 1e-6 * raw)
        // 1.5 ms were foretold, 6.5 measured: five milliseconds of something else, not a machine a fourth as fast.
        let head = trainable("fc.")
        let after = costs.milliseconds(
            full, cached: false, measured: costs.milliseconds(head, cached: true) + 5, under: head, currentCached: true)
        #expect(after > own && after < own * 1.1 + 10)
        // A head that is quicker than foretold does not make anything else free.
        let quick = costs.milliseconds(
            head, cached: true, measured: own * 0.9, under: full, currentCached: false)
        #expect(abs(quick - 0.9 * costs.milliseconds(head, cached: true)) < 1e-9)
        #expect(costs.milliseconds(full, cached: false, measured: .nan, under: head, currentCached: true) == own)
    }

    @Test("The cache's size and refusal follow from the mask")
    func cache() throws {
        var costs = DecisionScenario.costs()
        let partial = trainable("fc.", "layer4.")
        #expect(try costs.cacheSize(partial) == (200_704, 200_704 * 1260))
        #expect(throws: FeatureCacheRefusal.nothingFrozen) { try costs.cacheSize(costs.plan(Set(names))) }
        costs.cacheRule.budget = 1 << 20
        #expect(throws: FeatureCacheRefusal.overBudget(bytes: 200_704 * 1260, budget: 1 << 20)) {
            try costs.cacheSize(partial)
        }
        #expect(costs.fillSeconds(trainable("fc.")) > costs.fillSeconds(trainable("layer2.")))
    }

    @Test("The row under the cursor says what toggling it would do")
    func lines() {
        var state = DecisionScenario.steady(glyphs: .unicode)
        Scenario.press(&state, .character("g"))
        let text = render(state, theme: .builtIn, width: 120, height: 40).text
        #expect(text.contains("step 512 → ") && text.contains("epoch "))
        #expect(text.contains("no cache: conv1 or bn1 trains"))
        #expect(text.contains("memory "))
        Scenario.press(&state, .character("/"))
        Scenario.type(&state, "layer2")
        Scenario.press(&state, .enter)
        #expect(render(state, theme: .builtIn, width: 120, height: 40).text.contains("cacheable: 784 KiB × 1260"))
    }

    @Test("Predicted and measured stand side by side after a toggle")
    func outcome() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.send(&state, .costs(DecisionScenario.costs()), .cache(.off(reason: "a test")))
        let trainable = names.filter(Strategy.partial.trains)
        Scenario.send(&state, Scenario.freeze(168, trainable, frostLine: "layer4.0"))
        for number in 168...180 {
            var step = Scenario.step(number, trainable: trainable)
            step.milliseconds = number == 168 ? 2000 : 300
            Scenario.send(&state, .step(step))
        }
        let text = render(state, theme: .builtIn, width: 120, height: 40).text
        #expect(text.contains("measured 300 ms"))
        #expect(text.contains("predicted "))
    }

    @Test("What was measured after a toggle is that of full steps: short ones at the ends of epochs do not count")
    func likeWithLike() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.send(&state, .costs(DecisionScenario.costs()), .cache(.off(reason: "a test")))
        let trainable = names.filter(Strategy.partial.trains)
        Scenario.send(&state, Scenario.freeze(169, trainable, frostLine: "layer4.0"))
        // Epochs of two steps, the second of four images.
        for number in 169...176 {
            var step = Scenario.step(number, trainable: trainable, perEpoch: 2)
            step.images = number % 2 == 1 ? 16 : 4
            step.milliseconds = number % 2 == 1 ? 300 : 80
            Scenario.send(&state, .step(step))
        }
        let text = render(state, theme: .builtIn, width: 120, height: 40).text
        #expect(text.contains("measured 300 ms"))
        #expect(!text.contains("measured 80 ms"))
    }

    @Test("The remaining time holds what an epoch takes beside its steps, where that is most of it")
    func remainingTime() {
        var state = DashboardState(glyphs: .unicode)
        let trainable = names.filter(Strategy.head.trains)
        Scenario.send(
            &state, .opened(Scenario.run(.head, epochs: 10_200)), .dataset(Scenario.dataset()),
            Scenario.freeze(1, trainable, frostLine: "fc"))
        for number in 1...200 * 12 {
            var step = Scenario.step(number, trainable: [], perEpoch: 12)
            step.milliseconds = 0.15
            Scenario.send(&state, .step(step))
            guard number % 12 == 0 else { continue }
            let score = Score(loss: 0.3, accuracy: 0.9)
            Scenario.send(
                &state,
                .epoch(
                    EpochReport(
                        epoch: number / 12, step: number, training: score, validation: nil, seconds: 0.009,
                        isBest: false)))
        }
        // 10,000 epochs of 9 ms.
        #expect(render(state, theme: .builtIn, width: 160, height: 40).text.contains("ETA 1:30"))
    }

    @Test("Dropping features that took long to compute is asked about; anything else is not")
    func confirmation() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.send(
            &state, .costs(DecisionScenario.costs(pictures: 12_600)),
            .cache(.on(frostLine: "layer3.1", bytesPerImage: 200_704, cached: 12_600, total: 12_600)))
        // fc lies behind the cut: nothing is lost.
        Scenario.press(&state, .character("G"))
        #expect(Scenario.press(&state, .character(" ")).count == 1)
        Scenario.press(&state, .character("g"))
        #expect(Scenario.press(&state, .character(" ")) == [])
        let text = render(state, theme: .builtIn, width: 120, height: 40).text
        #expect(text.contains("drops 2.4 GiB of cached features"))
        #expect(Scenario.press(&state, .character("n")) == [])
        #expect(!render(state, theme: .builtIn, width: 120, height: 40).text.contains("cached features"))
        Scenario.press(&state, .character(" "))
        #expect(Scenario.press(&state, .character("y")).commands == [.setFrozen(["conv1.weight"], false)])
    }
}
