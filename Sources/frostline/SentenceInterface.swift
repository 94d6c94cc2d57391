import Dashboard
import Foundation
import TUI
import TrainingEvents

/// The interface of `--plain`: changes as sentences, a line each, and the palette's commands as lines from standard input.
final class SentenceInterface {
    private var state: DashboardState
    private var narrator = Narrator()
    private var unfinished = ""
    private var isAtEnd = isatty(STDIN_FILENO) != 1 && RankProcesses.take(RankProcesses.inputVariable) == nil

    init(tie: RunTie) {
        state = DashboardState(glyphs: .ascii)
        state.run.tie = tie
    }

    /// Where commands come from; -1 after its end.
    var descriptor: Int32 { isAtEnd ? -1 : STDIN_FILENO }

    func print(_ event: TrainingEvent) {
        _ = update(&state, .event(event))
        let now = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
        narrator.sentences(for: event, state, now: now).forEach(StandardStreams.line)
    }

    /// Reads the lines that have come and prints their answers.
    /// - Returns: what they ask for.
    func readCommands() -> [DashboardEffect] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        guard count > 0 else {
            if count < 0, errno == EINTR || errno == EAGAIN { return [] }
            isAtEnd = true
            return []
        }
        unfinished += String(decoding: bytes[..<count], as: UTF8.self)
        var asked: [DashboardEffect] = []
        while let end = unfinished.firstIndex(where: \.isNewline) {
            let line = String(unfinished[..<end])
            unfinished = String(unfinished[unfinished.index(after: end)...])
            let (effects, answer) = state.handle(line)
            answer.forEach(StandardStreams.line)
            asked += effects
        }
        return asked
    }
}
