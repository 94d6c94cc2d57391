import TUI
import Dashboard
import Testing
import TrainingEvents

@Suite("Frames of the decision views")
struct DecisionFrameTests {
    static let sizes = [(80, 24), (120, 40), (200, 60)]

    static func state(_ glyphs: GlyphSet) -> DashboardState {
        var state = DecisionScenario.steady(glyphs: glyphs)
        Scenario.send(
            &state,
            .mistakes(DecisionScenario.mistakes(actual: [130, 122], matrix: [121, 9, 14, 108])),
            .inspection(DecisionScenario.inspection))
        return state
    }

    @Test(
        "The cost preview, the heat map, the mistakes and the inspector look as recorded",
        arguments: [GlyphSet.unicode, .ascii])
    func views(glyphs: GlyphSet) throws {
        for (width, height) in Self.sizes {
            func expect(_ state: DashboardState, _ name: String) throws {
                try FrameTests.expect(
                    render(state, theme: .roles, width: width, height: height),
                    "\(name)-\(width)x\(height)-\(glyphs.rawValue)")
            }
            var state = Self.state(glyphs)
            Scenario.press(&state, .character("g"))
            try expect(state, "preview")
            Scenario.press(&state, .character("H"))
            try expect(state, "heat")
            Scenario.press(&state, .character("M"))
            try expect(state, "mistakes")
            Scenario.press(&state, .character("o"))
            try expect(state, "mistakes-predicted")
            Scenario.press(&state, .character("o"))
            try expect(state, "mistakes-true")
            Scenario.press(&state, .character("o"))
            Scenario.press(&state, .character("M"), .character("/"))
            Scenario.type(&state, "fc.weight")
            Scenario.press(&state, .enter, .enter)
            try expect(state, "inspecting")
        }
    }

    @Test(
        "A frozen BatchNorm's inspector shows the proof and the drift; a range, a search and a question look as recorded"
    )
    func others() throws {
        var state = Self.state(.unicode)
        Scenario.send(&state, .inspection(DecisionScenario.frozenInspection))
        Scenario.press(&state, .character("g"), .down, .right, .down, .enter)
        try FrameTests.expect(render(state, theme: .roles, width: 120, height: 40), "inspecting-frozen-120x40")
        Scenario.press(&state, .enter, .character("g"), .character("V"), .down, .down)
        try FrameTests.expect(render(state, theme: .roles, width: 100, height: 30), "range-100x30")
        Scenario.press(&state, .escape, .character("/"))
        Scenario.type(&state, "layer4.*.bn?")
        try FrameTests.expect(render(state, theme: .roles, width: 100, height: 30), "search-100x30")
    }

    @Test("Pictures have two pixels a cell in colour, shades without colour, letters without Unicode")
    func pictures() {
        var state = Self.state(.unicode)
        Scenario.press(&state, .character("M"))
        func cells(_ state: DashboardState) -> [Cell] { render(state, theme: .builtIn, width: 200, height: 60).cells }
        let halves = cells(state).filter { $0.text == "▀" }
        #expect(halves.count > 200)
        #expect(halves.allSatisfy { $0.style.foreground != nil && $0.style.background != nil })
        #expect(Set(halves.map(\.style)).count > 50)
        state.settings.isMonochrome = true
        let shades = cells(state).filter { "░▒▓█".contains($0.text) }
        #expect(shades.count > 200)
        #expect(!cells(state).contains { $0.text == "▀" })
        var plain = Self.state(.ascii)
        Scenario.press(&plain, .character("M"))
        #expect(render(plain, theme: .builtIn, width: 200, height: 60).text.utf8.allSatisfy { $0 < 0x80 })
    }

    @Test("o lays the predicted class's heat over the mistakes, then the true one's, then none")
    func overlay() {
        var state = Self.state(.unicode)
        func cells() -> [Cell] { render(state, theme: .builtIn, width: 200, height: 60).cells }
        func screen() -> String { render(state, theme: .builtIn, width: 200, height: 60).text }
        #expect(!screen().contains("o overlay"))
        let charts = cells().map(\.text).joined()
        Scenario.press(&state, .character("o"))
        #expect(screen().contains("overlay: not possible now"))
        Scenario.press(&state, .character("M"))
        let plain = cells()
        #expect(screen().contains("o overlay") && !screen().contains("heat:") && charts != screen())
        Scenario.press(&state, .character("o"))
        let predicted = cells()
        #expect(screen().contains("Mistakes · heat: predicted class"))
        Scenario.press(&state, .character("o"))
        let actual = cells()
        #expect(screen().contains("Mistakes · heat: true class"))
        #expect(Set([plain, predicted, actual].map { $0.map(\.style) }).count == 3)
        Scenario.press(&state, .character("o"))
        #expect(cells() == plain)
    }

