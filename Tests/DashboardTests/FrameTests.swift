import TUI
import Dashboard
import Foundation
import Testing
import TrainingEvents

@Suite("Frames")
struct FrameTests {
    static let sizes = [(80, 24), (120, 40), (200, 60)]

    /// Every view, by the keys that lead to it. A line here makes six files.
    static let screens: [(name: String, keys: [Key])] = [
        ("middle", [.character("G"), .up, .up, .up, .up, .up]),
        ("inspector", [.character("G"), .enter, .down, .enter]),
        ("help", [.character("?")]),
        ("log", [.character("L")]),
        ("log-all", [.character("L"), .character("L")]),
        ("palette", ":th".map { .character($0) } + [.tab]),
        ("pattern", "flayer3.*.bn?.weight".map { .character($0) }),
        ("zoomed", [.character("G"), .character("m"), .character("z"), .tab, .left, .left, .left]),
        ("smooth-log", "Gmmyx".map { .character($0) }),
    ]

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    static let updates = ProcessInfo.processInfo.environment["UPDATE_FRAMES"] == "1"

    /// Compares a frame that was drawn with `Theme.roles` with a file: its characters, and below them each cell's role.
    /// With UPDATE_FRAMES=1 writes the file instead.
    static func expect(_ frame: Frame, _ name: String) throws {
        let text = frame.text + "\n" + RolePlane(frame).text
        if updates {
            try text.write(to: folder.appendingPathComponent(name + ".txt"), atomically: true, encoding: .utf8)
            return
        }
        let bundled = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let wanted = try String(contentsOf: bundled.appendingPathComponent(name + ".txt"), encoding: .utf8)
        if text == wanted { return }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let others = wanted.split(separator: "\n", omittingEmptySubsequences: false)
        let first = zip(lines, others).enumerated().first { $0.element.0 != $0.element.1 }
        let place = (first?.offset ?? min(lines.count, others.count)) + 1
        Issue.record("\(name), line \(place):\n\(first?.element.0 ?? "")\nshould be\n\(first?.element.1 ?? "")")
    }

    static func frame(
        _ keys: [Key], _ width: Int, _ height: Int, _ glyphs: GlyphSet, theme: Theme = .roles
    ) -> Frame {
        var state = Scenario.middle(glyphs: glyphs)
        state.apply(
            Configuration(),
            themes: [
                NamedTheme(name: "frost", summary: "cool, for dark terminals", theme: theme),
                NamedTheme(name: "night", summary: "dark", theme: theme),
            ], errors: [])
        _ = update(&state, .resized(width: width, height: height))
        for key in keys { _ = update(&state, .key(key)) }
        return render(state, theme: state.settings.theme, width: width, height: height)
    }

    @Test(
        "A run in its third epoch looks as recorded in every view, at three sizes, with and without Unicode",
        arguments: screens.map(\.name), [GlyphSet.unicode, .ascii])
    func views(name: String, glyphs: GlyphSet) throws {
        let keys = try #require(Self.screens.first { $0.name == name }).keys
        for (width, height) in Self.sizes {
            let frame = Self.frame(keys, width, height, glyphs)
            RobustnessTests.check(frame, width, height, glyphs)
            try Self.expect(frame, "\(name)-\(width)x\(height)-\(glyphs.rawValue)")
        }
    }

    @Test("With block glyphs nothing is drawn that a console's font lacks")
    func block() throws {
        let allowed = Set(" ─│┌┐└┘┤▀▄█▌▏●→·×…►▼⌂≈┃ⱼ↑↓←".unicodeScalars.map(\.value))
        for view in Self.screens {
            let frame = Self.frame(view.keys, 120, 40, .block)
            let odd = Set(frame.text.unicodeScalars.filter { $0.value > 0x7E && !allowed.contains($0.value) })
            #expect(odd.isEmpty, "\(view.name): \(odd)")
        }
        try Self.expect(Self.frame(Self.screens[0].keys, 120, 40, .block), "middle-120x40-block")
    }

    @Test("The least size, the end and the beginning look as recorded")
    func edges() throws {
        var state = Scenario.middle(glyphs: .unicode)
        try Self.expect(render(state, theme: .roles, width: 60, height: 15), "least-60x15")
        try Self.expect(render(state, theme: .roles, width: 59, height: 15), "too-small-59x15")
        Scenario.send(
            &state,
            .finished(
                RunSummary(
                    steps: 167, epochs: 3, stopped: false, seconds: 93, bestEpoch: 2,
                    best: Score(loss: 0.31, accuracy: 0.94),
                    last: nil, output: "runs/cats-dogs")))
        _ = update(&state, .jobEnded)
        try Self.expect(render(state, theme: .roles, width: 120, height: 30), "finished-120x30")

        var fresh = DashboardState(glyphs: .unicode)
        Scenario.send(
            &fresh, .opened(Scenario.run(.head, phase: "task B: drawn animals")),
            .progress(WorkProgress(.pictures, done: 120, total: 240)))
        try Self.expect(render(fresh, theme: .roles, width: 100, height: 24), "reading-100x24")
    }

