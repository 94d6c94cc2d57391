import TUI
import TrainingEvents

/// What lies over the panes or is typed in the footer.
struct DialogState: Sendable {
    enum Overlay: Sendable, Equatable { case help, messages }

    /// A pattern of parameters to freeze or thaw.
    struct Prompt: Sendable, Equatable {
        var line = LineEditor()
        var freezing = true
    }

    /// Text that is typed to find a row.
    struct Search: Sendable, Equatable {
        var line = LineEditor()
        var isTyping = false
        /// Where the cursor was, to return to with escape.
        var origin: String?
    }

    /// A change that waits for y, because something would be lost.
    struct Confirmation: Sendable, Equatable {
        var command: TrainingCommand
        /// "drops 57 MiB of cached features (12 s to fill)".
        var loss: String
        var kind: ChangeKind
    }

    /// Which way of the history a change goes.
    enum ChangeKind: Sendable, Equatable { case change, undo, redo }

    var prompt: Prompt?
    var palette: PaletteLine?
    var search = Search()
    var confirmation: Confirmation?
    private(set) var overlay: Overlay?
    var overlayScroll = 0

    mutating func open(_ overlay: Overlay?) {
        self.overlay = overlay
        overlayScroll = 0
    }
}
