import Network
import TUI
import Testing
import TrainingEvents

@testable import Dashboard

@Suite("The demonstration's story")
struct StoryTests {
    static let sizes = [(80, 24), (120, 40), (200, 60)]

    private static func story(_ act: StoryReport.Act, after: Double? = nil, random: Double? = nil) -> TrainingEvent {
        .story(StoryReport(act: act, start: "task A", pictures: 32, afterStart: after, fromRandom: random))
    }

    /// A run of the story with `epochs` epochs behind it, validated at `accuracy` each time.
    private static func play(
        _ state: inout DashboardState, _ act: StoryReport.Act, _ strategy: Strategy, phase: String, accuracy: Double,
        epochs: Int = 5
    ) {
        let run = Scenario.run(strategy, epochs: epochs, phase: phase)
        var dataset = Scenario.dataset()
        dataset.stepsPerEpoch = 4
        Scenario.send(
            &state, story(act), .opened(run), .dataset(dataset),
            Scenario.freeze(1, run.trainable, frostLine: strategy == .head ? "fc" : "conv1"))
        for step in 1...4 * epochs {
            Scenario.send(&state, .step(Scenario.step(step, trainable: run.trainable, perEpoch: 4)))
            guard step % 4 == 0 else { continue }
            let score = Score(loss: 0.5, accuracy: accuracy)
            Scenario.send(
                &state,
                .epoch(
                    EpochReport(
                        epoch: step / 4, step: step, training: score, validation: score, seconds: 1, isBest: true)))
        }
    }

    private static func finish(_ state: inout DashboardState, _ accuracy: Double) {
        Scenario.send(
            &state,
            .finished(
                RunSummary(
                    steps: 20, epochs: 5, stopped: false, seconds: 9, bestEpoch: 1, best: nil,
                    last: Score(loss: 0.5, accuracy: accuracy), output: nil)))
    }

    /// In task B, the comparison behind it.
    private static func inTaskB() -> DashboardState {
        var state = DashboardState(glyphs: .unicode)
        play(&state, .fromRandom, .full, phase: "task B from random weights", accuracy: 0.55)
        finish(&state, 0.55)
        play(&state, .taskB, .head, phase: "task B after task A", accuracy: 0.85, epochs: 3)
        return state
    }

    private static func atTheEnd() -> DashboardState {
        var state = inTaskB()
        finish(&state, 0.85)
        Scenario.send(&state, story(.end, after: 0.85, random: 0.55))
        _ = update(&state, .jobEnded)
        return state
    }

    private static func first(_ state: DashboardState) -> String { state.storyTexts.first?.first ?? "" }

    @Test("The hint says what to press, and follows what was pressed")
    func hints() {
        var state = Self.inTaskB()
        var engine = FakeEngine(trainable: Scenario.names.filter(Strategy.head.trains))
        func press(_ key: Key) -> String {
            engine.take(Scenario.press(&state, key))
            engine.answerAll(&state)
            return Self.first(state)
        }
        #expect(Self.first(state).contains("press 2: layer4 thaws, watch the loss"))
        #expect(press("2").contains("press 3: every layer thaws"))
        #expect(press("3").contains("watch the validation. 1: fc alone again"))
        #expect(press("1").contains("fc alone trains"))
        #expect(press(" ").contains("your own choice trains"))
    }

    @Test("What was thawed by a key stays so to the story's end")
    func ownMask() {
        var state = Self.inTaskB()
        var engine = FakeEngine(trainable: Scenario.names.filter(Strategy.head.trains))
        engine.take(Scenario.press(&state, "2"))
        engine.answerAll(&state)
        let mask = state.layers.frozen
        Self.finish(&state, 0.85)
        Scenario.send(&state, Self.story(.end, after: 0.85, random: 0.55))
        #expect(state.layers.frozen == mask && state.layers.strategy == .partial)
    }

    @Test("p holds the story, also where the next run begins meanwhile, and p goes on")
    func hold() {
        var state = Self.inTaskB()
        #expect(Scenario.press(&state, "p").requests.map(\.command) == [.pause])
        Scenario.send(&state, .paused(step: 12))
        #expect(Self.first(state).hasPrefix("held: p goes on"))
        for (width, height) in Self.sizes {
            #expect(render(state, theme: .roles, width: width, height: height).text.contains("held: p goes on"))
        }
        #expect(Scenario.press(&state, "p").requests.map(\.command) == [.resume])
        Scenario.send(&state, .resumed(step: 13))
        #expect(!Self.first(state).contains("held"))

        Scenario.send(&state, .opened(Scenario.run(.head, phase: "task B after task A")))
        Scenario.send(&state, .paused(step: 0))
        #expect(Self.first(state).hasPrefix("held: p goes on"))
    }

    @Test("The run from random weights lies behind task B, and behind no other")
    func behind() {
        let state = Self.inTaskB()
        #expect(state.charts.others.map(\.name) == ["from random weights"])
        #expect(state.charts.others.first?.validationAccuracy.last == 0.55)
        var learned = DashboardState(glyphs: .unicode)
        Self.play(&learned, .taskA, .full, phase: "task A: shapes, textures", accuracy: 0.7)
        Self.finish(&learned, 0.7)
        Self.play(&learned, .fromRandom, .full, phase: "task B from random weights", accuracy: 0.55)
        #expect(learned.charts.others.isEmpty)
    }

    @Test("The last screen has both curves on one chart, one sentence and what to press, at every size")
    func lastScreen() {
        let state = Self.atTheEnd()
        for (width, height) in Self.sizes {
            let frame = render(state, theme: .roles, width: width, height: height)
            RobustnessTests.check(frame, width, height, .unicode)
            let lines = frame.text.split(separator: "\n").map(String.init)
            let title = lines.first { $0.contains("Accuracy ─") || $0.contains("accuracy ─") } ?? ""
            #expect(title.contains("85.0%") && title.contains("1") && title.contains("55.0%"), "\(width)×\(height)")
            #expect(
                frame.text.contains("Cats or dogs from 32 pictures: 85.0% after task A, 55.0% from random weights"),
                "\(width)×\(height)")
            #expect(frame.text.contains("next: press q, then frostline train FOLDER"))
            // The axis holds both curves.
            #expect(lines.contains { $0.contains("●") })
            #expect(!lines.contains { $0.contains("►") && $0.contains("…") })
        }
    }

    @Test("Phases and hints are whole at 80 columns", arguments: [StoryReport.Act.taskA, .fromRandom, .taskB])
    func titles(act: StoryReport.Act) {
        let phase =
            switch act {
            case .taskA: "task A: shapes, textures"
            case .fromRandom: "task B from random weights"
            default: "task B after task A"
            }
        var state = DashboardState(glyphs: .unicode)
        Self.play(&state, act, act == .taskB ? .head : .full, phase: phase, accuracy: 0.5, epochs: 1)
        let lines = render(state, theme: .roles, width: 80, height: 24).text.split(separator: "\n").map(String.init)
        #expect(lines.first?.contains(phase) == true)
        #expect(lines.contains { $0.contains("►") && !$0.contains("…") })
    }

    @Test("Outside of the demonstration no line is told")
    func otherRuns() {
        #expect(Scenario.middle(glyphs: .unicode).storyTexts.isEmpty)
    }

    @Test("Spoken, the story ends with its sentence")
    func narrated() {
        let state = Self.atTheEnd()
        var narrator = Narrator()
        let words = narrator.sentences(for: Self.story(.end, after: 0.85, random: 0.55), state, now: 0)
        #expect(words == ["Cats or dogs from 32 pictures: 85.0% after task A, 55.0% from random weights."])
    }
}
