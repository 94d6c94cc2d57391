import TUI

/// What a person did at the terminal.
package enum TerminalInput: Sendable, Equatable {
    case key(Key)
    case mouse(MouseEvent)
}
