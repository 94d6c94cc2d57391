import Network
import TUI
import Dashboard
import Testing
import TrainingEvents

@Suite("The run in sentences")
struct NarratorTests {
    func narrate(_ events: [TrainingEvent], every seconds: Double = 1) -> (DashboardState, [String]) {
        var state = DashboardState(glyphs: .ascii)
        var narrator = Narrator()
        var sentences: [String] = []
        for (index, event) in events.enumerated() {
            _ = update(&state, .event(event))
            sentences += narrator.sentences(for: event, state, now: Double(index) * seconds)
        }
        return (state, sentences)
    }

    @Test("Changes are reported once, steps every ten seconds, and nothing in signs")
    func story() {
        let run = Scenario.run(.partial)
        var events: [TrainingEvent] = [
            .opened(run), .dataset(Scenario.dataset()), Scenario.freeze(1, run.trainable, frostLine: "layer4.0"),
        ]
        events += (1...40).map { .step(Scenario.step($0, trainable: run.trainable)) }
        events += [
            Scenario.freeze(41, Scenario.names.filter(Strategy.head.trains), frostLine: "fc"), .paused(step: 40),
            .step(Scenario.step(41, trainable: [], loss: .nan)), .step(Scenario.step(42, trainable: [], loss: .nan)),
        ]
        let (_, sentences) = narrate(events)
        #expect(sentences[0].hasPrefix("A run begins. Network resnet18, 10 epochs in batches of 16"))
        #expect(sentences[0].hasSuffix("Training: layer4, fc, 8.9 M of 11.7 M parameters."))
        #expect(sentences[1] == "2 classes: cats, dogs. 1008 pictures to train with, 252 to validate with.")
        #expect(sentences.count { $0.hasPrefix("Epoch 1 of 10, step ") } == 4)
        #expect(sentences.contains("Froze layer4. From step 41 on. Training: fc, 1.0 K of 11.2 M parameters."))
        #expect(sentences.contains("Paused after step 40."))
        #expect(sentences.count { $0.contains("not a number") } == 1)
        for sentence in sentences {
            #expect(sentence.last == "." && sentence.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 32 })
        }
    }

    @Test("Commands are taken as lines, and every one is answered")
    func commands() {
        let run = Scenario.run(.partial)
        var (state, _) = narrate([.opened(run), .dataset(Scenario.dataset()), .step(Scenario.step(1, trainable: []))])
        #expect(state.handle("").answer.first?.hasPrefix("Epoch 1 of 10, step 1 of 63: loss ") == true)
        let (effects, answer) = state.handle("freeze fc")
        #expect(effects.commands == [.setFrozen(["fc.weight", "fc.bias"], true)])
        #expect(answer == ["asked to freeze fc"])
        #expect(state.handle("nonsense").answer == ["no command nonsense; : and tab list them"])
        #expect(state.handle("help").answer.contains { $0.hasPrefix("freeze") && $0.contains("pattern") })
        #expect(state.handle("quit").effects == [.engine(.stop)])
    }
}
