import Network
import TUI
import Dashboard
import Testing
import TrainingEvents

@Suite("Keys and the engine's answers")
struct KeyTests {
    let size = (width: 120, height: 40)

    func screen(_ state: DashboardState) -> String {
        render(state, theme: .builtIn, width: size.width, height: size.height).text
    }

    func row(_ state: DashboardState, _ label: String) -> String {
        screen(state).split(separator: "\n").first { $0.contains("] \(label) ") }.map(String.init) ?? ""
    }

    @Test("q asks the engine to stop, says so, and leaves when the job has ended")
    func quit() {
        var state = Scenario.middle(glyphs: .unicode)
        #expect(Scenario.press(&state, .character("q")) == [.engine(.stop)])
        #expect(state.run.isStopping)
        #expect(screen(state).contains("finishing the step, saving…"))
        #expect(Scenario.press(&state, .character("q"), .character(" "), .character("1")) == [])
        Scenario.send(
            &state,
            .finished(
                RunSummary(
                    steps: 167, epochs: 3, stopped: true, seconds: 1, bestEpoch: nil, best: nil, last: nil, output: nil)
            ))
        #expect(!state.run.isFinished)
        #expect(update(&state, .jobEnded) == [.leave])
        #expect(state.run.isFinished)
    }

    @Test("A signal is answered like q, and a second one leaves at once")
    func signals() {
        for second in [DashboardAction.requestStop, .key(.control("c"))] {
            var state = Scenario.opened()
            #expect(update(&state, .requestStop) == [.engine(.stop)])
            #expect(update(&state, second) == [.leave])
        }
    }

