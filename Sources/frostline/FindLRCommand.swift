import Experiments
import ArgumentParser
import Foundation
import Support
import Training

struct FindLRCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find-lr", abstract: "Learning-rate range test: the curve, and a rate to start with.",
        discussion: """
            Trains some steps with a rate that grows from step to step, on a copy of the network in memory. Nothing is \
            written, and no run is changed.
            """)

    @Argument(help: "The image folder.") var data: String
    @OptionGroup var start: StartArguments
    @OptionGroup var training: RunArguments
    @Option(help: "The first rate.") var from = 1e-6
    @Option(help: "The last rate.") var to = 10.0
    @Option(help: "How many steps.") var steps = 100
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
        try StartArguments.requireFolder(data)
        let request = RunRequest(
            data: .folder(data), weights: try start.start(),
            options: try training.options(over: RunArguments.machineDefaults()), output: nil)
        var lastLine = ContinuousClock.now
        let search = try LearningRateSearch.run(
            request, low: from, high: to, steps: steps,
            warn: { StandardStreams.error(StandardStreams.visible("warning: \($0)")) }
        ) { done in
            guard lastLine.duration(to: .now) > .seconds(5) else { return }
            lastLine = .now
            StandardStreams.error("step \(done)/\(steps)")
        }
        json ? StandardStreams.line(search.json.line) : show(search)
    }

    private func show(_ search: LearningRateSearch) {
        // A loss that explodes at the end would flatten all that matters.
        let least = search.points.map(\.smoothed).min() ?? 0
        let shown = search.points.filter { $0.smoothed < 2 * max(least, search.points.first?.smoothed ?? 0) }
        let chart = TextChart(
            points: shown.map { ($0.rate, $0.smoothed) }, mark: search.suggestion, isUnicode: TextChart.isUnicode())
        StandardStreams.line("smoothed training loss over the learning rate, \(search.points.count) steps")
        chart.lines().forEach(StandardStreams.line)
        if let suggestion = search.suggestion {
            StandardStreams.line("suggested: --learning-rate \(String(format: "%.1e", suggestion))")
            StandardStreams.line("  (\(LearningRateSearch.rule))")
        } else {
            StandardStreams.line(
                "no suggestion: the loss does not fall clearly; try more --steps, another --strategy, or look at the pictures"
            )
        }
    }
}
