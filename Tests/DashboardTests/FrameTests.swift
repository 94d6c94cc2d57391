import Dashboard
import Foundation
import Testing
import TrainingEvents

@Suite("Frames")
struct FrameTests {
    static let sizes = [(80, 24), (120, 40), (200, 60)]

    /// Compares a frame's characters with a file; with UPDATE_FRAMES=1 writes the file instead.
    static func expect(_ frame: Frame, _ name: String) throws {
        let text = frame.text + "\n"
        if ProcessInfo.processInfo.environment["UPDATE_FRAMES"] == "1" {
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
            try text.write(to: folder.appendingPathComponent(name + ".txt"), atomically: true, encoding: .utf8)
            return
        }
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let wanted = try String(contentsOf: folder.appendingPathComponent(name + ".txt"), encoding: .utf8)
        if text == wanted { return }
        let lines = zip(
            text.split(separator: "\n", omittingEmptySubsequences: false),
            wanted.split(separator: "\n", omittingEmptySubsequences: false))
        let first = lines.enumerated().first { $0.element.0 != $0.element.1 }
        Issue.record(
            "\(name), line \((first?.offset ?? -2) + 1):\n\(first?.element.0 ?? "")\nshould be\n\(first?.element.1 ?? "")"
        )
    }

    @Test(
        "A run in its third epoch looks as recorded, at three sizes, with and without Unicode",
        arguments: [GlyphSet.unicode, .ascii])
    func middle(glyphs: GlyphSet) throws {
        for (width, height) in Self.sizes {
            var state = Scenario.middle(glyphs: glyphs)
            Scenario.press(&state, .character("G"), .up, .up, .up, .up, .up)
            let frame = render(state, theme: .builtIn, width: width, height: height)
            try Self.expect(frame, "middle-\(width)x\(height)-\(glyphs.rawValue)")
        }
    }

    @Test("The least size, the inspector, the help, the prompt and the end look as recorded")
    func others() throws {
        var state = Scenario.middle(glyphs: .unicode)
        try Self.expect(render(state, theme: .builtIn, width: 60, height: 15), "least-60x15")
        try Self.expect(render(state, theme: .builtIn, width: 59, height: 15), "too-small-59x15")
        Scenario.press(&state, .character("G"), .enter, .down, .enter)
        try Self.expect(render(state, theme: .builtIn, width: 100, height: 30), "inspector-100x30")
        Scenario.press(&state, .character("?"))
        try Self.expect(render(state, theme: .builtIn, width: 80, height: 24), "help-80x24")
        Scenario.press(&state, .escape, .character("f"))
        Scenario.type(&state, "layer3.*.bn?.weight")
        try Self.expect(render(state, theme: .builtIn, width: 100, height: 30), "prompt-100x30")
        Scenario.press(&state, .escape)
        Scenario.send(
            &state,
            .finished(
                RunSummary(
                    steps: 167, epochs: 3, stopped: false, seconds: 93, bestEpoch: 2,
                    best: Score(loss: 0.31, accuracy: 0.94),
                    last: nil, output: "runs/cats-dogs")))
        _ = update(&state, .jobEnded)
        try Self.expect(render(state, theme: .builtIn, width: 120, height: 30), "finished-120x30")

        var fresh = DashboardState(glyphs: .unicode)
        Scenario.send(
            &fresh, .opened(Scenario.run(.head, phase: "task B: drawn animals")),
            .progress(WorkProgress(.pictures, done: 120, total: 240)))
        try Self.expect(render(fresh, theme: .builtIn, width: 100, height: 24), "reading-100x24")
    }
}
