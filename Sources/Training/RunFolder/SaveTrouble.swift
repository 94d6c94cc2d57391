import Synchronization
import TrainingEvents

/// What could not be written: said, and remembered across the threads that save and train until somebody takes it up.
final class SaveTrouble: Sendable {
    private let isThere = Mutex(false)
    private let mailbox: EventMailbox
    private let inbox: CommandInbox
    /// Whether the run waits for a person who can make room.
    private let pauses: Bool

    init(mailbox: EventMailbox, inbox: CommandInbox, pauses: Bool) {
        self.mailbox = mailbox
        self.inbox = inbox
        self.pauses = pauses
    }

    func note() { isThere.withLock { $0 = true } }

    /// Remembers it, pauses the run where that helps, and says so.
    func tell(_ problem: String) {
        note()
        if pauses { inbox.send(.pause) }
        let advice =
            pauses
            ? "The last good files stay, and the run pauses: p goes on and tries again."
            : "The last good files stay; training goes on."
        mailbox.post(.warning("\(problem) \(advice)"))
    }

    /// Whether there was trouble since the last call.
    func take() -> Bool {
        isThere.withLock { value in
            defer { value = false }
            return value
        }
    }
}
