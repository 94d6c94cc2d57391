import Network
import TUI
import Dashboard
import Testing
import TrainingEvents

@Suite("Keys that help to decide")
struct DecisionKeyTests {
    func screen(_ state: DashboardState) -> String {
        render(state, theme: .builtIn, width: 120, height: 40).text
    }

    func row(_ state: DashboardState, _ label: String) -> String {
        screen(state).split(separator: "\n").first { $0.contains("] \(label) ") }.map(String.init) ?? ""
    }

    @Test("Undo returns to the very mask before, redo to the one after")
    func undo() {
        var state = Scenario.opened()
        var engine = FakeEngine(trainable: Scenario.names.filter(Strategy.partial.trains))
        // Nothing to undo yet.
        #expect(Scenario.press(&state, .character("u")) == [])
        var masks = [engine.trainable]
        func press(_ keys: Key...) {
            for key in keys { engine.take(Scenario.press(&state, key)) }
            engine.answerAll(&state)
        }
        press(.character("1"))
        masks.append(engine.trainable)
        // A partly frozen group, which no single freeze or thaw could bring back.
        press(.character("f"))
        Scenario.type(&state, "layer2.*.bn?.weight")
        press(.tab, .enter)
        masks.append(engine.trainable)
        press(.character("3"))
        masks.append(engine.trainable)
        press(.character("G"), .character(" "))
        masks.append(engine.trainable)
        for mask in masks.dropLast().reversed() {
            press(.character("u"))
            #expect(engine.trainable == mask)
        }
        #expect(Scenario.press(&state, .character("u")) == [])
        for mask in masks.dropFirst() {
            press(.control("r"))
            #expect(engine.trainable == mask)
        }
        #expect(Scenario.press(&state, .control("r")) == [])
        // A new change leaves nothing to redo.
        press(.character("u"), .character("1"))
        #expect(Scenario.press(&state, .control("r")) == [])
    }

    @Test("Whatever is pressed, and whenever the engine answers, undo ends at the first mask and redo at the last")
    func random() {
        var generator = Generator(seed: 11)
        let keys: [Key] =
            [.up, .down, .left, .right, .enter, .escape, .pageDown, .home, .control("r"), .tab]
            + "   VVab123unNuH+-M/f.vgG?x4bnl".map { .character($0) }
        for round in 0..<20 {
            var state = Scenario.opened()
            var engine = FakeEngine(trainable: Scenario.names.filter(Strategy.partial.trains))
            let first = engine.trainable
            for number in 0..<500 {
                engine.take(Scenario.press(&state, keys.randomElement(using: &generator)!))
                if number % 25 == 0 {
                    RobustnessTests.check(render(state, theme: .builtIn, width: 90, height: 28), 90, 28, .unicode)
                }
                if Bool.random(using: &generator) { engine.answer(&state) }
            }
            // Out of whatever is open.
            for _ in 0..<4 { engine.take(Scenario.press(&state, .escape)) }
            engine.answerAll(&state)
            // To the newest mask, back to the oldest, and forth again.
            for _ in 0..<600 { engine.take(Scenario.press(&state, .control("r"))) }
            engine.answerAll(&state)
            let last = engine.trainable
            for _ in 0..<600 { engine.take(Scenario.press(&state, .character("u"))) }
            engine.answerAll(&state)
            #expect(engine.trainable == first, "round \(round)")
            for _ in 0..<600 {
                engine.take(Scenario.press(&state, .control("r")))
                engine.answer(&state)
            }
            engine.answerAll(&state)
            #expect(engine.trainable == last, "round \(round)")
            #expect(!screen(state).contains("[…]"))
        }
    }

