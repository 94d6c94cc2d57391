import TUI

/// A key or a mouse event of the terminal.
package enum TerminalInput: Sendable, Equatable {
    case key(Key)
    case mouse(MouseEvent)
}
