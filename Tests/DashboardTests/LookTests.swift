import TUI
import Dashboard
import Foundation
import Testing
import TrainingEvents

@Suite("Panes, palette, mouse")
struct LookTests {
    static func state(_ width: Int = 120, _ height: Int = 40) -> DashboardState {
        var state = Scenario.middle(glyphs: .unicode)
        state.apply(
            Configuration(),
            themes: ["frost", "night", "paper"].map { NamedTheme(name: $0, summary: "", theme: .builtIn) }, errors: [])
        _ = update(&state, .resized(width: width, height: height))
        return state
    }

    static func screen(_ state: DashboardState, _ width: Int = 120, _ height: Int = 40) -> String {
        render(state, theme: state.settings.theme, width: width, height: height).text
    }

    static func line(_ state: inout DashboardState, _ text: String) -> [DashboardEffect] {
        _ = update(&state, .key(.character(":")))
        Scenario.type(&state, text)
        return update(&state, .key(.enter))
    }

    // MARK: Layout

    @Test("Panes go in the order that is stated, and none is clipped, at every size up to 400×120")
    func layout() {
        for width in Array(60...200) + [300, 400] {
            for height in Array(15...70) + [120] {
                for log in [false, true] {
                    guard let layout = Layout(width: width, height: height, layerWidth: nil, showsLog: log) else {
                        Issue.record("no layout at \(width)×\(height)")
                        continue
                    }
                    let charts = Layout.charts(in: layout.right)
                    var cells = layout.layers.width * layout.layers.height
                    cells += charts.reduce(0) { $0 + $1.width * $1.height }
                    if let log = layout.log { cells += log.width * log.height }
                    #expect(cells == width * (height - 3), "\(width)×\(height)")
                    #expect(charts.allSatisfy { $0.height >= 6 && $0.width >= 24 })
                    #expect((layout.log != nil) == (log && height >= 30))
                    if layout.log == nil {
                        #expect(charts.count == (height >= 21 ? 3 : 2), "\(width)×\(height)")
                    }
                }
            }
        }
        #expect(Layout(width: 59, height: 40, layerWidth: nil, showsLog: false) == nil)
        #expect(Layout(width: 80, height: 14, layerWidth: nil, showsLog: false) == nil)
    }

    @Test("Below the least size one line has the step, the loss and how to leave")
    func essentials() {
        for (width, height) in [(59, 15), (40, 3), (60, 1)] {
            let text = Self.screen(Self.state(), width, height)
            #expect(text.contains("step 167  loss 0.216") && text.contains("q quit"), "\(text)")
        }
    }

    // MARK: Keys

    @Test("The status line keeps what the last key did beside what was said last")
    func status() {
        var state = Self.state()
        Scenario.press(&state, .character("t"))
        Scenario.send(&state, .warning("a picture cannot be read"))
        let line = Self.screen(state).split(separator: "\n", omittingEmptySubsequences: false)[38]
        #expect(line.contains("! a picture cannot be read") && line.hasSuffix("theme night (2 of 3)"))
        Scenario.press(&state, .character("t"), .character("t"))
        #expect(Self.screen(state).contains("theme frost (1 of 3)"))
        Scenario.press(&state, .character("G"), .character(" "))
        #expect(Self.screen(state).contains("asked to freeze fc"))
    }

    @Test("L opens the log as a pane, then whole; where there is no room it opens whole")
    func log() {
        var state = Self.state()
        Scenario.press(&state, .character("L"))
        #expect(Self.screen(state).contains("╭ Log ") && Self.screen(state).contains("thawed layer3.1 from step 84 on"))
        #expect(Self.screen(state).contains("╭ Layers"))
        Scenario.press(&state, .character("L"))
        #expect(Self.screen(state).contains("   126 ✓ saved runs/cats-dogs"))
        Scenario.press(&state, .character("L"))
        #expect(!Self.screen(state).contains("╭ Log "))
        var small = Self.state(80, 24)
        Scenario.press(&small, .character("L"))
        #expect(Self.screen(small, 80, 24).contains("╭ Log "))
        Scenario.press(&small, .character("L"))
        #expect(!Self.screen(small, 80, 24).contains("╭ Log "))
    }

