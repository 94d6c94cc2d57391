import TUI
import TrainingEvents

/// Everything the dashboard knows, as plain data in parts. `update` changes it, `render` draws it; a view takes the parts
/// that it draws.
package struct DashboardState: Sendable {
    package var run = RunState()
    package internal(set) var layers = LayerState()
    var gradients = GradientState()
    package var charts = ChartState()
    /// nil outside of the demonstration.
    var story: StoryReport?
    var selection = Selection()
    var dialogs = DialogState()
    var decisions = DecisionState()
    package var settings: ViewSettings
    var messages = MessageLog()

    package init(glyphs: GlyphSet) { settings = ViewSettings(glyphs: glyphs) }

    /// Adds a line to the log.
    mutating func record(_ kind: Message.Kind, _ text: String) {
        messages.record(Message(kind: kind, text: text, step: run.lastStep?.step))
    }

    /// What the last key or click did. It stays in the status line, and does not fill the log.
    mutating func notify(_ text: String, _ kind: Message.Kind = .notice, awaitsAnswer: Bool = false) {
        messages.status = Message(kind: kind, text: text, step: run.lastStep?.step, awaitsAnswer: awaitsAnswer)
    }

    /// No answer comes any more: the run is over, or another begins.
    mutating func forgetRequests() {
        layers.pending.removeAll()
        run.pausePending = false
        run.saveRequest = nil
    }
}
