import Network
import TUI

/// A command of the palette. One line in `paletteTable` adds one.
struct PaletteCommand: Sendable {
    enum Argument: Sendable, Equatable {
        case none
        case text
        case choice([String])
        case theme
        case layer
    }

    enum Answer {
        case done([DashboardEffect])
        /// What was wrong, in a few words.
        case wrong(String)
    }

    let name: String
    let argument: Argument
    let summary: String
    let run: @Sendable (inout DashboardState, String) -> Answer
}

let paletteTable: [PaletteCommand] = [
    PaletteCommand(name: "freeze", argument: .layer, summary: "freeze what a pattern matches: layer3, *.bn?.*") {
        $0.setMask(matching: $1, frozen: true)
    },
    PaletteCommand(name: "thaw", argument: .layer, summary: "thaw what a pattern matches") {
        $0.setMask(matching: $1, frozen: false)
    },
    PaletteCommand(name: "goto", argument: .layer, summary: "put the cursor on a layer") { $0.goTo($1) },
    PaletteCommand(name: "unfold-all", argument: .none, summary: "every row of the tree") { state, _ in
        state.foldAll(open: true)
    },
    PaletteCommand(name: "fold-all", argument: .none, summary: "the outermost rows only") { state, _ in
        state.foldAll(open: false)
    },
    PaletteCommand(name: "theme", argument: .theme, summary: "change the colours") { state, name in
        guard let index = state.settings.themes.firstIndex(where: { $0.name == name }) else {
            return .wrong("no theme \(name); there are \(state.settings.themes.map(\.name).joined(separator: ", "))")
        }
        state.chooseTheme(index)
        return .done([])
    },
    PaletteCommand(
        name: "smoothing", argument: .choice(Smoothing.allCases.map(\.rawValue)), summary: "of the charts' lines"
    ) { state, word in
        guard let smoothing = Smoothing(rawValue: word) else { return .wrong("smoothing is off, light or strong") }
        state.setSmoothing(smoothing)
        return .done([])
    },
    PaletteCommand(
        name: "scale", argument: .choice(ChartView.Scale.allCases.map(\.rawValue)), summary: "of the value axes"
    ) { state, word in
        guard let scale = ChartView.Scale(rawValue: word) else {
            return .wrong("scale is automatic, logarithmic or linear")
        }
        state.setScale(scale)
        return .done([])
    },
    PaletteCommand(name: "axis", argument: .choice(["epochs", "steps"]), summary: "what the lower axis counts") {
        state, word in
        guard ["epochs", "steps"].contains(word) else { return .wrong("axis is epochs or steps") }
        state.charts.view.countsSteps = word == "steps"
        state.notify("the lower axis counts \(word)")
        return .done([])
    },
    PaletteCommand(name: "zoom", argument: .text, summary: "zoom FROM TO: these steps in the charts") {
        $0.zoom(toSteps: $1)
    },
    PaletteCommand(name: "cursor", argument: .text, summary: "cursor STEP: the values at a step") { state, word in
        guard let step = Int(word) else { return .wrong("cursor needs the number of a step") }
        state.charts.view.moveCursor(to: Double(step), state.stepBounds)
        return .done([])
    },
    PaletteCommand(
        name: "glyphs", argument: .choice(GlyphSet.allCases.map(\.option)), summary: "the characters to draw with"
    ) { state, word in
        guard let glyphs = GlyphSet(option: word) else { return .wrong("glyphs are braille, block or ascii") }
        state.settings.glyphs = glyphs
        state.notify("glyphs \(word)")
        return .done([])
    },
    PaletteCommand(name: "mouse", argument: .choice(["on", "off"]), summary: "off leaves it to the terminal") {
        state, word in
        guard ["on", "off"].contains(word) else { return .wrong("mouse is on or off") }
        state.settings.usesMouse = word == "on"
        state.notify("mouse \(word)")
        return .done([.mouse(state.settings.usesMouse)])
    },
    PaletteCommand(name: "layers", argument: .text, summary: "layers WIDTH: columns of the layer pane; 0 as usual") {
        state, word in
        guard let width = Int(word), (0...1000).contains(width) else { return .wrong("layers needs a number") }
        state.settings.layerWidth = width == 0 ? nil : width
        return .done([])
    },
]

extension DashboardState {
    /// Runs a line of the palette: its own commands, and by name what has a key.
    mutating func run(line: String) -> [DashboardEffect] {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        guard let name = words.first else { return [] }
        var rest = words.count > 1 ? words[1] : ""
        while rest.last == " " { rest.removeLast() }
        if let command = paletteTable.first(where: { $0.name == name }) {
            switch command.run(&self, rest) {
            case .done(let effects): return effects
            case .wrong(let reason):
                notify(reason, .warning)
                return []
            }
        }
        if let command = KeyCommand(rawValue: name) { return perform(command) }
        notify("no command \(name); : and tab list them", .warning)
        return []
    }

    mutating func setMask(matching text: String, frozen value: Bool) -> PaletteCommand.Answer {
        guard isAvailable(.pattern) else { return .wrong("no run is open") }
        let names = ParameterPattern(text).matching(layers.tree.names)
        guard !names.isEmpty else { return .wrong(text.isEmpty ? "which layers?" : "\(text) matches no parameter") }
        return .done(request(.setFrozen(names, value)))
    }

    mutating func goTo(_ path: String) -> PaletteCommand.Answer {
        guard let node = layers.tree.nodes.firstIndex(where: { $0.path == path }) else {
            return .wrong("no layer \(path)")
        }
        selection.pinnedTop = nil
        selection.reveal(node, layers.tree)
        return .done([])
    }

    mutating func foldAll(open: Bool) -> PaletteCommand.Answer {
        selection.unfolded = open ? Set(layers.tree.nodes.filter { !$0.children.isEmpty }.map(\.path)) : []
        selection.layRows(layers.tree)
        return .done([])
    }

    mutating func zoom(toSteps text: String) -> PaletteCommand.Answer {
        let numbers = text.split(separator: " ").map { Double(String($0)) }
        guard numbers.count == 2, let from = numbers[0], let to = numbers[1], from < to, from.isFinite, to.isFinite
        else { return .wrong("zoom needs two steps, the smaller first") }
        let run = stepBounds
        charts.view.show(from: max(run.first, min(from, 1e12)), to: max(run.first, min(to, 1e12)), run)
        notifyWindow()
        return .done([])
    }

    /// What a freeze command asked for, until the engine answers with the step.
    mutating func notifyRequest(_ wanted: [Int: Bool], _ kind: DialogState.ChangeKind) {
        let text = changeText(wanted)
        let verb =
            switch kind {
            case .change: "asked to "
            case .undo: "undo: "
            case .redo: "redo: "
            }
        notify(text.isEmpty ? "that is so already" : verb + text, awaitsAnswer: !text.isEmpty)
    }

    /// `freeze layer1, thaw fc`; empty where nothing changes.
    func changeText(_ wanted: [Int: Bool]) -> String {
        let frozen = Set(wanted.filter(\.value).keys)
        let changes = [("freeze", frozen), ("thaw", Set(wanted.keys).subtracting(frozen))]
        return layers.tree.name(changes, settings.glyphs)
    }
}