    @Test("Other runs lie faintly behind, named, stretched to the same epochs or not, and never hide the run itself")
    func others() throws {
        for (name, keys) in [("others", ""), ("others-steps", "x"), ("others-smooth", "m")] {
            var state = Scenario.middle(glyphs: .unicode)
            state.charts.others = [
                Scenario.other("cats-full", perEpoch: 63, epochs: 3, slower: 1.5),
                // Twice the batch size, and two epochs more than the run that is shown.
                Scenario.other("cats-batch-32", perEpoch: 32, epochs: 5, slower: 0.5),
            ]
            _ = update(&state, .resized(width: 120, height: 40))
            for key in keys { _ = update(&state, .key(.character(key))) }
            try Self.expect(render(state, theme: .roles, width: 120, height: 40), "\(name)-120x40")
            for (width, height) in Self.sizes {
                let frame = render(state, theme: .builtIn, width: width, height: height)
                RobustnessTests.check(frame, width, height, .unicode)
            }
        }
        var state = Scenario.middle(glyphs: .ascii)
        state.charts.others = [Scenario.other("cats-full", perEpoch: 63, epochs: 3, slower: 1.5)]
        try Self.expect(render(state, theme: .roles, width: 120, height: 40), "others-120x40-ascii")
        // A run that has sent no event yet still has others behind it.
        var fresh = DashboardState(glyphs: .unicode)
        fresh.charts.others = state.charts.others
        RobustnessTests.check(render(fresh, theme: .builtIn, width: 120, height: 40), 120, 40, .unicode)
    }

    @Test("What another run sends reaches its line alone, and one that begins anew loses its old line")
    func otherEvents() throws {
        let own = Scenario.middle(glyphs: .unicode)
        var state = own
        state.charts.others = ["a", "b"].map { OtherRun(name: $0) }
        var whole = state
        whole.charts.others[1] = Scenario.other("b", perEpoch: 63, epochs: 2, slower: 1)
        func frame(_ state: DashboardState) -> String {
            render(state, theme: .builtIn, width: 120, height: 40).text
        }
        let events = Scenario.otherEvents(perEpoch: 63, epochs: 2, slower: 1)
        for event in events { #expect(update(&state, .other(1, event)).isEmpty) }
        #expect(frame(state) == frame(whole))
        for event in [.opened(Scenario.run())] + events { _ = update(&state, .other(1, event)) }
        #expect(frame(state) == frame(whole))
        _ = update(&state, .other(2, events[0]))
        _ = update(&state, .other(-1, events[0]))
        #expect(frame(state) == frame(whole))
        #expect(frame(state) != frame(own))
    }

    @Test("README's pictures are the program's own frames")
    func readme() throws {
        let root = URL(fileURLWithPath: ThemeTests.root)
        let keys = Self.screens[0].keys
        // From the first epoch to the thaw of layer3.1 and past it.
        let frames = [25, 50, 75, 84, 95, 110, 130, 167].map { steps in
            var state = Scenario.middle(glyphs: .unicode, steps: steps)
            for key in keys + [.character("m")] { _ = Scenario.press(&state, key) }
            return render(state, theme: .builtIn, width: 110, height: 32)
        }
        let svg = Frame.svg(animating: frames)
        let picture = root.appendingPathComponent("docs/dashboard.svg")
        let readme = root.appendingPathComponent("README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        let frame = Self.frame(Self.screens[0].keys, 100, 24, .unicode)
        let indented = frame.text.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }
        let parts = text.components(separatedBy: "<!-- a frame, written by UPDATE_FRAMES=1 make test -->\n")
        try #require(parts.count == 3, "README.md has two marks around the frame")
        let wanted = "\n" + indented.joined(separator: "\n") + "\n\n"
        if Self.updates {
            let mark = "<!-- a frame, written by UPDATE_FRAMES=1 make test -->\n"
            try FileManager.default.createDirectory(
                at: picture.deletingLastPathComponent(), withIntermediateDirectories: true)
            try svg.write(to: picture, atomically: true, encoding: .utf8)
            try (parts[0] + mark + wanted + mark + parts[2]).write(to: readme, atomically: true, encoding: .utf8)
            return
        }
        #expect(try String(contentsOf: picture, encoding: .utf8) == svg, "UPDATE_FRAMES=1 make test writes it anew")
        #expect(parts[1] == wanted, "UPDATE_FRAMES=1 make test writes it anew")
    }
}
