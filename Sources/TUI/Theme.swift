/// What a cell is for. A theme says how each of these looks.
package enum Role: Int, CaseIterable, Sendable {
    /// What lies under everything that has no colour of its own.
    case screen
    case brand, title, border, text, dim
    case frozen, trainable, partly, pending, cached, norm
    case cursor
    case train, band, validation, mark, axis
    case progress, track
    case notice, success, warning, error
    case key, label

    /// What theme files call it.
    package var name: String {
        switch self {
        case .band: "train-band"
        case .label: "key-label"
        default: "\(self)"
        }
    }

    package init?(name: String) {
        guard let role = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = role
    }
}

/// The dashboard's colours and attributes. Backgrounds that a theme does not name stay the terminal's own.
package struct Theme: Sendable, Equatable {
    package var styles: [Style]

    package subscript(role: Role) -> Style {
        get { styles[role.rawValue] }
        set { styles[role.rawValue] = newValue }
    }

    /// The theme `frost`, for a program that was installed without its files. `themes/frost.toml` says the same.
    package static let builtIn: Theme = {
        let colours: [(UInt32, [Role])] = [
            (0x8FD8FF, [.brand, .frozen, .train, .key]), (0x5BA8E5, [.cached, .progress]), (0x3E6E96, [.band]),
            (0x8A9BB0, [.dim, .axis, .notice, .label]), (0x5A6B7F, [.border]), (0x384656, [.track]),
            (0x9BD77E, [.trainable, .norm, .success]), (0xC4A7FF, [.partly, .mark]), (0xE6EEF6, [.title]),
            (0xFFB454, [.pending, .validation, .warning]), (0xFF8FA3, [.error]),
        ]
        var theme = Theme(styles: [Style](repeating: Style(), count: Role.allCases.count))
        for (colour, roles) in colours {
            for role in roles { theme[role].foreground = RGB(colour) }
        }
        theme[.cursor].background = RGB(0x243447)
        let bold: [Role] = [.brand, .title, .pending, .cursor, .validation, .progress, .error, .key]
        for role in bold { theme[role].bold = true }
        return theme
    }()
}
