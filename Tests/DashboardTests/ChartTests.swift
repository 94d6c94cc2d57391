import TUI
import Support
import Dashboard
import Testing
import TrainingEvents

@Suite("Charts")
struct ChartTests {
    @Test("The average is debiased, so that it starts at the first value and not at zero")
    func debiased() {
        var average = DebiasedAverage(.light)
        // By hand, with weight 0.6: 10 → 4/0.4; then 0.6·4 + 0.4·20 = 10.4, over 1 − 0.36.
        #expect(abs(average.add(10) - 10) < 1e-12)
        #expect(abs(average.add(20) - 10.4 / 0.64) < 1e-12)
        #expect(abs(average.add(0) - 6.24 / 0.784) < 1e-12)
    }

    @Test("What is not a number passes through an average and leaves no trace; a constant stays exactly itself")
    func averageOfOddValues() {
        var (with, without) = (DebiasedAverage(.strong), DebiasedAverage(.strong))
        for value in [1.0, 2, .nan, 3, .infinity, 4] {
            let result = with.add(value)
            guard value.isFinite else {
                #expect(!result.isFinite)
                continue
            }
            #expect(result == without.add(value))
        }
        var constant = DebiasedAverage(.strong)
        for _ in 0..<1000 { #expect(constant.add(0.1) == 0.1) }
        var off = DebiasedAverage(.off)
        #expect(off.add(1) == 1 && off.add(5) == 5)
    }

    @Test("A smoothed line is the same whether or not its points were merged since")
    func smoothingSurvivesMerging() {
        var (small, large) = (Series(capacity: 64), Series(capacity: 1 << 14))
        for step in 1...10_000 {
            let value = Scenario.noise(step) + Double(step) / 5000
            small.append(value, at: step)
            large.append(value, at: step)
        }
        #expect(small.slots.count <= 64)
        var place = 0
        for slot in small.slots {
            let members = large.slots[place..<place + slot.count]
            place += slot.count
            let mean = members.reduce(0) { $0 + $1.mean(.strong) } / Double(slot.count)
            #expect(abs(slot.mean(.strong) - mean) < 1e-9)
            #expect(slot.least == members.map(\.least).min() && slot.greatest == members.map(\.greatest).max())
        }
        #expect(place == 10_000)
    }

    @Test("A spike of one step among a hundred thousand is on the screen, smoothed or not, zoomed or not")
    func spike() {
        for keys in ["", "mm", "mmz", "y"] {
            var state = Scenario.opened()
            for step in 1...100_000 {
                var report = Scenario.step(step, trainable: [], loss: step == 77_777 ? 40 : 1, perEpoch: 10_000)
                report.gradientNorms = [:]
                Scenario.send(&state, .step(report))
            }
            for key in keys { Scenario.press(&state, .character(key)) }
            let frame = render(state, theme: .builtIn, width: 120, height: 40)
            let column = (46..<119).first { x in
                let drawn = (2..<12).count { y in Self.isBraille(frame[x, y].text) }
                return drawn >= 8
            }
            #expect(column != nil, "keys \(keys): no column is drawn from 1 to 40")
            #expect(frame.text.contains(keys == "y" ? "50┤" : "40┤"), "keys \(keys)")
        }
    }

    static func isBraille(_ text: String) -> Bool {
        text.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) }
    }

    @Test("Zooming halves what is in sight, follows the run, and pans back to where it was")
    func zoom() {
        var view = ChartView()
        view.zoom(in: true, (0, 1000))
        #expect(view.window == ChartView.Window(span: 500))
        view.zoom(in: true, (0, 1000))
        view.pan(right: false, (0, 1000))
        #expect(view.window == ChartView.Window(span: 250, end: 937.5))
        view.pan(right: true, (0, 1000))
        #expect(view.window == ChartView.Window(span: 250))
        for _ in 0..<20 { view.pan(right: false, (0, 1000)) }
        #expect(view.window == ChartView.Window(span: 250, end: 250))
        for _ in 0..<30 { view.zoom(in: true, (0, 1000)) }
        #expect(view.window?.span == 8)
        for _ in 0..<30 { view.zoom(in: false, (0, 1000)) }
        #expect(view.window == nil)
    }

    @Test("Zooming keeps the cursor where it is, and a window with a cursor in it does not run away")
    func cursorStays() {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.press(&state, .tab, .character("z"), .left, .left)
        let before = state.charts.view.cursor
        for step in 168...400 { Scenario.send(&state, .step(Scenario.step(step, trainable: Scenario.names))) }
        #expect(state.charts.view.cursor == before)
        #expect(render(state, theme: .builtIn, width: 120, height: 40).text.contains(" step \(before ?? -1) "))
        Scenario.press(&state, .escape)
        #expect(state.charts.view.cursor == nil)
    }

    @Test("The cursor shows the value at its step, the smoothed one and the validation before it")
    func cursorValues() throws {
        var state = Scenario.middle(glyphs: .unicode)
        Scenario.press(&state, .character("m"), .character(":"))
        Scenario.type(&state, "cursor 100")
        Scenario.press(&state, .enter)
        let wanted = Numbers.fixed(Scenario.step(100, trainable: []).loss, 3)
        let top = render(state, theme: .builtIn, width: 160, height: 40).text.split(separator: "\n")[1]
        #expect(top.contains("\(wanted) ≈ ") && top.contains("● 0.620"), "\(top)")
    }

    @Test("On a logarithmic axis the loss's decades are as far apart as each other")
    func logarithmic() {
        var state = Scenario.opened()
        for step in 1...63 {
            let loss = step < 21 ? 10.0 : step < 42 ? 0.1 : 0.001
            Scenario.send(&state, .step(Scenario.step(step, trainable: [], loss: loss)))
        }
        // The plain line: smoothing, light at first, would round the steps off.
        Scenario.press(&state, .character("m"), .character("m"), .character("y"))
        let frame = render(state, theme: .builtIn, width: 120, height: 40)
        func level(_ columns: Range<Int>) -> Int? {
            (2..<13).first { y in columns.contains { Self.isBraille(frame[$0, y].text) } }
        }
        // Clear of the rises between them.
        let levels = [level(56..<70), level(80..<92), level(104..<116)].compactMap(\.self)
        #expect(levels.count == 3)
        #expect(abs((levels[1] - levels[0]) - (levels[2] - levels[1])) <= 1, "\(levels)")
        #expect(frame.text.contains("Loss (log)"))
    }

    @Test("The lower axis counts epochs or steps")
    func axis() {
        var state = Scenario.middle(glyphs: .unicode)
        func lower() -> String {
            render(state, theme: .builtIn, width: 120, height: 40).text.split(separator: "\n")
                .first { $0.contains("╯") }.map(String.init) ?? ""
        }
        #expect(lower().contains(" epoch 1 "))
        Scenario.press(&state, .character("x"))
        #expect(lower().contains(" step 50 ") && lower().contains(" 100 "))
    }
}
