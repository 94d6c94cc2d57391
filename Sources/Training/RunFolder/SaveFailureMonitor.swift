import Support
import Foundation
import Synchronization
import TrainingEvents

/// A file of a run that could not be written: which and why, as a sentence, and what kind of refusal it was.
package struct SaveFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package let cause: WriteFailure

    init(_ description: String, code: Int32) {
        self.description = description
        switch code {
        case ENOSPC: cause = .diskFull
        case EDQUOT: cause = .quota
        case EROFS, EACCES, EPERM: cause = .readOnly
        case EFBIG: cause = .fileTooLarge
        case ENOENT: cause = .folderMissing
        default: cause = .other
        }
    }

    init(_ error: any Error) {
        var code: Int32 = 0
        if case FileError.cannotWrite(_, _, let refusal) = error { code = refusal }
        self.init("\(error)", code: code)
    }
}

/// The latest save failure, across the threads that save and train, until the run goes on and tries again.
final class SaveFailureMonitor: Sendable {
    private let latest = Mutex<SaveFailure?>(nil)
    private let mailbox: EventMailbox
    private let inbox: CommandInbox
    /// Whether the run pauses until there is room.
    private let pausing: Atomic<Bool>

    init(mailbox: EventMailbox, inbox: CommandInbox, pauses: Bool) {
        self.mailbox = mailbox
        self.inbox = inbox
        pausing = Atomic(pauses)
    }

    var pauses: Bool {
        get { pausing.load(ordering: .relaxed) }
        set { pausing.store(newValue, ordering: .relaxed) }
    }

    /// Why a run pauses now: for the failure that is not yet mended, else because it was asked to.
    var pauseReason: PauseReason {
        guard pauses, let failure = latest.withLock({ $0 }) else { return .requested }
        return .saveFailed(failure.cause, message: failure.description)
    }

    /// Remembers a failure. Where it `isNew`, warns of it and pauses the run.
    func record(_ failure: SaveFailure, isNew: Bool = true) {
        latest.withLock { $0 = failure }
        guard isNew else { return }
        if pauses { inbox.send(.pause) }
        let advice =
            pauses
            ? "The last good files stay, and the run pauses: p goes on and tries again."
            : "The last good files stay; training goes on."
        mailbox.post(.warning("\(failure) \(advice)"))
    }

    /// Forgets the failure. Returns whether there was one.
    func clear() -> Bool {
        latest.withLock { value in
            defer { value = nil }
            return value != nil
        }
    }
}
