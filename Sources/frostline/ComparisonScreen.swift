import Foundation
import TrainingEvents

/// Draws a comparison's chart on a terminal, over itself as it grows; other lines stand above it.
final class ComparisonScreen {
    private var chart: ComparisonChart
    private let descriptor: Int32
    private let printer: ChartPrinter
    /// Lines on the screen that the next drawing takes the place of.
    private var drawn = 0
    private var last = ContinuousClock.now - .seconds(1)

    /// nil where this is no terminal, or none that a chart could be drawn over itself on.
    init?(_ chart: ComparisonChart, on descriptor: Int32) {
        self.chart = chart
        self.descriptor = descriptor
        printer = ChartPrinter(descriptor)
        let name = ProcessInfo.processInfo.environment["TERM"] ?? ""
        guard !name.isEmpty, name != "dumb", size != nil else { return nil }
    }

    func add(_ event: TrainingEvent) {
        let isNew = chart.add(event)
        switch event {
        case .warning(let text): printLine("warning: \(text)")
        case .failed(let text): printLine(text)
        default: if isNew || last.duration(to: .now) > .milliseconds(200) { draw() }
        }
    }

    /// Puts a line above the chart.
    func printLine(_ line: String) {
        write(erasing + StandardStreams.visible(line) + "\n")
        drawn = 0
        draw()
    }

    private func draw() {
        guard let size else { return }
        last = .now
        // One column stays free: in the last one some terminals wrap.
        let lines = chart.lines(width: size.width - 1, height: size.height - 1, printer)
        write(erasing + lines.map { $0 + "\n" }.joined())
        drawn = lines.count
    }

    /// Up to the chart's first line, and nothing from there on.
    private var erasing: String { drawn > 0 ? "\r\u{1B}[\(drawn)A\u{1B}[J" : "" }

    private func write(_ text: String) { StandardStreams.write(text, to: descriptor) }

    /// nil where a chart has no room.
    private var size: (width: Int, height: Int)? {
        StandardStreams.terminalSize(descriptor).flatMap {
            $0.width >= ComparisonChart.leastWidth && $0.height >= ComparisonChart.leastHeight ? $0 : nil
        }
    }
}
