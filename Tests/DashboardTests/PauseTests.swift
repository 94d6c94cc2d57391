import TUI
import Dashboard
import Testing
import TrainingEvents

@Suite("What stopped the run stays in view")
struct PauseTests {
    private static let problem =
        "runs/cats-dogs/state.safetensors: cannot be written: No space left on device. Free some space or choose another "
        + "folder."

    /// Paused by a full disk, with notices after it.
    private static func paused(_ glyphs: GlyphSet = .unicode) -> DashboardState {
        var state = Scenario.middle(glyphs: glyphs)
        Scenario.send(
            &state, .warning(problem + " The last good files stay."),
            .paused(step: 167, reason: .saveFailed(.diskFull, message: problem)),
            .notice("a picture could not be read"), .learningRate(LearningRateReport(step: 168, factor: 1, rate: 1e-3)))
        return state
    }

    private static func lines(_ state: DashboardState) -> [Substring] {
        render(state, theme: .builtIn, width: 100, height: 30).text.split(
            separator: "\n", omittingEmptySubsequences: false)
    }

    @Test("A full disk is named in the header and the status line until the run goes on, as recorded")
    func diskFull() throws {
        var state = Self.paused()
        try FrameTests.expect(render(state, theme: .roles, width: 100, height: 30), "paused-disk-full-100x30")
        for (width, height) in FrameTests.sizes {
            RobustnessTests.check(
                render(state, theme: .builtIn, width: width, height: height), width, height, .unicode)
        }
        Scenario.send(&state, .paused(step: 167, reason: .requested))
        #expect(Self.lines(state)[0].contains("paused: disk full"))
        #expect(Self.lines(state)[28].contains("No space left"))
        Scenario.send(&state, .resumed(step: 168))
        #expect(!Self.lines(state)[0].contains("paused"))
        #expect(!Self.lines(state)[28].contains("No space left"))
    }

    @Test("Each reason is named in the header", arguments: WriteFailure.allCases)
    func reasons(failure: WriteFailure) {
        var state = Scenario.middle(glyphs: .ascii)
        Scenario.send(&state, .paused(step: 167, reason: .saveFailed(failure, message: "m")))
        #expect(Self.lines(state)[0].contains("paused: " + failure.rawValue))
    }

    @Test("A pause that was asked for needs no reason, and one after a loss that is not finite has one")
    func others() {
        var state = Scenario.middle(glyphs: .ascii)
        Scenario.send(&state, .paused(step: 167))
        #expect(Self.lines(state)[0].contains("paused ") && !Self.lines(state)[0].contains("paused:"))
        Scenario.send(&state, .resumed(step: 168), .paused(step: 168, reason: .lossNotFinite))
        #expect(Self.lines(state)[0].contains("paused: loss not finite"))
    }

    @Test("An error is not overwritten by notices until the run goes on")
    func errors() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.send(
            &state, .notFinite(NotFiniteReport(step: 168, weightsOfStep: 150)),
            .paused(step: 167, reason: .lossNotFinite), .notice("something else"),
            .saved(SaveReport(step: 167, path: "runs/cats-dogs", bestStep: 126)))
        #expect(Self.lines(state)[28].contains("the loss of step 168"))
        Scenario.send(&state, .resumed(step: 168))
        #expect(Self.lines(state)[28].contains("goes on"))
    }

    @Test("The run in sentences names the reason, when it pauses and when it is asked where it stands")
    func narrated() {
        var state = Self.paused(.ascii)
        var narrator = Narrator()
        let pause = TrainingEvent.paused(step: 167, reason: .saveFailed(.diskFull, message: Self.problem))
        #expect(narrator.sentences(for: pause, state, now: 0) == ["Paused after step 167: disk full."])
        #expect(state.handle("status").answer.first?.hasSuffix(". Paused: disk full.") == true)
        let saved = TrainingEvent.saved(SaveReport(step: 167, path: "runs/a", bestStep: 126))
        #expect(
            narrator.sentences(for: saved, state, now: 1)
                == ["Saved step 167 in runs/a, and the best weights, of step 126."])
    }

    @Test("Best weights of an earlier step are named with their own")
    func olderBest() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.send(&state, .saved(SaveReport(step: 167, path: "runs/cats-dogs", bestStep: 126)))
        #expect(Self.lines(state)[28].contains("at step 167, and the best weights, of step 126"))
    }
}