    @Test("Heat is the colour of warnings where it is hot and grey where it is cold; without colours it is bright")
    func heat() throws {
        let grey = try #require(
            Thumbnail(width: 8, height: 8, pixels: [UInt8](repeating: 128, count: 8 * 8 * 3)))
        let heat = try #require(ClassHeat(side: 2, values: [-1, 3, -1, 3]))
        func draw(_ glyphs: GlyphSet, isMonochrome: Bool) -> Frame {
            var canvas = Canvas(width: 8, height: 4, theme: .builtIn, glyphs: glyphs)
            PictureTile(picture: grey, heat: heat, isMonochrome: isMonochrome)
                .draw(&canvas, Area(x: 0, y: 0, width: 8, height: 4))
            return canvas.frame
        }
        let colours = draw(.unicode, isMonochrome: false)
        let (cold, hot) = (try #require(colours[0, 0].style.foreground), try #require(colours[7, 3].style.background))
        #expect(cold == RGB(38, 38, 38))
        // 0xFFB454, brightened by the picture's grey.
        #expect(hot.red > 170 && hot.green < hot.red && hot.blue < hot.green)
        for (glyphs, isMonochrome) in [(GlyphSet.ascii, false), (.ascii, true), (.unicode, true)] {
            let frame = draw(glyphs, isMonochrome: isMonochrome)
            #expect(frame[0, 0].text != frame[7, 0].text, "\(glyphs)")
            #expect(frame.cells.allSatisfy { ($0.style.foreground == nil) == isMonochrome })
            #expect(frame.cells.allSatisfy { $0.style.background == nil })
        }
    }

    @Test("Heat is enlarged as PyTorch does it, and a map that tells nothing apart is none")
    func heatLevels() throws {
        let heat = try #require(ClassHeat(side: 2, values: [0, 1, 1, 2]))
        #expect(heat.levels == [0, 128, 128, 255])
        // torch.nn.functional.interpolate([[0, .5], [.5, 1]], size=4, mode="bilinear"): quarters between the middles.
        let rows = (0..<4).map { y in (0..<4).map { x in heat.level(x: x, y: y, columns: 4, rows: 4) } }
        for (y, row) in [[0, 0.125, 0.375, 0.5], [0.125, 0.25, 0.5, 0.625]].enumerated() {
            for (x, level) in row.enumerated() { #expect(abs(rows[y][x] - level) < 0.003) }
        }
        #expect(rows[3][3] == 1)
        for values: [Float] in [[1], [], [2, 2, 2, 2], [0, 1, .nan, 2], [0, .infinity, 1, 2], [0, 1, 2]] {
            #expect(ClassHeat(side: values.count == 1 ? 1 : 2, values: values) == nil)
        }
        let huge = Float.greatestFiniteMagnitude
        #expect(ClassHeat(side: 2, values: [-huge, 0, 0, huge])?.levels == [0, 128, 128, 255])
    }

    @Test("The views hold at every size, with many classes, odd names and odd numbers")
    func bounds() {
        for glyphs in [GlyphSet.unicode, .ascii] {
            var state = Self.state(glyphs)
            var size = 3
            for classes in [1, 2, 5, 40, 101] {
                let actual = [Int](repeating: 7, count: classes)
                let matrix = (0..<classes * classes).map { $0 % 4 }
                Scenario.send(
                    &state,
                    .dataset(Scenario.dataset((0..<classes).map { $0 % 3 == 0 ? "猫\u{1B}[2J" : "class \($0)" })),
                    .mistakes(DecisionScenario.mistakes(actual: actual, matrix: matrix, count: 12)),
                    .inspection(
                        ParameterInspection(
                            name: "fc.weight", step: 3, weightNorm: .nan,
                            weights: Histogram(least: 0, greatest: 0, counts: [0, 0], notFinite: 9),
                            gradientNorm: .infinity,
                            gradients: Histogram(least: .nan, greatest: .nan, counts: [], notFinite: 0),
                            deadChannels: 2, channels: 2,
                            proof: ParameterInspection.Proof(hash: "", since: 5, holds: false),
                            drift: StatisticsDrift(batchNorm: "", mean: .nan, variance: .infinity, isHeld: false))))
                for key in "MoHHMoo".map({ Key.character($0) }) + [.enter, .pageDown, .down] {
                    Scenario.press(&state, key)
                    size = (size * 31 + 7) % 197
                    let (width, height) = (size % 150, size * 13 % 50)
                    RobustnessTests.check(
                        render(state, theme: .builtIn, width: width, height: height), width, height, glyphs)
                    RobustnessTests.check(render(state, theme: .builtIn, width: 61, height: 16), 61, 16, glyphs)
                }
            }
        }
    }
}
