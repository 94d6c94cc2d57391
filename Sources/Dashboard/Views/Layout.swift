import TUI
/// The least terminal that holds the panes.
package let leastWidth = 60
package let leastHeight = 15

/// Where everything stands. Both drawing and the mouse go by it.
///
/// What there is no room for is left out whole, in this order: the log pane below 30 rows, then the chart of gradient
/// norms, then the accuracy; the layers and the loss stay down to 60×15, and below that one line has the essentials.
package struct Layout: Equatable {
    package var layers: Area
    /// Beside the layers: the charts.
    package var right: Area
    package var log: Area?
    /// Rows of `HealthView`, above the status line, and of `StoryView`, above them.
    var health: Int
    var story: Int
    var status: Int
    var footer: Int

    /// Everything between the header and the status line.
    var panes: Area

    /// A chart of fewer rows would be borders and nothing else.
    static let leastChartRows = 6
    static let leastLayerWidth = 30
    static let leastChartWidth = 24
    static let logNeedsHeight = 30

    /// nil where the terminal is too small for panes.
    package init?(width: Int, height: Int, layerWidth: Int?, showsLog: Bool, health: Int = 0, story: Int = 0) {
        guard width >= leastWidth, height >= leastHeight else { return nil }
        panes = Area(x: 0, y: 1, width: width, height: height - 3 - health - story)
        self.health = health
        self.story = story
        status = height - 2
        footer = height - 1
        let usual = width < 80 ? 36 : max(46, min(72, width * 3 / 10))
        let left = max(Self.leastLayerWidth, min(width - Self.leastChartWidth, layerWidth ?? usual))
        var rows = panes.height
        if showsLog, height >= Self.logNeedsHeight {
            let size = max(6, min(14, panes.height / 4))
            rows -= size
            log = Area(x: 0, y: panes.y + rows, width: width, height: size)
        }
        layers = Area(x: 0, y: panes.y, width: left, height: rows)
        right = Area(x: left, y: panes.y, width: width - left, height: rows)
    }

    /// From the top: loss, accuracy, gradient norm, as many as have room.
    package static func charts(in area: Area) -> [Area] {
        let count = min(3, area.height / leastChartRows)
        var y = area.y
        return (0..<count).map { index in
            // What does not divide evenly goes to the upper charts.
            let size = area.height / count + (index < area.height % count ? 1 : 0)
            defer { y += size }
            return Area(x: area.x, y: y, width: area.width, height: size)
        }
    }
}

extension Layout {
    init?(_ state: DashboardState, width: Int, height: Int, health: [HealthLine]? = nil, story: [StoryLine]? = nil) {
        self.init(
            width: width, height: height, layerWidth: state.settings.layerWidth, showsLog: state.settings.showsLog,
            health: HealthView.rows(health ?? state.health, height: height),
            story: StoryView.rows(story ?? state.storyLines, height: height))
    }
}
