import Support

/// One line of `frostline doctor`.
struct Finding: Equatable {
    enum State: String { case good, advice, bad }
    /// What was looked at, in a word or two; also the key in JSON.
    let name: String
    let state: State
    /// What was found, in a sentence without a full stop.
    let text: String
    /// What to do, where something is to be done.
    let remedy: String?

    static func good(_ name: String, _ text: String) -> Finding {
        Finding(name: name, state: .good, text: text, remedy: nil)
    }
    static func advice(_ name: String, _ text: String, _ remedy: String) -> Finding {
        Finding(name: name, state: .advice, text: text, remedy: remedy)
    }
    static func bad(_ name: String, _ text: String, _ remedy: String) -> Finding {
        Finding(name: name, state: .bad, text: text, remedy: remedy)
    }

    var json: JSON {
        .object([
            ("name", .string(name)), ("state", .string(state.rawValue)), ("found", .string(text)),
            ("remedy", remedy.map(JSON.string) ?? .null),
        ])
    }
}
