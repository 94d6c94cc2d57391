import Network
import TUI
import Dashboard
import Testing
import TrainingEvents

@Suite("A hundred thousand random actions")
struct RandomTests {
    static let keys: [Key] =
        [
            .up, .down, .left, .right, .home, .end, .pageUp, .pageDown, .enter, .escape, .tab, .backspace, .delete,
            .control("l"), .control("u"), .control("r"), .control("z"), .character("é"), .character("猫"),
            .character("\u{7}"),
        ] + " 0123abfghijklmnopstuvxyzGHLMNVZ?:[]/+-.<>*".map { .character($0) }

    static let lines = [
        "freeze layer3", "thaw *", "goto layer4.1", "unfold-all", "fold-all", "theme night", "smoothing light",
        "scale linear", "axis steps", "zoom 3 9", "zoom -1e300 1e300", "cursor 99999999999", "glyphs block",
        "mouse off", "mouse on", "layers 77", "layers 0", "pause", "log", "zoom-in", "strategy-head",
    ]

    /// One of the things that can happen, as likely as it is in an hour of work and worse.
    static func action(_ number: Int, _ generator: inout Generator) -> [DashboardAction] {
        switch Int.random(in: 0..<40, using: &generator) {
        case 0..<20: return [.key(generator.pick(keys))]
        case 20..<24:
            return [
                .mouse(
                    MouseEvent(
                        generator.pick(MouseEvent.Kind.allCases),
                        x: Int.random(in: -2...220, using: &generator), y: Int.random(in: -2...70, using: &generator)))
            ]
        case 24:
            return [
                .resized(
                    width: Int.random(in: -1...400, using: &generator),
                    height: Int.random(in: -1...120, using: &generator))
            ]
        case 25:
            let line = generator.pick(lines)
            return [.key(.escape), .key(.escape), .key(.character(":"))] + line.map { .key(.character($0)) }
                + [.key(.enter)]
        case 26 where number % 20 == 0:
            return [
                .event(
                    .opened(
                        Scenario.run(
                            generator.pick(Strategy.allCases),
                            epochs: generator.pick([0, 1, 10, -3, Int.max]))))
            ]
        case 26, 27:
            return [
                .event(
                    Scenario.freeze(
                        number, Scenario.names.filter { _ in Bool.random(using: &generator) }, frostLine: "layer2.0"))
            ]
        case 28: return [.event(.epoch(epoch(number)))]
        case 29: return [.event(Bool.random(using: &generator) ? .paused(step: number) : .resumed(step: number))]
        case 30: return [.event(.warning("w\u{1B}[31m\(number)"))]
        case 31: return [.event(.saved(SaveReport(step: number, path: "runs/猫")))]
        case 32 where number % 50 == 0: return [.requestStop]
        case 33 where number % 50 == 0: return [.jobEnded]
        case 34 where number % 50 == 0: return [.event(.failed("no room"))]
        case 35 where number % 2 == 0:
            let odd: Double? = generator.pick([nil, nil, .nan, .infinity, -1, 1e300])
            return [.event(.probe(WorthTests.report(step: number, odd: odd)))]
        case 35:
            let choices: [AutoDecision.Choice] = [.begins, .thaws, .keeps, .takesBack, .lowers, .rests, .ends]
            let decision = AutoDecision(
                generator.pick(choices), step: number, group: "layer4.\u{1B}1", text: "猫 \(number)")
            return [.event(.decision(decision))]
        default:
            var step = Scenario.step(number % 5000 + 1, trainable: ["fc.weight", "fc.bias", "layer4.1.conv1.weight"])
            if number % 11 == 0 { step.loss = generator.pick([.nan, .infinity, -1, 0, 1e300]) }
            if number % 997 == 0 { step.step = generator.pick([Int.max, Int.min, 0, 1 << 50]) }
            if number % 991 == 0 { step.stepsPerEpoch = generator.pick([Int.max, 0, -5]) }
            return [.event(.step(step))]
        }
    }

