import Network
import TUI
import Dashboard
import Testing
import TrainingEvents

@Suite("Health")
struct HealthTests {
    @Test("A sound run has no health lines")
    func sound() {
        var vitals = Vitals()
        vitals.lastLoss = 0.4
        vitals.meanLoss = 0.42
        vitals.bestMeanLoss = 0.41
        vitals.validationLosses = [0.6, 0.5, 0.52, 0.49]
        vitals.trainingLosses = [0.6, 0.5, 0.45, 0.4]
        vitals.gradients = [("layer4.0.conv1.weight", [Double](repeating: 1e-2, count: 40))]
        #expect(vitals.judge() == [])
    }

    @Test("A loss that is no number comes first, with what to press")
    func notFinite() {
        var vitals = Vitals()
        vitals.notFinite = (120, 100)
        vitals.neverPredicted = [("dogs", 12)]
        let lines = vitals.judge()
        #expect(lines.map(\.kind) == [.notFinite, .neverPredicted])
        #expect(lines[0].text.contains("120") && lines[0].text.contains("100"))
        #expect(lines[0].advice.contains("- lowers"))
        var other = Vitals()
        other.lastLoss = .infinity
        #expect(other.judge().map(\.kind) == [.notFinite])
    }

    @Test("A loss three times its best explodes; one that was small all along may triple")
    func exploding() {
        var vitals = Vitals()
        vitals.meanLoss = 4
        vitals.bestMeanLoss = 0.7
        #expect(vitals.judge().map(\.kind) == [.exploding])
        vitals.meanLoss = 0.3
        vitals.bestMeanLoss = 0.05
        #expect(vitals.judge() == [])
    }

    @Test("A gradient that has vanished for twenty steps is named, unless the loss is gone too")
    func vanishing() {
        var vitals = Vitals()
        vitals.meanLoss = 0.6
        vitals.gradients = [
            ("conv1.weight", [Double](repeating: 1e-9, count: 20)),
            ("layer1.0.conv1.weight", [Double](repeating: 1e-9, count: 19)),
            ("fc.weight", [Double](repeating: 1e-9, count: 19) + [0.1]),
        ]
        #expect(vitals.judge().map(\.kind) == [.vanishing])
        #expect(vitals.judge().first?.text.contains("conv1.weight") == true)
        vitals.meanLoss = 1e-3
        #expect(vitals.judge() == [])
    }

    @Test("Three epochs of rising validation while training falls are overfitting; two are not")
    func overfitting() {
        var vitals = Vitals()
        vitals.validationLosses = [0.6, 0.4, 0.41, 0.42]
        vitals.trainingLosses = [0.6, 0.4, 0.3, 0.2]
        #expect(vitals.judge() == [])
        vitals.validationLosses.append(0.5)
        vitals.trainingLosses.append(0.1)
        #expect(vitals.judge().map(\.kind) == [.overfitting])
        // Where training rises too it is something else.
        vitals.trainingLosses = [0.6, 0.4, 0.5, 0.6, 0.7]
        #expect(vitals.judge() == [])
    }

    @Test("A class that is never predicted is named on the screen, in one line")
    func neverPredicted() {
        var state = Scenario.middle(glyphs: .unicode)
        let before = render(state, theme: .builtIn, width: 120, height: 40).text
        #expect(!before.contains("never predicted"))
        Scenario.send(&state, .mistakes(DecisionScenario.mistakes(actual: [6, 6], matrix: [6, 0, 6, 0])))
        let text = render(state, theme: .builtIn, width: 120, height: 40).text
        #expect(text.contains("dogs never predicted (6 pictures)"))
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count == 40)
    }

    @Test("After a loss that was no number the line stays until a step is sound again")
    func rollback() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.send(&state, .notFinite(NotFiniteReport(step: 168, weightsOfStep: 150)), .paused(step: 167))
        #expect(render(state, theme: .builtIn, width: 120, height: 40).text.contains("weights of step 150 are back"))
        let trainable = Scenario.names.filter(Strategy.partial.trains)
        Scenario.send(&state, .resumed(step: 168), .step(Scenario.step(168, trainable: trainable)))
        #expect(
            !render(state, theme: .builtIn, width: 120, height: 40).text.contains("- lowers the rate, p goes on"))
    }
}
