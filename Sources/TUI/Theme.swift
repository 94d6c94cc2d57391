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
        let ice = RGB(0x8F, 0xD8, 0xFF)
        let glacier = RGB(0x5B, 0xA8, 0xE5)
        let slate = RGB(0x5A, 0x6B, 0x7F)
        let mist = RGB(0x8A, 0x9B, 0xB0)
        let snow = RGB(0xE6, 0xEE, 0xF6)
        let ember = RGB(0xFF, 0xB4, 0x54)
        let rose = RGB(0xFF, 0x8F, 0xA3)
        let moss = RGB(0x9B, 0xD7, 0x7E)
        let violet = RGB(0xC4, 0xA7, 0xFF)
        var theme = Theme(styles: [Style](repeating: Style(), count: Role.allCases.count))
        theme[.brand] = Style(foreground: ice, bold: true)
        theme[.title] = Style(foreground: snow, bold: true)
        theme[.border] = Style(foreground: slate)
        theme[.text] = Style()
        theme[.dim] = Style(foreground: mist)
        theme[.frozen] = Style(foreground: ice)
        theme[.trainable] = Style(foreground: moss)
        theme[.partly] = Style(foreground: violet)
        theme[.pending] = Style(foreground: ember, bold: true)
        theme[.cached] = Style(foreground: glacier)
        theme[.norm] = Style(foreground: moss)
        theme[.cursor] = Style(background: RGB(0x24, 0x34, 0x47), bold: true)
        theme[.train] = Style(foreground: ice)
        theme[.band] = Style(foreground: RGB(0x3E, 0x6E, 0x96))
        theme[.validation] = Style(foreground: ember, bold: true)
        theme[.mark] = Style(foreground: violet)
        theme[.axis] = Style(foreground: mist)
        theme[.progress] = Style(foreground: glacier, bold: true)
        theme[.track] = Style(foreground: RGB(0x38, 0x46, 0x56))
        theme[.notice] = Style(foreground: mist)
        theme[.success] = Style(foreground: moss)
        theme[.warning] = Style(foreground: ember)
        theme[.error] = Style(foreground: rose, bold: true)
        theme[.key] = Style(foreground: ice, bold: true)
        theme[.label] = Style(foreground: mist)
        return theme
    }()
}
