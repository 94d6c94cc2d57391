import CNcurses
import Glibc

/// All that the program does about signals. Handlers only count and wake; what a signal asks for is done in the main
/// thread's loop, and `NamedThread` blocks signals on every other thread.
///
/// | signal | what it does |
/// | --- | --- |
/// | INT, TERM, HUP | stop the run: the step is finished and saved. Without a screen a second one exits at once with 130, with one a second INT does. |
/// | TSTP, CONT, WINCH | with a screen: give the terminal back, take it again, take its size |
/// | SEGV, BUS, ILL, ABRT, FPE, TRAP | with a screen: the terminal is put back, held lines are printed, then the crash goes on |
/// | PIPE, XFSZ | ignored: a reader that went away, a file that may not grow (ulimit -f), are errors of one write |
///
/// A rank other than 0 ignores INT, TERM and HUP: rank 0 stops the run for all.
/// HUP and TSTP that the parent ignores (nohup, a shell without job control) stay ignored.
package enum ProcessSignals {
    package enum Kind: CaseIterable, Sendable {
        case sizeChanged, stop, resumed, interrupt, terminate, hangUp

        package var number: Int32 {
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

    /// Before anything is written.
    package static func ignoreFileSizeLimit() { signal(SIGXFSZ, SIG_IGN) }

    /// Before a run, which would lose what it has if it ended with its reader or could not be stopped: a parent may have
    /// left signals blocked (a Swift program that starts this one from a dispatch thread does).
    package static func prepareForRun() {
        signal(SIGPIPE, SIG_IGN)
        var handled = sigset_t()
        sigemptyset(&handled)
        for kind in Kind.allCases { sigaddset(&handled, kind.number) }
        pthread_sigmask(SIG_UNBLOCK, &handled, nil)
    }

    /// As under nohup, for this signal.
    package static func ignore(_ kind: Kind) { signal(kind.number, SIG_IGN) }

    /// INT, TERM and HUP do nothing, whatever is installed later: for the ranks of a run that rank 0 stops.
    package static func ignoreStops() { frostline_signals_ignore_stops() }

    /// - Parameters:
    ///   - wake: a pipe's writing end, which gets a byte with each signal.
    ///   - onScreen: whether a screen is open. ncurses brings handlers of its own, so it is opened before.
    package static func install(wake: Int32, onScreen: Bool) { frostline_signals_install(wake, onScreen) }

    /// Puts back what `install(onScreen: true)` replaced; called after the screen is closed.
    package static func uninstall() { frostline_signals_uninstall() }

    /// How often the signal came since it was last asked for.
    package static func take(_ kind: Kind) -> Int { Int(frostline_signals_take(kind.number)) }
}
