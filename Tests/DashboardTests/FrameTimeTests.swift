import TUI
import Dashboard
import Foundation
import Testing
import TrainingEvents

/// How long frames and events take, by `make frame-time`: a clock has no place among tests that run beside others.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["TIMED_TESTS"] == "1"))
struct FrameTimeTests {
    /// Every view after 4000 steps, with the pictures, the costs and the inspection that fill it.
    static func state(_ keys: [Key], width: Int, height: Int) -> DashboardState {
        var state = Scenario.middle(glyphs: .unicode, steps: 4000)
        Scenario.send(
            &state, .costs(DecisionScenario.costs()),
            .mistakes(DecisionScenario.mistakes(actual: [130, 122], matrix: [121, 9, 14, 108])),
            .inspection(DecisionScenario.inspection))
        _ = update(&state, .resized(width: width, height: height))
        for key in keys { _ = update(&state, .key(key)) }
        return state
    }

    static let screens = FrameTests.screens + [("heat", [.character("H")]), ("mistakes", [.character("M")])]

    @Test func `no view takes longer than 16 ms, at three sizes`() {
        let clock = ContinuousClock()
        print("ms a frame, median and longest of 200 after 4000 steps")
        for (width, height) in FrameTests.sizes {
            for (name, keys) in Self.screens {
                let state = Self.state(keys, width: width, height: height)
                let times = (0..<200).map { _ in
                    clock.measure { _ = render(state, theme: state.settings.theme, width: width, height: height) }
                        / .milliseconds(1)
                }.sorted()
                let (median, longest) = (times[times.count / 2], times[times.count - 1])
                print(String(format: "%3d×%d %6.2f %6.2f  ", width, height, median, longest) + name)
                // What the plain view has kept at the middle size since there is one.
                if name == "middle", width == 120 { #expect(times[0] < 4) }
                #expect(longest < 16, "\(name) at \(width)×\(height)")
            }
        }
    }

    @Test func `a step is taken in within a tenth of a millisecond`() {
        var state = Self.state([], width: 120, height: 40)
        let clock = ContinuousClock()
        let times = (1...1000).map { number in
            let step = TrainingEvent.step(Scenario.step(4000 + number, trainable: Scenario.names))
            return clock.measure { _ = update(&state, .event(step)) } / .milliseconds(1)
        }.sorted()
        print(String(format: "ms a step's event: median %.3f, longest %.3f", times[500], times[999]))
        #expect(times[500] < 0.1)
    }
}
