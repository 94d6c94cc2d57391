import TUI

/// A line for the log or the status line.
struct Message: Sendable, Equatable {
    enum Kind: Sendable { case notice, success, warning, error }
    var kind: Kind
    var text: String
    /// The latest step when it was recorded.
    var step: Int?
    /// It says what was asked for, and is out of date when the answer is there.
    var awaitsAnswer = false
}

struct MessageLog: Sendable {
    /// Oldest first.
    private(set) var entries: [Message] = []
    /// An error that stays in the status line, before notices, until the run goes on.
    var standingError: Message?
    /// What the last key or click did.
    var status: Message?

    static let limit = 100

    mutating func record(_ message: Message) {
        entries.append(message)
        if entries.count > Self.limit { entries.removeFirst(entries.count - Self.limit) }
        if message.kind == .error { standingError = message }
        if status?.awaitsAnswer == true { status = nil }
    }
}

extension Message.Kind {
    /// The sign before a message, and its colour.
    func look(_ glyphs: GlyphSet) -> (sign: String, role: Role) {
        switch self {
        case .notice: (glyphs.isUnicode ? "·" : "-", .notice)
        case .success: (glyphs.sign("✓", block: "+", ascii: "+"), .success)
        case .warning: ("!", .warning)
        case .error: (glyphs.sign("✗", block: "X", ascii: "X"), .error)
        }
    }
}
