import TUI

/// What a key asks for. The footer, the help and `update` all read `keyTable`, so none can promise what another lacks.
///
/// The raw values are the names in configuration files and in the palette: they stay, whatever a case is called.
enum KeyCommand: String, Sendable, CaseIterable {
    case up = "up", down = "down", first = "first", last = "last", pageUp = "page-up", pageDown = "page-down"
    case unfold = "unfold", fold = "fold", enter = "enter"
    case toggle = "toggle", range = "range", above = "above", below = "below"
    case strategyHead = "strategy-head", strategyPartial = "strategy-partial", strategyFull = "strategy-full"
    case pattern = "pattern"
    case undo = "undo", redo = "redo"
    case search = "search", nextMatch = "next-match", previousMatch = "previous-match"
    case rateUp = "rate-up", rateDown = "rate-down", step = "step", validate = "validate", pause = "pause"
    case worth = "worth", auto = "auto"
    case save = "save"
    case mistakes = "mistakes", overlay = "overlay", heat = "heat"
    case smoothing = "smoothing", scale = "scale", axis = "axis"
    case zoomIn = "zoom-in", zoomOut = "zoom-out", panLeft = "pan-left", panRight = "pan-right"
    case wholeRun = "whole-run", chartCursor = "chart-cursor"
    case theme = "theme", log = "log", palette = "palette", help = "help"
    case detach = "detach", stopRun = "stop-run"
    case quit = "quit", interrupt = "interrupt", suspend = "suspend", redraw = "redraw"
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

/// The key table for pages outside of the dashboard.
package enum KeyTableText {
    /// The commands' names in config.toml, with their keys and what they do.
    package static var commands: [(name: String, keys: String, help: String)] {
        KeyCommand.allCases.compactMap { command in
            keyTable.first { $0.keys.contains { $0.1 == command } }.map { binding in
                let keys = binding.keys.filter { $0.1 == command }.map { $0.0.name }
                return (command.rawValue, keys.joined(separator: " "), binding.long)
            }
        }
    }
}

let keyTable: [KeyBinding] = [
    KeyBinding([(" ", .toggle)], "space", short: "freeze/thaw", weight: 9, "freeze or thaw the row under the cursor"),
    KeyBinding(
        [("1", .strategyHead), ("2", .strategyPartial), ("3", .strategyFull)], "1 2 3", short: "strategy", weight: 8,
        "train fc only, layer4 and fc, everything"),
    KeyBinding([("f", .pattern)], "f", short: "pattern", weight: 5, "freeze or thaw by name: layer3, *.bn?.*"),
    KeyBinding(
        [("u", .undo), (.control("r"), .redo)], "u ^R", short: "undo", weight: 2, "undo and redo freezes and thaws"),
    KeyBinding([("V", .range)], "V", "select a range: move, then space"),
    KeyBinding([("a", .above), ("b", .below)], "a b", "freeze or thaw everything above here, below here"),
    KeyBinding(
        [("/", .search), ("n", .nextMatch), ("N", .previousMatch)], "/ n N",
        "find a row by name; the next, the previous"),
    KeyBinding([("+", .rateUp), ("=", .rateUp), ("-", .rateDown)], "+ -", "learning rate up and down by a quarter"),
    KeyBinding([(".", .step), ("v", .validate)], ". v", "one step, then pause; validate now"),
    KeyBinding([("w", .worth)], "w", short: "worth", weight: 3, "measure what thawing each frozen row is worth"),
    KeyBinding([("A", .auto)], "A", "auto: thaws what pays, takes back what does not; a freeze or thaw takes over"),
    KeyBinding([("M", .mistakes)], "M", "mistakes: confusion matrix, most wrong pictures"),
    KeyBinding(
        [("o", .overlay)], "o", short: "overlay", weight: 9,
        "mistakes: where it looks for the said, the true class"),
    KeyBinding([("H", .heat)], "H", "heat map: gradient norms, update ratios"),
    KeyBinding([("p", .pause)], "p", short: "pause", weight: 6, "pause and resume between two steps"),
    KeyBinding([("s", .save)], "s", short: "save", weight: 4, "save the weights now"),
    KeyBinding(
        [(.enter, .enter)], "↵", ascii: "enter", short: "inspect", weight: 3,
        "unfold a group; on a parameter, inspect it"),
    KeyBinding(
        [(.up, .up), ("k", .up), (.down, .down), ("j", .down)], "↑ ↓ k j", ascii: "up/dn k j", "move the cursor"),
    KeyBinding(
        [(.right, .unfold), ("l", .unfold), (.left, .fold), ("h", .fold)], "→ ← l h", ascii: "rt/lt l h",
        "unfold, fold or go to the parent"),
    KeyBinding([("g", .first), (.home, .first), ("G", .last), (.end, .last)], "g G", "first and last row"),
    KeyBinding([(.pageUp, .pageUp), (.pageDown, .pageDown)], "PgUp PgDn", "ten rows at a time"),
    KeyBinding([("m", .smoothing)], "m", short: "smooth", weight: 2, "smoothing: off, light, strong"),
    KeyBinding([("y", .scale), ("x", .axis)], "y x", "value axis log or linear; count epochs or steps"),
    KeyBinding(
        [("z", .zoomIn), ("Z", .zoomOut), ("[", .panLeft), ("]", .panRight), ("0", .wholeRun)], "z Z [ ] 0",
        "zoom in and out, pan, the whole run"),
    KeyBinding([(.tab, .chartCursor)], "tab", "chart cursor: the values at a step"),
    KeyBinding([("t", .theme)], "t", short: "theme", weight: 1, "the next theme"),
    KeyBinding([("L", .log)], "L", short: "log", weight: 1, "what was said so far: a pane, all of it"),
    KeyBinding([(":", .palette)], ":", short: "commands", weight: 2, "everything by name, with completion"),
    KeyBinding([("?", .help)], "?", short: "help", weight: 7, "this list"),
    KeyBinding([(.control("z"), .suspend), (.control("l"), .redraw)], "^Z ^L", "suspend; draw the screen anew"),
    KeyBinding(
        [("D", .detach)], "D", short: "detach", weight: 1, "leave, and the run goes on: frostline attach comes back"),
    KeyBinding([("Q", .stopRun)], "Q", "attached: stop the run, after a question"),
    KeyBinding(
        [("q", .quit)], "q", short: "quit", weight: 10, "finish the step, save and leave; attached: leave the run alone"
    ),
    KeyBinding([(.control("c"), .interrupt)], "^C", "the same; a second one leaves at once"),
]

extension DashboardState {
    /// Whether the key does something now; the footer shows no other.
    func isAvailable(_ command: KeyCommand) -> Bool {
        switch command {
        case .toggle, .strategyHead, .strategyPartial, .strategyFull, .pattern, .save, .pause:
            run.isLive && !layers.tree.parameters.isEmpty
        case .undo: run.isLive && !decisions.history.past.isEmpty
        case .redo: run.isLive && !decisions.history.future.isEmpty
        case .range, .above, .below: run.isLive && !selection.rows.isEmpty
        case .rateUp, .rateDown, .step, .validate, .worth, .auto: run.isLive && layers.hasMask
        case .search, .up, .down, .first, .last, .pageUp, .pageDown, .unfold, .fold, .enter: !selection.rows.isEmpty
        case .nextMatch, .previousMatch: !selection.rows.isEmpty && !dialogs.search.line.text.isEmpty
        case .mistakes, .heat: run.description != nil
        case .overlay: run.description != nil && settings.rightView == .mistakes
        case .zoomIn, .zoomOut, .panLeft, .panRight, .wholeRun, .chartCursor: run.lastStep != nil
        case .theme: settings.themes.count > 1
        case .detach: (run.tie == .started || run.tie == .attached) && run.description != nil && !run.isOver
        case .stopRun: run.tie == .attached && run.isLive
        case .quit: !run.isStopping || run.jobEnded || run.tie == .attached
        case .smoothing, .scale, .axis, .log, .palette, .help, .interrupt, .suspend, .redraw: true
        }
    }

    var availableCommands: Set<KeyCommand> { Set(KeyCommand.allCases.filter(isAvailable)) }
}
