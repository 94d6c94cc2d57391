import ArgumentParser
import Foundation
import Support
import Synchronization

struct QuietArgument: ParsableArguments {
    @Flag(name: .shortAndLong, help: "No progress and no warnings on standard error; errors alone.") var quiet = false
}

/// How far something is: one line on standard error that is overwritten, where that is a terminal, and nothing elsewhere.
final class ProgressMeter: Sendable {
    private struct State {
        var last = ContinuousClock.now - .seconds(10)
        var isLineOpen = false
    }

    private let state = Mutex(State())
    private let isLive: Bool

    /// `quiet`: shows nothing.
    init(quiet: Bool = false) { isLive = !quiet && isatty(STDERR_FILENO) == 1 }

    /// Ten times a second at most, and always where `isLast`.
    func update(isLast: Bool = false, _ text: () -> String) {
        guard isLive else { return }
        state.withLock { state in
            guard isLast || state.last.duration(to: .now) > .milliseconds(100) else { return }
            state.last = .now
            state.isLineOpen = true
            // To the line's end what was there before is cleared (ECMA-48, EL).
            StandardStreams.write("\r\(text())\u{1B}[K", to: STDERR_FILENO)
        }
    }

    /// Takes the line away; to be called before anything else is written.
    func end() {
        state.withLock { state in
            if state.isLineOpen { StandardStreams.write("\r\u{1B}[K", to: STDERR_FILENO) }
            state.isLineOpen = false
        }
    }
}
