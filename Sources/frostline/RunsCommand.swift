import ArgumentParser
import Foundation
import RunSocket
import Support
import Training

struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "What runs and ran: the run folders below a folder, newest first.",
        discussion: """
            A run is running, paused, finished, stopped, failed, or interrupted: its process was killed, and `frostline train` \
            goes on with it by --resume. Nothing is written, and a run that goes on is not disturbed.
            """)

    @Argument(help: "Where to look, down to four levels.", completion: .directory) var folder = "runs"
    @Flag(help: "Print one JSON array with an object a run.") var json = false

    func run() throws {
        let runs = try statuses()
        if json { return StandardStreams.json(.array(runs.map(\.json))) }
        guard !runs.isEmpty else {
            return StandardStreams.line("there are no runs below \(folder); `frostline train DATA` makes one")
        }
        TextTable.lines([Self.header] + runs.map(Self.row), flushRight: false).forEach(StandardStreams.line)
        for case let (path, reason?) in runs.map({ ($0.path, $0.failure) }) {
            StandardStreams.line(StandardStreams.wrapped(Self.onOneLine("\(path): \(reason)")))
        }
    }

    /// Newest first; those that do not say when they began come last.
    private func statuses() throws -> [RunStatus] {
        try RunSearch.runs(below: folder).map { path in
            var status = RunStatus(of: path)
            // The folder does not tell; the process does.
            if status.state == .running, AttachedRun.isPaused(path) == true { status.state = .paused }
            return status
        }.sorted { a, b in
            let (began, otherBegan) = (a.started?.seconds ?? .min, b.started?.seconds ?? .min)
            return began == otherBegan ? a.path < b.path : began > otherBegan
        }
    }

    private static let header = ["run", "state", "epoch", "best epoch", "img/s", "started", "process"]

    private static func row(_ run: RunStatus) -> [String] {
        let epoch = run.epoch.flatMap { epoch in run.epochs.map { "\(epoch)/\($0)" } }
        let best = run.best.map { "\($0.epoch): \(Numbers.percent($0.score.accuracy))" }
        return [
            onOneLine(run.path), run.state.rawValue, epoch ?? "-", best ?? "-",
            run.imagesPerSecond.map(speed) ?? "-", run.started.map { $0.age() } ?? "-",
            run.process.map { "\($0)" } ?? "-",
        ]
    }

    /// Cached features are trained on by the hundred thousand.
    private static func speed(_ value: Double) -> String {
        value < 9999.5 ? Numbers.speed(value) : Numbers.count(Numbers.whole(value))
    }

    /// Names and messages may hold line breaks.
    private static func onOneLine(_ text: String) -> String {
        StandardStreams.visible(text).replacingOccurrences(of: "\n", with: "^J")
    }
}
