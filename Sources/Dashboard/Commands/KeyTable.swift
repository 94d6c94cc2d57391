import TUI
import TrainingEvents

/// What a key asks for. The footer, the help and `update` all read `keyTable`, so none can promise what another lacks.
enum KeyCommand: Sendable, Equatable {
    case up, down, first, last, pageUp, pageDown
    case unfold, fold, enter
    case toggle
    case strategy(Strategy)
    case pattern
    case pause
    case save
    case smoothing, scale, axis, zoomIn, zoomOut, panLeft, panRight, wholeRun, chartCursor
    case theme
    case log
    case palette
    case help
    case quit
    case interrupt, suspend, redraw
    case decide(DecisionCommand)
}

struct KeyBinding: Sendable {
    let keys: [(Key, KeyCommand)]
    /// How the keys are written, and how without Unicode.
    let label: String
    let asciiLabel: String
    /// For the footer; nil where the key is named in the help only.
    let short: String?
    let long: String
    /// Greater stays longer in a narrow footer.
    let weight: Int

    init(
        _ keys: [(Key, KeyCommand)], _ label: String, ascii: String? = nil, short: String? = nil, weight: Int = 0,
        _ long: String
    ) {
        self.keys = keys
        self.label = label
        asciiLabel = ascii ?? label
        self.short = short
        self.long = long
        self.weight = weight
    }
}

let keyTable: [KeyBinding] = [
    KeyBinding(
        [(.character(" "), .toggle)], "space", short: "freeze/thaw", weight: 9,
        "freeze or thaw the row under the cursor"),
    KeyBinding(
        [
            (.character("1"), .strategy(.head)), (.character("2"), .strategy(.partial)),
            (.character("3"), .strategy(.full)),
        ], "1 2 3", short: "strategy", weight: 8, "train fc only, layer4 and fc, everything"),
    KeyBinding(
        [(.character("f"), .pattern)], "f", short: "pattern", weight: 5, "freeze or thaw by name: layer3, *.bn?.*"),
    KeyBinding(
        [(.character("u"), .decide(.undo)), (.control("r"), .decide(.redo))], "u ^R", short: "undo", weight: 2,
        "undo and redo freezes and thaws"),
    KeyBinding([(.character("V"), .decide(.range))], "V", "select a range: move, then space"),
    KeyBinding(
        [(.character("a"), .decide(.above)), (.character("b"), .decide(.below))], "a b",
        "freeze or thaw everything above here, below here"),
    KeyBinding(
        [
            (.character("/"), .decide(.search)), (.character("n"), .decide(.nextMatch)),
            (.character("N"), .decide(.previousMatch)),
        ], "/ n N", "find a row by name; the next, the previous"),
    KeyBinding(
        [
            (.character("+"), .decide(.rateUp)), (.character("="), .decide(.rateUp)),
            (.character("-"), .decide(.rateDown)),
        ], "+ -", "learning rate up and down by a quarter"),
    KeyBinding(
        [(.character("."), .decide(.step)), (.character("v"), .decide(.validate))], ". v",
        "one step, then pause; validate now"),
    KeyBinding([(.character("M"), .decide(.mistakes))], "M", "mistakes: confusion matrix, most wrong pictures"),
    KeyBinding([(.character("H"), .decide(.heat))], "H", "heat map: gradient norms, update ratios"),
    KeyBinding([(.character("p"), .pause)], "p", short: "pause", weight: 6, "pause and resume between two steps"),
    KeyBinding([(.character("s"), .save)], "s", short: "save", weight: 4, "save the weights now"),
    KeyBinding(
        [(.enter, .enter)], "↵", ascii: "enter", short: "inspect", weight: 3,
        "unfold a group; on a parameter, inspect it"),
    KeyBinding(
        [(.up, .up), (.character("k"), .up), (.down, .down), (.character("j"), .down)], "↑ ↓ k j", ascii: "up/dn k j",
        "move the cursor"),
    KeyBinding(
        [(.right, .unfold), (.character("l"), .unfold), (.left, .fold), (.character("h"), .fold)], "→ ← l h",
        ascii: "rt/lt l h", "unfold, fold or go to the parent"),
    KeyBinding(
        [(.character("g"), .first), (.home, .first), (.character("G"), .last), (.end, .last)], "g G",
        "first and last row"),
    KeyBinding([(.pageUp, .pageUp), (.pageDown, .pageDown)], "PgUp PgDn", "ten rows at a time"),
    KeyBinding([(.character("m"), .smoothing)], "m", short: "smooth", weight: 2, "smoothing: off, light, strong"),
    KeyBinding(
        [(.character("y"), .scale), (.character("x"), .axis)], "y x", "value axis log or linear; count epochs or steps"
    ),
    KeyBinding(
        [
            (.character("z"), .zoomIn), (.character("Z"), .zoomOut), (.character("["), .panLeft),
            (.character("]"), .panRight), (.character("0"), .wholeRun),
        ], "z Z [ ] 0", "zoom in and out, pan, the whole run"),
    KeyBinding([(.tab, .chartCursor)], "tab", "chart cursor: the values at a step"),
    KeyBinding([(.character("t"), .theme)], "t", short: "theme", weight: 1, "the next theme"),
    KeyBinding([(.character("L"), .log)], "L", short: "log", weight: 1, "what was said so far: a pane, all of it"),
    KeyBinding([(.character(":"), .palette)], ":", short: "commands", weight: 2, "everything by name, with completion"),
    KeyBinding([(.character("?"), .help)], "?", short: "help", weight: 7, "this list"),
    KeyBinding([(.control("z"), .suspend), (.control("l"), .redraw)], "^Z ^L", "suspend; draw the screen anew"),
    KeyBinding(
        [(.character("q"), .quit)], "q", short: "quit", weight: 10, "finish the step, save and leave"),
    KeyBinding([(.control("c"), .interrupt)], "^C", "the same; a second one leaves at once"),
]

extension DashboardState {
    func command(for key: Key) -> KeyCommand? { keys.command(for: key) }

    /// Whether the key does something now; the footer shows no other.
    func isAvailable(_ command: KeyCommand) -> Bool {
        switch command {
        case .toggle, .strategy, .pattern, .save, .pause: isLive && !tree.parameters.isEmpty
        case .up, .down, .first, .last, .pageUp, .pageDown, .unfold, .fold, .enter: !rows.isEmpty
        case .zoomIn, .zoomOut, .panLeft, .panRight, .wholeRun, .chartCursor: lastStep != nil
        case .smoothing, .scale, .axis, .log, .palette: true
        case .theme: themes.count > 1
        case .quit: !isStopping || jobEnded
        case .help, .interrupt, .suspend, .redraw: true
        case .decide(let command): isAvailable(command)
        }
    }
}