    // MARK: Palette

    @Test("The palette completes names and arguments, and runs what has a key by its name too")
    func palette() {
        var state = Self.state()
        Scenario.press(&state, .character(":"))
        Scenario.type(&state, "smo")
        #expect(Self.screen(state).contains("of the charts' lines"))
        Scenario.press(&state, .tab)
        Scenario.type(&state, "str")
        Scenario.press(&state, .tab, .enter)
        #expect(Self.screen(state).contains("smoothing strong, weight 0.95"))
        #expect(Self.line(&state, "pause") == [.engine(.pause)])
        #expect(Self.line(&state, "strategy-full").commands == [.mask(trainable: Scenario.names)])
        let layer1 = Scenario.names.filter { $0.hasPrefix("layer1.") }
        #expect(Self.line(&state, "thaw layer1").commands == [.setFrozen(layer1, false)])
        #expect(Self.line(&state, "theme paper") == [])
        #expect(Self.screen(state).contains("theme paper (3 of 3)"))
        #expect(Self.line(&state, "mouse off") == [.mouse(false)])
        #expect(Self.line(&state, "goto layer2.1.bn2.bias") == [])
        #expect(Self.screen(state).contains("▌    [❄] bias") || Self.screen(state).contains("layer2.1.bn2.bias"))
        #expect(Self.line(&state, "zoom 100 150") == [])
        #expect(Self.screen(state).contains("steps 100 to 150"))
    }

    @Test(
        "What the palette does not understand is said in the status line",
        arguments: [
            ("frobnicate", "no command frobnicate"), ("theme x", "no theme x; there are frost, night, paper"),
            ("freeze", "which layers?"), ("freeze qq", "qq matches no parameter"), ("zoom 5", "zoom needs two steps"),
            ("zoom nan inf", "zoom needs two steps"), ("goto x", "no layer x"), ("layers x", "layers needs a number"),
            ("cursor x", "cursor needs"), ("smoothing x", "smoothing is off, light or strong"),
        ])
    func refusals(line: String, answer: String) {
        var state = Self.state()
        #expect(Self.line(&state, line) == [])
        #expect(Self.screen(state).contains(answer))
    }

    @Test("Tab goes through several completions, and typing goes on from the chosen one")
    func completion() {
        var state = Self.state()
        Scenario.press(&state, .character(":"))
        Scenario.type(&state, "theme ")
        Scenario.press(&state, .tab, .tab)
        #expect(Self.screen(state).contains(":theme night"))
        Scenario.press(&state, .up, .up, .up)
        #expect(Self.screen(state).contains(":theme paper") == false)
        Scenario.press(&state, .control("u"), .backspace)
        #expect(!Self.screen(state).contains("tab complete"))
    }

    // MARK: Mouse

    /// Where a text stands on the screen.
    static func find(_ text: String, in state: DashboardState) -> (x: Int, y: Int)? {
        let frame = render(state, theme: .builtIn, width: 120, height: 40)
        for y in 0..<40 {
            let row = (0..<120).map { frame[$0, y].text.isEmpty ? " " : String(frame[$0, y].text.prefix(1)) }.joined()
            if let range = row.range(of: text) { return (row.distance(from: row.startIndex, to: range.lowerBound), y) }
        }
        return nil
    }

    @Test("A click selects a row, on its box toggles it, on its arrow unfolds it")
    func click() throws {
        var state = Self.state()
        let row = try #require(Self.find("▸ [❄] bn1", in: state))
        #expect(update(&state, .mouse(MouseEvent(.press, x: row.x + 7, y: row.y))) == [])
        #expect(Self.screen(state).split(separator: "\n")[row.y].hasPrefix("│▌▸ [❄] bn1"))
        let effects = update(&state, .mouse(MouseEvent(.press, x: row.x + 3, y: row.y)))
        #expect(effects.commands == [.setFrozen(["bn1.weight", "bn1.bias"], false)])
        _ = update(&state, .mouse(MouseEvent(.press, x: row.x, y: row.y)))
        #expect(Self.screen(state).contains("▾ […] bn1"))
        #expect(Self.screen(state).contains("] weight"))
    }

