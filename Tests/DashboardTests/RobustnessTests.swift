import Network
import TUI
import Support
import Dashboard
import Testing
import TrainingEvents

@Suite("Bounds, gaps and odd text")
struct RobustnessTests {
    @Test("A long run stays in bounded memory and never loses a spike")
    func spike() {
        var series = Series(capacity: 256)
        for step in 1...200_000 { series.append(step == 77_777 ? 40 : 1, at: step) }
        #expect(series.slots.count <= 256)
        #expect(series.greatest == 40)
        #expect(series.slots.contains { $0.greatest == 40 && $0.least == 1 })
        #expect(series.slots.reduce(0) { $0 + $1.count } == 200_000)
    }

    @Test("What is not a number is a gap, not a line")
    func gap() {
        var series = Series()
        for step in 1...20 { series.append((8...12).contains(step) ? .nan : 1, at: step) }
        #expect(series.slots.count { $0.count == 0 } == 5)

        var state = Scenario.opened()
        let trainable = Scenario.names.filter(Strategy.partial.trains)
        for number in 1...63 {
            Scenario.send(
                &state,
                .step(Scenario.step(number, trainable: trainable, loss: (20...44).contains(number) ? .nan : 0.5)))
        }
        let rows = render(state, theme: .builtIn, width: 120, height: 40).text.split(separator: "\n")
        let line =
            rows[2..<13].map { String($0.drop { $0 != "┤" && $0 != "│" }.dropFirst(48)) }
            .first { $0.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) } } ?? ""
        let parts = line.split { !$0.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) } }
        #expect(parts.count == 2, "\(line)")
    }

    @Test("Wide characters take two cells, marks none, and controls become visible")
    func widths() {
        #expect(displayWidth("cats") == 4)
        #expect(displayWidth("猫と犬") == 6)
        #expect(displayWidth("🐈") == 2)
        #expect(displayWidth("e\u{301}te\u{301}") == 3)
        #expect(displayWidth("한글") == 4)
        #expect(glyphs(of: "a\u{1B}[31m\n", .unicode).map(\.text).joined() == "a␛[31m␊")
        #expect(glyphs(of: "a\u{1B}\u{9B}", .ascii).map(\.text).joined() == "a^[?")
        #expect(glyphs(of: "x\u{202E}y", .unicode).map(\.text).joined() == "x\u{FFFD}y")
        #expect(fitted("猫と犬", 4, .unicode) == "猫…")
        #expect(fitted("abcdef", 4, .ascii) == "ab..")
        #expect(fitted("conv1…layer4", 7, .unicode) == "conv1…" && fitted("a..b", 3, .ascii) == "a.")
        for emoji in DirectOutputTests.emoji + ["👩🏽‍❤️‍💋‍👨🏿", "👩‍⚕", "🐈‍⬛", "©️"] {
            #expect(glyphs(of: "a\(emoji)b", .unicode).map(\.text) == ["a", emoji, "b"], "\(emoji)")
            #expect(displayWidth(emoji) == 2 && displayWidth(emoji, .ascii) == 1, "\(emoji)")
            #expect(fitted("\(emoji)\(emoji)\(emoji)", 5, .unicode) == "\(emoji)\(emoji)…", "\(emoji)")
            #expect(Cell(emoji).text == emoji && Cell(emoji) == Cell(emoji), "\(emoji)")
        }
        #expect(Cell("👨‍👩‍👧‍👦") != Cell("👨‍👩‍👧‍👧"))
        // One regional indicator is a letter; a joiner or U+FE0F that acts upon nothing is left out.
        #expect(displayWidth("🇩") == 1 && displayWidth("🇩🇪🇫") == 3)
        #expect(glyphs(of: "a\u{200D}\u{FE0F}b👩\u{200D}", .unicode).map(\.text) == ["a", "b", "👩"])
        // Of joined emoji without end as many as any real one has; and what is no emoji goes scalar by scalar.
        let endless = String(repeating: "👩\u{200D}", count: 100) + "👩"
        #expect(glyphs(of: endless, .unicode).map { [$0.text.unicodeScalars.count, $0.width] } == [[11, 2]])
        #expect(glyphs(of: "\r\n", .unicode).map(\.text) == ["␍", "␊"])
        #expect(displayWidth("क्षि") == 3)
        #expect(wrapped("one two three", 7, .unicode) == ["one two", "three"])
    }

    @Test("Numbers are short")
    func numbers() {
        #expect(
            [128, 999, 1026, 9408, 73984, 147_968, 999_960, 2_099_712, 11_177_538].map(Numbers.count)
                == ["128", "999", "1.0 K", "9.4 K", "74.0 K", "148 K", "1.0 M", "2.1 M", "11.2 M"])
        #expect(Numbers.bytes(200 << 10) == "200 KiB")
        #expect(
            [0.012, 0.41, 9.99, 0, 1000].map { Numbers.scientific($0) } == ["1.2e-2", "4.1e-1", "1.0e1", "0", "1.0e3"])
        #expect([1e-3, 2.5e-4, 0.1].map(Numbers.rate) == ["1e-3", "2.5e-4", "0.1"])
        #expect(
            [0, 133, 3729, 90_000].map { Numbers.duration(seconds: $0) } == ["0:00", "2:13", "1:02:09", "1 d 1 h"])
    }

    static func check(_ frame: Frame, _ width: Int, _ height: Int, _ glyphs: GlyphSet) {
        #expect(frame.cells.count == width * height)
        for y in 0..<height {
            for x in 0..<width {
                let text = frame.cells[y * width + x].text
                if text.isEmpty {
                    #expect(x > 0 && displayWidth(frame.cells[y * width + x - 1].text) == 2)
                    continue
                }
                // ASCII is the common case and quick to judge.
                if text.utf8.count == 1 {
                    if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
                        Issue.record("a control character at \(x),\(y)")
                    }
                    continue
                }
                if glyphs == .ascii { Issue.record("\(text) at \(x),\(y) is not ASCII") }
                if displayWidth(text) == 2, x + 1 >= width || !frame.cells[y * width + x + 1].text.isEmpty {
                    Issue.record("half of \(text) at \(x),\(y)")
                }
            }
        }
    }

    @Test(
        "Twenty thousand random actions at random sizes never trap, and every frame is whole",
        arguments: [GlyphSet.unicode, .ascii])
    func random(glyphs: GlyphSet) {
        var generator = Generator(seed: 7)
        var state = DashboardState(glyphs: glyphs)
        let keys: [Key] =
            [
                .up, .down, .left, .right, .home, .end, .pageUp, .pageDown, .enter, .escape, .tab, .backspace, .delete,
                .control("l"), .control("u"), .control("x"), .character("é"), .character("猫"), .character("\u{7}"),
            ] + " 123fpsm?gGhjkltq*[]".map { .character($0) }
        let odd = [
            "猫\u{1B}[2J", "", String(repeating: "x", count: 500), "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
            "🐈‍⬛ cats", "\u{301}", "👨‍👩‍👧‍👦🇩🇪1️⃣",
        ]
        let values: [Double] = [
            .nan, .infinity, -.infinity, 0, -1, 1e300, -1e300, 1e-300, .leastNonzeroMagnitude, 0.5, 1,
        ]
        let counts = [0, 1, -1, 62, Int.max, Int.min, 1 << 40]
        for number in 0..<10_000 {
            let action: DashboardAction
            switch Int.random(in: 0..<22, using: &generator) {
            case 0..<9: action = .key(keys.randomElement(using: &generator)!)
            case 9:
                let few = Bool.random(using: &generator)
                var run = Scenario.run(
                    Strategy.allCases.randomElement(using: &generator)!,
                    epochs: counts.randomElement(using: &generator)!, phase: odd.randomElement(using: &generator))
                if few {
                    run.parameters = odd.map { ParameterDescription(name: $0 + ".\($0).a", shape: [Int.max, 7]) }
                    run.trainable = []
                }
                if number % 9 == 0 { run.parameters = [] }
                run.learningRate = values.randomElement(using: &generator)!
                if number % 5 == 0 || number < 50 { action = .event(.opened(run)) } else { action = .key(.down) }
            case 10:
                action = .event(
                    .dataset(
                        DatasetDescription(
                            classes: (0..<Int.random(in: 0..<8, using: &generator)).map { _ in
                                odd.randomElement(using: &generator)!
                            }, trainingCount: 1, validationCount: 1, skippedCount: 0,
                            stepsPerEpoch: counts.randomElement(using: &generator)!)))
            case 11..<15:
                var step = Scenario.step(
                    number + 1, trainable: Scenario.names.filter { _ in Bool.random(using: &generator) })
                if number % 3 == 0 { step.loss = values.randomElement(using: &generator)! }
                if number % 7 == 0 {
                    step.accuracy = values.randomElement(using: &generator)!
                    step.milliseconds = values.randomElement(using: &generator)!
                    step.images = counts.randomElement(using: &generator)!
                    step.gradientNorms["fc.bias"] = values.randomElement(using: &generator)!
                }
                if number % 50 == 0 {
                    step.step = counts.randomElement(using: &generator)!
                    step.stepInEpoch = counts.randomElement(using: &generator)!
                    step.stepsPerEpoch = counts.randomElement(using: &generator)!
                    step.epoch = counts.randomElement(using: &generator)!
                }
                action = .event(.step(step))
            case 15:
                action = .event(
                    .epoch(
                        EpochReport(
                            epoch: number, step: number, training: Score(loss: 1, accuracy: 1),
                            validation: Score(loss: values.randomElement(using: &generator)!, accuracy: 0.5),
                            seconds: 1, isBest: true)))
            case 16:
                action = .event(
                    Scenario.freeze(
                        number, Scenario.names.filter { _ in Bool.random(using: &generator) },
                        frostLine: odd.randomElement(using: &generator)!))
            case 17:
                action = .event(
                    .cache(
                        Bool.random(using: &generator)
                            ? .off(reason: odd.randomElement(using: &generator)!)
                            : .on(
                                frostLine: "layer4.0", bytesPerImage: counts.randomElement(using: &generator)!,
                                cached: 3, total: counts.randomElement(using: &generator)!)))
            case 18: action = .event(.warning(odd.randomElement(using: &generator)!))
            case 19:
                action = .event(
                    .progress(
                        WorkProgress(
                            [.weights, .pictures, .validation, .saving, .caching].randomElement(using: &generator)!,
                            done: counts.randomElement(using: &generator)!,
                            total: counts.randomElement(using: &generator)!)))
            case 20:
                action = .event(
                    Bool.random(using: &generator)
                        ? .paused(step: 1)
                        : .proof(FreezeProof(step: number, tensorCount: 3, broken: number % 2 == 0 ? ["a"] : [])))
            default:
                if number % 400 == 0 {
                    action = .jobEnded
                } else if number % 90 == 0 {
                    action = .event(
                        .finished(
                            RunSummary(
                                steps: 1, epochs: 1, stopped: false, seconds: .nan, bestEpoch: 1,
                                best: Score(loss: .nan, accuracy: .nan), last: nil, output: nil)))
                } else {
                    action = .event(.resumed(step: 1))
                }
            }
            _ = update(&state, action)
            // A dashboard that is over would make the rest of the story dull.
            if state.run.isStopping || state.run.isFinished, number % 40 == 0 { state = DashboardState(glyphs: glyphs) }
            let width = Int.random(in: 0...(number % 20 == 0 ? 400 : 130), using: &generator)
            let height = Int.random(in: 0...(number % 20 == 0 ? 120 : 45), using: &generator)
            Self.check(render(state, theme: .builtIn, width: width, height: height), width, height, glyphs)
        }
    }

    @Test("No border is clipped between the least size and 400×120")
    func borders() {
        let state = Scenario.middle(glyphs: .unicode)
        for (width, height) in [(60, 15), (61, 16), (79, 20), (80, 21), (100, 24), (133, 37), (400, 120)] {
            let frame = render(state, theme: .builtIn, width: width, height: height)
            let text = frame.text
            let corners = "╭╮╰╯".map { corner in text.count { $0 == corner } }
            #expect(Set(corners).count == 1 && corners[0] >= 3, "\(width)×\(height): \(corners)")
            #expect(frame[0, 1].text == "╭" && frame[width - 1, 1].text == "╮")
            #expect(frame[0, height - 3].text == "╰" && frame[width - 1, height - 3].text == "╯")
        }
    }
}

struct Generator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func pick<T>(_ among: [T]) -> T { among[Int.random(in: 0..<among.count, using: &self)] }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var x = state
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }
}
