import TUI

/// At the left the error that stands, else the latest message; at the right what the last key did, which is never left
/// out.
struct StatusLine {
    let messages: MessageLog

    func draw(_ canvas: inout Canvas, y: Int) {
        let (theme, glyphs) = (canvas.theme, canvas.glyphs)
        var right = canvas.frame.width - 1
        let message = messages.standingError ?? messages.entries.last
        if let status = messages.status {
            let room = message == nil ? right - 1 : max(20, right / 2)
            let text = fitted(status.text, room, glyphs)
            canvas.putRight(right, y, text, theme[status.kind == .notice ? .title : status.kind.look(glyphs).role])
            right -= canvas.width(text) + 2
        }
        guard let message, right > 12 else { return }
        let (sign, role) = message.kind.look(glyphs)
        let x = canvas.put(1, y, sign + " ", theme[role])
        canvas.putFitted(x, y, message.text, theme[role], width: right - x)
    }
}
