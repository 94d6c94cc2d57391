import Dashboard
import TUI
import Testing
import TrainingEvents

@Suite struct RanksHeaderTests {
    private static func header(_ report: RanksReport?, width: Int) -> String {
        var state = Scenario.middle(glyphs: .unicode)
        if let report { Scenario.send(&state, .ranks(report)) }
        let frame = render(state, theme: .builtIn, width: width, height: 30)
        RobustnessTests.check(frame, width, 30, .unicode)
        return String(frame.text.split(separator: "\n", omittingEmptySubsequences: false)[0])
    }

    @Test func `the header says how many ranks there are, where, and which is slowest`() {
        let report = RanksReport(hosts: ["a", "a", "b", "b"], waits: [0.031, 0.004, 0.02, 0.03])
        let wide = Self.header(report, width: 200)
        #expect(wide.contains("4 ranks on 2 hosts") && wide.contains("slowest 1, 27 ms"), "\(wide)")
        for width in [80, 120] { #expect(Self.header(report, width: width).contains("4 ranks on 2 hosts")) }
    }

    @Test func `one process says nothing of ranks`() {
        #expect(!Self.header(nil, width: 200).contains("rank"))
        #expect(Self.header(RanksReport(hosts: ["a"], waits: [0]), width: 200).contains("1 rank on 1 host"))
    }
}
