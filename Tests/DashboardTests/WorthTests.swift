import Dashboard
import TUI
import Testing
import TrainingEvents

@Suite struct WorthTests {
    private static func worth(_ fall: Double, error: Double = 0.0002) -> Worth {
        Worth(
            gradientNorm: 0.4, fall: fall, fallError: error, signalToNoise: 0.6, cosine: 0.5,
            reach: max(0, fall) * 1000,
            batchNormGradient: max(0, fall) * 30, statisticsDistance: max(0, fall))
    }

    /// fc and layer4.1 train; the stages below are frozen.
    static func report(step: Int = 167, odd: Double? = nil) -> ProbeReport {
        func group(_ name: String, _ fall: Double, _ milliseconds: Double, error: Double = 0.0002) -> ProbeReport.Group
        {
            ProbeReport.Group(
                name: name, worth: worth(odd ?? fall, error: odd ?? error), milliseconds: odd ?? milliseconds)
        }
        return ProbeReport(
            step: step, trainingPictures: 16, heldOutPictures: 16, isHeldOut: true,
            trainedUnits: ["layer3.1", "layer4.0", "layer4.1", "fc"], trained: worth(odd ?? 0.002),
            milliseconds: odd ?? 250,
            groups: [
                group("conv1", 0.0001, 690), group("layer1.0", 0.0002, 610), group("layer1.1", -0.0001, 560),
                group("layer1", 0.0001, 640), group("layer2.0", 0.001, 500), group("layer2.1", 0.0012, 450),
                group("layer2", 0.0022, 520, error: 0.002), group("layer3.0", 0.0049, 300),
            ], seconds: 0.9)
    }

    @Test func `w asks for the probe, and its answer is a column, a mark and a sentence`() throws {
        var state = DecisionScenario.steady(glyphs: .unicode)
        #expect(Scenario.press(&state, .character("w")) == [.engine(.probe)])
        Scenario.send(&state, .probe(Self.report()))
        let sentence =
            "thawing layer3.0 should lower the loss most: 2.9× now, +50 ms a step; conv1, layer1, layer2 bring nothing "
            + "(noise)"
        #expect(Self.report().sentence == sentence)
        #expect(render(state, theme: .builtIn, width: 200, height: 60).text.contains(sentence))
        for glyphs in [GlyphSet.unicode, .ascii] {
            var state = DecisionScenario.steady(glyphs: glyphs)
            Scenario.send(&state, .probe(Self.report()))
            for (width, height) in [(80, 24), (120, 40), (200, 60)] {
                let frame = render(state, theme: .roles, width: width, height: height)
                RobustnessTests.check(frame, width, height, glyphs)
                try FrameTests.expect(frame, "worth-\(width)x\(height)-\(glyphs.rawValue)")
            }
        }
    }

    @Test func `a thaw shows the forecast beside what came, and the worth of the old mask is gone`() {
        var state = DecisionScenario.steady(glyphs: .unicode)
        Scenario.send(&state, .probe(Self.report()))
        let trainable = Scenario.names.filter { name in
            ["layer3", "layer4", "fc"].contains { name.hasPrefix($0) }
        }
        Scenario.send(&state, Scenario.freeze(168, trainable, frostLine: "layer3.0"))
        #expect(!render(state, theme: .builtIn, width: 200, height: 60).text.contains("★"))
        #expect(Self.report().fall(thawing: ["layer3.0"]).map { abs($0 - 0.0069) < 1e-9 } == true)
        for number in 168...200 {
            let loss = 0.4 - 0.005 * Double(number - 168)
            Scenario.send(&state, .step(Scenario.step(number, trainable: trainable, loss: loss)))
        }
        let text = render(state, theme: .builtIn, width: 200, height: 60).text
        #expect(text.contains("10 steps: forecast -0.069 · came -0.050"), "\(text)")
    }

    @Test func `nothing that pays, nothing frozen and odd numbers are said`() {
        var report = Self.report()
        report.groups = report.groups.filter { $0.name != "layer3.0" }
        // What has the most reach is named, without a ratio where its next step cannot be told from noise.
        #expect(
            report.sentence
                == "thawing layer2 should lower the loss most: +270 ms a step; conv1, layer1 bring nothing (noise)")
        for index in report.groups.indices { report.groups[index].worth.reach = 0 }
        #expect(report.best == nil)
        #expect(report.sentence.hasPrefix("thawing more should not lower the loss; conv1, layer1"))
        report.groups = []
        #expect(report.sentence == "nothing is frozen, so there is nothing to thaw")
        var alone = Self.report()
        (alone.trainedUnits, alone.milliseconds) = (["fc"], nil)
        alone.groups = alone.groups.map { ProbeReport.Group(name: $0.name, worth: $0.worth, milliseconds: nil) }
        #expect(alone.sentence.hasPrefix("thawing layer3.0 should lower the loss most: 3.5× fc alone; conv1"))
        for odd in [Double.nan, .infinity, -.infinity, 0, 1e300] {
            for glyphs in [GlyphSet.unicode, .block, .ascii] {
                var state = DecisionScenario.steady(glyphs: glyphs)
                Scenario.send(&state, .probe(Self.report(odd: odd)))
                for (width, height) in [(61, 16), (80, 24), (150, 50)] {
                    RobustnessTests.check(
                        render(state, theme: .builtIn, width: width, height: height), width, height, glyphs)
                }
            }
        }
    }
}