    static func epoch(_ number: Int) -> EpochReport {
        EpochReport(
            epoch: number, step: number % 5000, training: Score(loss: 1, accuracy: 1),
            validation: Score(loss: number % 3 == 0 ? .nan : 0.4, accuracy: 0.5), seconds: 1, isBest: false)
    }

    static func fresh(_ glyphs: GlyphSet) -> DashboardState {
        var state = DashboardState(glyphs: glyphs)
        state.apply(
            Configuration(),
            themes: ["frost", "night"].map { NamedTheme(name: $0, summary: "", theme: .builtIn) }, errors: [])
        _ = Dashboard.update(&state, .event(.opened(Scenario.run())))
        return state
    }

    @Test("No action traps or leaves a state that contradicts itself, and frames stay whole")
    func noTrap() {
        var generator = Generator(seed: 23)
        var state = Self.fresh(.unicode)
        var size = (120, 40)
        for number in 1...100_000 {
            let actions = Self.action(number, &generator)
            for action in actions {
                if case .resized(let width, let height) = action { size = (width, height) }
                _ = Dashboard.update(&state, action)
            }
            if let contradiction = state.contradiction {
                Issue.record("after \(number) actions, the last \(actions): \(contradiction)")
                return
            }
            if number % 40 == 0 {
                let (width, height) = (max(0, size.0), max(0, size.1))
                // Not the size that the state knows, now and then: the terminal's signal may still be under way.
                let other = number % 400 == 0 ? (80, 24) : (width, height)
                RobustnessTests.check(
                    render(state, theme: state.settings.theme, width: other.0, height: other.1), other.0, other.1,
                    state.settings.glyphs)
            }
            if (state.run.isStopping || state.run.isFinished) && number % 60 == 0 || number % 5000 == 0 {
                state = Self.fresh(generator.pick(GlyphSet.allCases))
                _ = Dashboard.update(&state, .resized(width: size.0, height: size.1))
            }
        }
    }

    @Test("Whatever is pressed, answered, refused or changed without a key, no mark outlives its command")
    func marks() {
        var generator = Generator(seed: 31)
        let keys: [Key] =
            [.up, .down, .left, .right, .enter, .escape, .pageDown, .home, .control("r"), .tab]
            + "      VVab123uusn/f.vgGp+bnl".map { .character($0) }
        for round in 0..<200 {
            var state = Scenario.opened()
            var engine = FakeEngine(trainable: Strategy.partial.trainable(of: Scenario.names))
            func holds() -> Bool { state.layers.frozen == Scenario.names.map { !engine.trainable.contains($0) } }
            for _ in 0..<60 {
                switch Int.random(in: 0..<10, using: &generator) {
                case 0..<6: engine.take(Scenario.press(&state, generator.pick(keys)))
                case 6, 7: engine.answer(&state)
                case 8: engine.answer(&state, refusing: true)
                default:
                    let names = Scenario.names.filter { _ in Bool.random(using: &generator) }
                    engine.change(to: Set(names), &state)
                }
                guard holds() else {
                    Issue.record("round \(round): another mask is shown than the engine's")
                    return
                }
                let isMarked = Scenario.names.indices.contains {
                    state.layers.pending.changes($0, from: state.layers.frozen[$0])
                }
                if !engine.hasUnanswered, isMarked || !state.layers.pending.isEmpty {
                    Issue.record("round \(round): a mark without a command")
                    return
                }
            }
            // What was foretold is what comes, where nothing else changes the mask meanwhile.
            let foretold = Scenario.names.indices.map { state.layers.pending.wanted($0) ?? state.layers.frozen[$0] }
            engine.answerAll(&state)
            #expect(state.layers.frozen == foretold && state.layers.pending.isEmpty, "round \(round)")
            for _ in 0..<4 { Scenario.press(&state, .escape) }
            let screen = render(state, theme: .builtIn, width: 120, height: 90).text
            #expect(!screen.contains("[…]") && !screen.contains("saving…"), "round \(round)")
        }
    }
}
