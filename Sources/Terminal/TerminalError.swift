/// Why this terminal cannot show a dashboard.
package enum TerminalError: Error, Equatable, CustomStringConvertible {
    case notATerminal
    /// TERM is not set, or says that the terminal can do nothing.
    case dumb(String?)
    /// Not in terminfo, nor is anything that could stand in for it.
    case unknown(String)

    package var description: String {
        switch self {
        case .notATerminal: "no dashboard: input and output are not both a terminal (--headless gives plain lines)"
        case .dumb(nil), .dumb(""): "no dashboard: TERM is not set (--headless gives plain lines)"
        case .dumb(let name?):
            "no dashboard: this terminal cannot move its cursor (TERM=\(name); --headless gives plain lines)"
        case .unknown(let name):
            "no dashboard: this system knows no terminal called \(name) (set TERM, or --headless for plain lines)"
        }
    }
}