    @Test("A job that ends by itself stays on the screen until q")
    func finished() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.send(
            &state,
            .finished(
                RunSummary(
                    steps: 630, epochs: 10, stopped: false, seconds: 300, bestEpoch: 4, best: nil, last: nil,
                    output: nil)))
        #expect(update(&state, .jobEnded) == [])
        #expect(state.run.isFinished)
        #expect(screen(state).contains("finished · q quits"))
        #expect(Scenario.press(&state, .character(" ")) == [])
        #expect(Scenario.press(&state, .character("q")) == [.leave])
    }

    @Test("A failed job leaves at once")
    func failed() {
        var state = Scenario.opened()
        Scenario.send(&state, .failed("disk full"))
        #expect(update(&state, .jobEnded) == [.leave])
    }

    @Test("^Z suspends and ^L redraws, also while a pattern is typed")
    func terminalKeys() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("f"))
        #expect(Scenario.press(&state, .control("z"), .control("l")) == [.suspend, .redraw])
    }

    @Test("Space freezes what trains, and is pending until the engine answers")
    func pending() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("G"))
        let first = Scenario.press(&state, .character(" "))
        #expect(first.commands == [.setFrozen(["fc.weight", "fc.bias"], true)])
        #expect(row(state, "fc").contains("[…]"))
        // Pressed again before the answer, it takes the first back.
        let second = Scenario.press(&state, .character(" "))
        #expect(second.commands == [.setFrozen(["fc.weight", "fc.bias"], false)])
        let layer4 = Scenario.names.filter { $0.hasPrefix("layer4.") }
        Scenario.send(&state, Scenario.freeze(2, layer4, frostLine: "layer4.0", answers: first))
        #expect(row(state, "fc").contains("[…]"))
        Scenario.send(
            &state, Scenario.freeze(3, layer4 + ["fc.weight", "fc.bias"], frostLine: "layer4.0", answers: second))
        #expect(row(state, "fc").contains("[ ]"))
    }

    @Test("A partly frozen group freezes first, a wholly frozen one thaws")
    func toggleGroup() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("g"))
        #expect(Scenario.press(&state, .character(" ")).commands == [.setFrozen(["conv1.weight"], false)])
        Scenario.send(
            &state, Scenario.freeze(1, Scenario.names.filter { $0.hasPrefix("layer4.1") }, frostLine: "layer4.1"))
        for _ in 0..<11 { Scenario.press(&state, .down) }
        #expect(row(state, "layer4").contains("[~]"))
        guard case .setFrozen(let names, let frozen)? = Scenario.press(&state, .character(" ")).commands.first else {
            Issue.record("space sent nothing")
            return
        }
        #expect(frozen)
        #expect(names == Scenario.names.filter { $0.hasPrefix("layer4.") })
    }

    @Test("1, 2 and 3 send the strategies, and only rows that would change are pending")
    func strategies() {
        var state = Scenario.opened()
        let head = Scenario.press(&state, .character("1"))
        #expect(head.commands == [.mask(trainable: ["fc.weight", "fc.bias"])])
        #expect(row(state, "layer4").contains("[…]"))
        #expect(row(state, "conv1").contains("[❄]"))
        #expect(row(state, "fc").contains("[ ]"))
        Scenario.send(&state, Scenario.freeze(5, ["fc.weight", "fc.bias"], frostLine: "fc", answers: head))
        #expect(row(state, "layer4").contains("[❄]"))
        #expect(screen(state).contains(" head "))
        #expect(
            Scenario.press(&state, .character("2"), .character("3")).commands == [
                .mask(trainable: Strategy.partial.trainable(of: Scenario.names)), .mask(trainable: Scenario.names),
            ])
    }

    @Test("The first mask of a run answers no command that was sent before it")
    func earlyCommand() {
        var state = DashboardState(glyphs: .unicode)
        Scenario.send(&state, .opened(Scenario.run(.full)))
        let head = Scenario.press(&state, .character("1"))
        Scenario.send(&state, Scenario.freeze(1, Scenario.names, frostLine: "conv1"))
        #expect(row(state, "layer4").contains("[…]"))
        Scenario.send(&state, Scenario.freeze(1, ["fc.weight", "fc.bias"], frostLine: "fc", answers: head))
        #expect(row(state, "layer4").contains("[❄]"))
    }

    @Test("A mask that no key asked for, as --thaw sends it at an epoch's beginning, answers none")
    func unasked() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("G"), .character(" "))
        let trainable = Scenario.names.filter { $0.hasPrefix("layer3.1") || Strategy.partial.trains($0) }
        Scenario.send(&state, Scenario.freeze(64, trainable, frostLine: "layer3.1"))
        #expect(row(state, "fc").contains("[…]"))
        #expect(!row(state, "layer3").contains("[…]"))
    }

    @Test("A command that is refused is not pending any more, and the reason is logged")
    func refusal() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("G"))
        let (first, second) = (Scenario.press(&state, .character(" ")), Scenario.press(&state, .character("s")))
        #expect(screen(state).contains("saving…"))
        func refuse(_ reason: String, _ id: CommandID?) {
            Scenario.send(&state, .refused(reason: reason, answers: id))
        }
        refuse("another's", CommandID(client: 1, number: 1))
        #expect(row(state, "fc").contains("[…]") && screen(state).contains("saving…"))
        refuse("this run keeps no files", second.requests[0].id)
        #expect(row(state, "fc").contains("[…]") && !screen(state).contains("saving…"))
        #expect(screen(state).contains("this run keeps no files"))
        refuse("no", first.requests[0].id)
        #expect(row(state, "fc").contains("[ ]"))
    }

    @Test("p pauses, and resumes once the engine has paused")
    func pause() {
        var state = Scenario.middle(glyphs: .unicode)
        #expect(Scenario.press(&state, .character("p"), .character("p")) == [.engine(.pause)])
        Scenario.send(&state, .paused(step: 167))
        #expect(screen(state).contains("paused"))
        #expect(screen(state).contains("p resume"))
        #expect(Scenario.press(&state, .character("p")) == [.engine(.resume)])
        Scenario.send(&state, .resumed(step: 167))
        #expect(!screen(state).contains("paused"))
        #expect(Scenario.press(&state, .character("s")).commands == [.save])
    }

    @Test("Groups fold and unfold, and the cursor goes to the parent")
    func folds() {
        var state = Scenario.opened()
        Scenario.press(&state, .down)
        #expect(!screen(state).contains("] weight"))
        Scenario.press(&state, .right)
        #expect(screen(state).contains("] weight"))
        Scenario.press(&state, .right, .left)
        #expect(row(state, "bn1").contains("▌"))
        Scenario.press(&state, .left)
        #expect(!screen(state).contains("] weight"))
        Scenario.press(&state, .enter)
        #expect(screen(state).contains("] weight"))
    }

    @Test("Enter on a parameter shows and hides what is known of it")
    func inspector() {
        var state = Scenario.opened()
        Scenario.press(&state, .enter)
        #expect(screen(state).contains("64×3×7×7"))
        #expect(screen(state).contains("from the start"))
        Scenario.press(&state, .enter)
        #expect(!screen(state).contains("64×3×7×7"))
    }

    @Test("A new run resets charts and steps, and keeps the cursor and the folds")
    func newRun() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.press(&state, .down, .right, .down)
        Scenario.send(&state, .opened(Scenario.run(.head, phase: "task B: drawn animals")))
        #expect(screen(state).contains("waiting for the first step"))
        #expect(screen(state).contains("task B: drawn animals"))
        #expect(row(state, "weight").contains("▌"))
        #expect(!screen(state).contains("verified"))
    }

    @Test("The pattern prompt counts live, switches with tab, sends with enter, and escape gives it up")
    func prompt() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("f"))
        Scenario.type(&state, "layer4q")
        #expect(screen(state).contains("0 of 62"))
        #expect(Scenario.press(&state, .enter) == [])
        Scenario.press(&state, .backspace)
        #expect(screen(state).contains("15 of 62"))
        Scenario.press(&state, .tab)
        #expect(screen(state).contains("thaw names matching: layer4"))
        Scenario.press(&state, .tab)
        let layer4 = Scenario.names.filter { $0.hasPrefix("layer4.") }
        #expect(Scenario.press(&state, .enter).commands == [.setFrozen(layer4, true)])
        #expect(row(state, "layer4").contains("[…]"))
        Scenario.press(&state, .character("f"))
        Scenario.type(&state, "q")
        #expect(!state.run.isStopping)
        Scenario.press(&state, .escape)
        #expect(!screen(state).contains("matching"))
    }

    @Test("The help lists every key of the footer")
    func help() {
        var state = Scenario.opened()
        Scenario.press(&state, .character("?"))
        for text in [
            "space", "1 2 3", "PgUp PgDn", "^Z ^L", "finish the step, save and leave", "smoothing: off, light, strong",
        ] {
            #expect(screen(state).contains(text))
        }
        #expect(Scenario.press(&state, .character("q")) == [])
        #expect(!screen(state).contains("PgUp"))
    }

    @Test("Frozen bits that changed are an error in sight")
    func brokenProof() {
        var state = Scenario.opened()
        Scenario.send(&state, .proof(FreezeProof(step: 63, tensorCount: 45, broken: ["conv1.weight"])))
        #expect(screen(state).contains("FROZEN BITS CHANGED at step 63"))
        #expect(screen(state).contains("frozen bits changed: conv1.weight"))
    }
}
