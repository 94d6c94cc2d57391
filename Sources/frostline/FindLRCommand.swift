import ArgumentParser
import Experiments
import Foundation
import Ranks
import Support
import TUI
import Training

struct FindLRCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "find-lr", abstract: "Learning-rate range test: the curve, and rates to start with.",
        discussion: """
            Trains some steps with a rate that grows from step to step, on a copy of the network in memory, and averages \
            over a few orders of the pictures where features are cached. Nothing is written, and no run is changed.
            """)

    @Argument(help: "The image folder.", completion: .directory) var data: String
    @OptionGroup var start: StartArguments
    @OptionGroup var training: RunArguments
    @Option(help: "The first rate.") var from = 1e-6
    @Option(help: "The last rate.") var to = 10.0
    @Option(help: "How many steps.") var steps = 100
    @Option(
        help: """
            How many orders of the pictures to average over, from --seed on. (default: 3 where features are cached, else \
            1)
            """)
    var orders: Int?
    @Flag(help: "Print one JSON object.") var json = false

    @OptionGroup var processes: RankArguments

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    func run() throws { try processes.share(search) }

    private func search(_ group: (any RankGroup)?) throws {
        let speaks = group.leads
        try StartArguments.requireFolder(data)
        var request = RunRequest(
            data: .folder(data), weights: speaks ? try start.startAndSay() : .random,
            options: try training.options(over: RunArguments.machineDefaults()), output: nil)
        request.group = group
        // Each order would draw random weights of its own, and share no features.
        let orders = orders ?? (start.fromScratch ? 1 : LearningRateSearch.defaultOrders(request.options))
        var lastLine = ContinuousClock.now
        let search = try LearningRateSearch.run(
            request, low: from, high: to, steps: steps, orders: orders,
            warn: { if speaks { StandardStreams.warning($0) } }
        ) { done in
            guard speaks, lastLine.duration(to: .now) > .seconds(5) else { return }
            lastLine = .now
            StandardStreams.error("step \(done)/\(steps * orders)")
        }
        guard speaks else { return }
        json ? StandardStreams.json(search.json) : printText(search)
    }

    private func printText(_ search: LearningRateSearch) {
        for line in ChartPrinter(STDOUT_FILENO).lines(chart(of: search), width: 72, height: 18) {
            StandardStreams.write(line + "\n", to: STDOUT_FILENO)
        }
        for line in Self.lines(of: search) { StandardStreams.line(line) }
    }

    /// What the curve says, and by which rule, in lines of less than 80 columns.
    static func lines(of search: LearningRateSearch) -> [String] {
        guard let finding = search.finding else {
            return [
                "no suggestion: the loss neither falls clearly nor begins to rise;",
                "try more --steps, another --strategy, or look at the pictures",
            ]
        }
        let (from, to) = (finding.range.lowerBound, finding.range.upperBound)
        var lines = ["suggested: --learning-rate \(Numbers.scientific(finding.suggestion))"]
        if finding.isFlat {
            lines.append("any from \(Numbers.scientific(from)) to \(Numbers.scientific(to)): the curve says no more")
            lines.append("  (\(LearningRateSearch.flatRule))")
            return lines
        }
        if to > from {
            lines.append("any from \(Numbers.scientific(from)) to \(Numbers.scientific(to)) is as good by this curve")
        }
        lines.append("  (\(search.rule))")
        if finding.endsFalling { lines.append("the loss is lowest at the last rates; try a greater --to") }
        return lines
    }

    /// The smoothed loss by step. Rates grow by the same factor from step to step, so the axis is their logarithm.
    private func chart(of search: LearningRateSearch) -> Chart {
        // A loss that explodes at the end would flatten all that matters.
        let least = search.points.map(\.smoothed).min() ?? 0
        let limit = 2 * max(least, search.points.first?.smoothed ?? 0)
        let points = search.points.filter { $0.smoothed < limit }
        var line = Series()
        for (step, point) in points.enumerated() { line.append(point.smoothed, at: step) }
        var chart = Chart(
            title: "Smoothed training loss over the learning rate", line: line, from: 0,
            to: Double(max(1, points.count - 1)), empty: "no loss below twice the first")
        guard let first = points.first?.rate, let last = points.last?.rate, last > first else { return chart }
        func step(_ rate: Double) -> Double { log(rate / first) / log(last / first) * chart.to }
        if let finding = search.finding {
            // A bound beyond the last point drawn has no place. The last mark's label has the first claim to room.
            let bounds = [(finding.range.lowerBound, "from"), (finding.range.upperBound, "to")]
                .filter { $0.0 != finding.suggestion }
            chart.marks = (bounds + [(finding.suggestion, "suggested")]).filter { $0.0 <= last }
                .map { ChartMark(step: Int(step($0.0).rounded()), label: $0.1) }
        }
        chart.stepLabels = (Int(log10(first).rounded(.down))...Int(log10(last).rounded(.up))).map {
            (step(Numbers.power10($0)), "1e\($0)")
        }
        return chart
    }
}
