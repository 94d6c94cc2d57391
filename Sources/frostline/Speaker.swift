import TUI
import Dashboard
import Foundation
import TrainingEvents

/// `--plain`: says what changes as sentences, a line each, and takes the palette's commands as lines.
final class Speaker {
    private var state = DashboardState(glyphs: .ascii)
    private var narrator = Narrator()
    private var unfinished = ""
    private var isAtEnd = isatty(STDIN_FILENO) != 1

    /// Where commands come from; -1 once there are none to come.
    var descriptor: Int32 { isAtEnd ? -1 : STDIN_FILENO }

    func say(_ event: TrainingEvent) {
        _ = update(&state, .event(event))
        let now = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
        narrator.sentences(for: event, state, now: now).forEach(say)
    }

    private func say(_ sentence: String) { StandardStreams.line(StandardStreams.visible(sentence)) }

    /// Reads what was typed and answers it.
    /// - Returns: what the job is to do.
    func listen() -> [CommandRequest] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        guard count > 0 else {
            if count < 0, errno == EINTR || errno == EAGAIN { return [] }
            isAtEnd = true
            return []
        }
        unfinished += String(decoding: bytes[..<count], as: UTF8.self)
        var commands: [CommandRequest] = []
        while let end = unfinished.firstIndex(where: \.isNewline) {
            let line = String(unfinished[..<end])
            unfinished = String(unfinished[unfinished.index(after: end)...])
            let (effects, answer) = state.handle(line)
            answer.forEach(say)
            for case .engine(let command, let id) in effects { commands.append(CommandRequest(command, id: id)) }
        }
        return commands
    }
}