    @Test("V and a move select rows, and space toggles them together")
    func range() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("g"), .character("V"), .down)
        #expect(screen(state).contains("2 rows"))
        let effects = Scenario.press(&state, .character(" "))
        #expect(effects.commands == [.setFrozen(["conv1.weight", "bn1.weight", "bn1.bias"], false)])
        #expect(!screen(state).contains("2 rows"))
        // From below upwards it is the same, and escape gives it up.
        Scenario.press(&state, .character("V"), .up)
        #expect(screen(state).contains("2 rows"))
        Scenario.press(&state, .escape)
        #expect(!screen(state).contains("2 rows"))
        // A mixed range freezes first.
        var other = Scenario.opened()
        Scenario.press(&other, .character("G"), .character("V"), .character("g"))
        guard case .setFrozen(let names, true)? = Scenario.press(&other, .character(" ")).commands.first else {
            Issue.record("not frozen")
            return
        }
        #expect(names == Scenario.names)
    }

    @Test("a and b freeze or thaw everything above and below the row")
    func beyond() {
        var state = Scenario.opened(.full)
        Scenario.press(&state, .character("/"))
        Scenario.type(&state, "layer3")
        Scenario.press(&state, .enter)
        let above = Scenario.names.filter { !$0.hasPrefix("layer3") && !$0.hasPrefix("layer4") && !$0.hasPrefix("fc") }
        #expect(Scenario.press(&state, .character("a")).commands == [.setFrozen(above, true)])
        // They are frozen already as far as the screen shows.
        #expect(Scenario.press(&state, .character("a")).commands == [.setFrozen(above, false)])
        let below = Scenario.names.filter { $0.hasPrefix("layer4") || $0.hasPrefix("fc") }
        #expect(Scenario.press(&state, .character("b")).commands == [.setFrozen(below, true)])
        Scenario.press(&state, .character("g"))
        #expect(Scenario.press(&state, .character("a")) == [])
        #expect(screen(state).contains("nothing is above this row"))
    }

    @Test("Search finds rows while one types, n and N go on, escape returns")
    func search() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("G"), .character("/"))
        Scenario.type(&state, "bn2")
        #expect(screen(state).contains("8 rows"))
        #expect(row(state, "bn2").contains("▌"))
        Scenario.press(&state, .enter, .character("n"))
        #expect(row(state, "bn2").contains("▸"))
        #expect(screen(state).contains("Gradient norm · layer1.1.bn2"))
        Scenario.press(&state, .character("N"), .character("N"))
        #expect(screen(state).contains("Gradient norm · layer4.1.bn2"))
        Scenario.press(&state, .character("/"))
        Scenario.type(&state, "conv1.weigh")
        Scenario.press(&state, .escape)
        #expect(screen(state).contains("Gradient norm · layer4.1.bn2"))
        Scenario.press(&state, .character("/"))
        Scenario.type(&state, "nothing like it")
        #expect(screen(state).contains("0 rows"))
    }

    @Test("+ and - scale the learning rate, and the header says by how much")
    func rate() {
        var state = Scenario.middle(glyphs: .unicode)
        #expect(
            Scenario.press(&state, .character("+"), .character("-")) == [
                .engine(.scaleLearningRate(by: 1.25)), .engine(.scaleLearningRate(by: 0.8)),
            ])
        Scenario.send(&state, .learningRate(LearningRateReport(step: 168, factor: 1.25, rate: 1.25e-3)))
        let text = render(state, theme: .builtIn, width: 200, height: 60).text
        #expect(text.contains("×1.25"))
        #expect(text.contains("learning rate 1.25e-3 from step 168"))
        #expect(text.contains("rate 1.25e-3"))
    }

    @Test("The step, validate and view keys do what the help says, and nothing where no run is live")
    func others() {
        var state = Scenario.middle(glyphs: .unicode)
        #expect(
            Scenario.press(&state, .character("."), .character("v")) == [.engine(.stepOnce), .engine(.validate)])
        Scenario.press(&state, .character("H"))
        #expect(screen(state).contains("Gradient norm by layer"))
        Scenario.press(&state, .character("H"))
        #expect(screen(state).contains("Update to weight by layer"))
        Scenario.press(&state, .character("M"))
        #expect(screen(state).contains("Mistakes"))
        Scenario.press(&state, .escape)
        #expect(screen(state).contains("╭ Loss"))
        state.run.tie = .readOnly
        for key in " 123fuVab+-.vps".map({ Key.character($0) }) { #expect(Scenario.press(&state, key) == []) }
        #expect(Scenario.press(&state, .character("q")) == [.detach, .leave])
    }

    @Test(
        "The inspector asks for the parameter under the cursor, for another when it moves, and for none when it closes")
    func inspector() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("g"))
        #expect(Scenario.press(&state, .enter) == [.engine(.inspect(["conv1.weight"]))])
        #expect(Scenario.press(&state, .down) == [.engine(.inspect([]))])
        #expect(Scenario.press(&state, .right, .down) == [.engine(.inspect(["bn1.weight"]))])
        #expect(Scenario.press(&state, .enter) == [.engine(.inspect([]))])
    }
}