    @Test("The line between layers and charts can be dragged, and stops where panes would be too narrow")
    func drag() {
        var state = Self.state()
        let edge = { (state: DashboardState) in
            render(state, theme: .builtIn, width: 120, height: 40).text.split(separator: "\n")[1]
                .firstIndex(of: "╮").map { Self.screen(state).split(separator: "\n")[1].prefix(upTo: $0).count } ?? 0
        }
        #expect(edge(state) == 45)
        _ = update(&state, .mouse(MouseEvent(.press, x: 46, y: 10)))
        _ = update(&state, .mouse(MouseEvent(.drag, x: 60, y: 12)))
        #expect(edge(state) == 60)
        _ = update(&state, .mouse(MouseEvent(.drag, x: 119, y: 12)))
        #expect(edge(state) == 120 - 24 - 1)
        _ = update(&state, .mouse(MouseEvent(.drag, x: 0, y: 12)))
        #expect(edge(state) == 29)
        _ = update(&state, .mouse(MouseEvent(.release, x: 0, y: 12)))
        _ = update(&state, .mouse(MouseEvent(.drag, x: 70, y: 12)))
        #expect(edge(state) == 29)
    }

    @Test(
        "The wheel scrolls the rows with the cursor kept in sight, and zooms the charts; switched off it does nothing")
    func wheel() {
        var state = Self.state()
        _ = Self.line(&state, "unfold-all")
        Scenario.press(&state, .character("g"))
        let before = Self.screen(state)
        for _ in 0..<3 { _ = update(&state, .mouse(MouseEvent(.wheelDown, x: 5, y: 5))) }
        #expect(Self.screen(state) != before && Self.screen(state).contains("▌"))
        #expect(!Self.screen(state).contains("] conv1           9.4 K"))
        for _ in 0..<3 { _ = update(&state, .mouse(MouseEvent(.wheelUp, x: 5, y: 5))) }
        #expect(Self.screen(state).contains("] conv1           9.4 K"))
        _ = update(&state, .mouse(MouseEvent(.wheelUp, x: 90, y: 5)))
        #expect(Self.screen(state).contains("steps 83 to 167, following"))
        _ = Self.line(&state, "mouse off")
        let still = Self.screen(state)
        for kind in MouseEvent.Kind.allCases { _ = update(&state, .mouse(MouseEvent(kind, x: 5, y: 5))) }
        #expect(Self.screen(state) == still)
    }

    @Test("A click on a chart puts the chart cursor there")
    func clickChart() throws {
        var state = Self.state()
        _ = update(&state, .mouse(MouseEvent(.press, x: 90, y: 6)))
        let step = try #require(state.charts.view.cursor)
        #expect((84...126).contains(step))
        #expect(Self.screen(state).contains(" step \(step) "))
    }

    // MARK: Foreign text

    @Test("Control characters in class names, paths and warnings are shown and move nothing")
    func foreign() {
        for glyphs in GlyphSet.allCases {
            var state = Scenario.middle(glyphs: glyphs)
            Scenario.send(
                &state, .dataset(Scenario.dataset(["猫\u{1B}[2J", "e\u{301}\u{7}", "ok\u{202E}ko"])),
                .warning("bad\nname\r\u{9B}31m"), .saved(SaveReport(step: 1, path: "a\u{1B}]0;x\u{7}")))
            Scenario.press(&state, .character("L"), .character("L"))
            let frame = render(state, theme: .builtIn, width: 120, height: 40)
            RobustnessTests.check(frame, 120, 40, glyphs)
            #expect(frame.text.contains(glyphs == .unicode ? "␛" : "^["))
        }
    }
}
