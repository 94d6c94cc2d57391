import CNcurses

#if canImport(Glibc)
    import Glibc
#endif

/// The signals that concern a program on a terminal, handled where waiting happens instead of wherever they strike.
///
/// Installed after the screen is open (ncurses brings handlers of its own) and uninstalled after it is closed. While they
/// are installed, a crash puts the terminal back first, and a broken pipe is an error and not the end.
package enum TerminalSignals {
    package enum Kind: CaseIterable, Sendable {
        case sizeChanged, stop, resumed, interrupt, terminate, hangUp

        var number: Int32 {
            switch self {
            case .sizeChanged: SIGWINCH
            case .stop: SIGTSTP
            case .resumed: SIGCONT
            case .interrupt: SIGINT
            case .terminate: SIGTERM
            case .hangUp: SIGHUP
            }
        }
    }

    /// - Parameter wake: a pipe's writing end, which gets a byte with each signal.
    package static func install(wake: Int32) { frostline_signals_install(wake) }

    package static func uninstall() { frostline_signals_uninstall() }

    /// How often the signal came since it was last asked for.
    package static func take(_ kind: Kind) -> Int { Int(frostline_signals_take(kind.number)) }
}
