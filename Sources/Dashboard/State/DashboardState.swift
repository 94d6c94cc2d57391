import Network
import TUI
import TrainingEvents

/// Everything the dashboard knows, as plain data. `update` changes it, `render` draws it.
package struct DashboardState: Sendable {
    enum Phase: Sendable, Equatable {
        /// Nothing was heard yet.
        case waiting
        /// A run is open; its first step is still to come.
        case preparing
        case running
        case finished(RunSummary)
        case failed(String)
    }

    enum Overlay: Sendable, Equatable { case help, messages }

    struct Prompt: Sendable, Equatable {
        var text = ""
        var freezing = true
    }

    struct Message: Sendable, Equatable {
        enum Kind: Sendable { case notice, success, warning, error }
        var kind: Kind
        var text: String
        /// The latest step when it was said.
        var step: Int?
    }

    package internal(set) var glyphs: GlyphSet

    // The run.
    var run: RunDescription?
    var dataset: DatasetDescription?
    var phase = Phase.waiting
    var progress: WorkProgress?
    var lastStep: StepReport?
    var lastEpoch: EpochReport?
    var best: EpochReport?
    /// The step before the first that was seen; a resumed run does not start at 0.
    var firstStep = 0
    /// Running mean of recent steps' duration, for the remaining time.
    var recentMilliseconds: Double?
    /// Milliseconds of this epoch's steps; nil once the epoch held a pause.
    var epochMilliseconds: Double? = 0
    /// What an epoch takes beside its steps, as the last one without a pause did.
    var millisecondsBesideSteps = 0.0
    var pauseReason: PauseReason?
    var isPaused: Bool { pauseReason != nil }
    /// p was pressed and the engine has not answered.
    var pausePending = false
    /// The latest s that neither a save nor a refusal has answered.
    var saveRequest: CommandID?
    var isSaving: Bool { saveRequest != nil }

    // The mask.
    var tree = LayerTree()
    package internal(set) var frozen: [Bool] = []
    /// The step from which a parameter has been frozen.
    var frozenSince: [Int] = []
    var hasMask = false
    var strategy: Strategy?
    var frostLine: String?
    var cache: CacheStatus?
    var proof: FreezeProof?
    package internal(set) var pending = PendingChanges()

    // What was measured.
    var loss = Series()
    var accuracy = Series()
    var validationLoss = Series()
    var validationAccuracy = Series()
    var marks: [ChartMark] = []
    /// Runs whose lines lie behind this one's; at most `OtherRun.limit`.
    package var others: [OtherRun] = []
    /// Gradient norm per node of the tree.
    var norms: [Series] = []
    /// Norm of the whole gradient.
    var totalNorm = Series()
    /// The latest norms of every node, `recentCount` slots each, for the sparklines.
    var recent: [Float] = []
    var recentEnd = 0
    var updateRatios: [Double] = []

    // The person.
    /// Path of the row under the cursor, which survives a new run.
    var cursor: String?
    var unfolded: Set<String> = []
    var hasFolds = false
    /// Visible rows as nodes, and the cursor's place among them.
    var rows: [Int] = []
    var cursorRow = 0
    var isInspecting = false
    var prompt: Prompt?
    var overlay: Overlay?
    var overlayScroll = 0
    var messages: [Message] = []
    /// An error that stays in the status line, before notices, until the run goes on.
    var standingError: Message?
    /// What the last key or click did.
    var status: Message?

    // How it looks.
    var view = ChartView()
    var log = LogView.hidden
    var palette: PaletteLine?
    /// Columns of the layer pane, where a person moved the divider.
    var layerWidth: Int?
    var isDraggingDivider = false
    /// The first visible row, where the mouse chose it.
    var pinnedTop: Int?
    /// 0 until the terminal's size is known.
    var screenWidth = 0
    var screenHeight = 0
    package internal(set) var usesMouse = true
    var keys = KeyMap()
    var themes: [NamedTheme] = []
    var themeIndex = 0

    /// What helps to decide what to freeze.
    var deciding = DecidingState()
    /// A run that somebody else trains, or that is over: nothing can be asked of it.
    package var isReadOnly = false
    /// The terminal has no colours, so pictures are drawn in shades.
    package var isMonochrome = false

    // The end.
    /// Whether the run was asked to stop, by q or by a signal.
    package internal(set) var isStopping = false
    var jobEnded = false

    static let recentCount = 64
    static let markLimit = 256
    static let messageLimit = 100

    package init(glyphs: GlyphSet) { self.glyphs = glyphs }

    /// What to draw with.
    package var theme: Theme { themes.indices.contains(themeIndex) ? themes[themeIndex].theme : .builtIn }

    /// Whether the last run ended and no other follows.
    package var isFinished: Bool {
        switch phase {
        case .finished, .failed: jobEnded
        default: false
        }
    }

    /// Whether the engine would listen to a command.
    var isLive: Bool {
        guard !isStopping, !jobEnded, !isReadOnly else { return false }
        switch phase {
        case .preparing, .running: return run != nil
        default: return false
        }
    }

    var cursorNode: Int? { rows.indices.contains(cursorRow) ? rows[cursorRow] : nil }

    var parameterNames: [String] { tree.parameters.map(\.name) }

    /// The mask as it will be when every command is answered.
    func willBeFrozen(_ parameter: Int) -> Bool { pending.wanted(parameter) ?? frozen[parameter] }
    var wantedMask: [Bool] { frozen.indices.map(willBeFrozen) }

    func isPending(_ node: Int) -> Bool {
        !pending.isEmpty && tree.nodes[node].members.contains { pending.changes($0, from: frozen[$0]) }
    }

    var trainableCount: Int { frozen.indices.reduce(0) { $0 + (frozen[$1] ? 0 : tree.size($1)) } }
    var totalCount: Int { frozen.indices.reduce(0) { $0 + tree.size($1) } }

    /// Whether the row's features come from the cache: wholly frozen and above the frost line.
    func isCached(_ node: Int) -> Bool {
        guard case .on(let line, _, let cached, _)? = cache, cached > 0 else { return false }
        let members = tree.nodes[node].members
        guard let last = members.last, members.allSatisfy({ frozen[$0] }) else { return false }
        if line.isEmpty { return true }
        let first = tree.parameters.firstIndex { $0.name == line || $0.name.hasPrefix(line + ".") }
        return first.map { last < $0 } ?? false
    }
}
