import ArgumentParser
import Downloads
import Foundation
import Support
import Synchronization
import Training

struct WeightsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weights",
        abstract: "Where pretrained weights were looked for, and what was found; fetches torchvision's file.")

    @Flag(help: "Fetch torchvision's file into the torch hub's cache folder, where it is not there yet.")
    var download = false
    @Option(help: "Fetch this instead; the hash in its name is checked where there is one.") var url = WeightFiles
        .source

    func run() throws {
        for folder in WeightFiles.searchedFolders() { StandardStreams.line("looked in \(folder)") }
        if download { return try fetch() }
        guard let found = WeightFiles.newestPretrained() else { throw TrainingError.data(WeightFiles.notFoundMessage) }
        StandardStreams.line("found \(found)")
    }

    private func fetch() throws {
        guard let source = URL(string: url), ["http", "https"].contains(source.scheme), source.host != nil,
            !source.lastPathComponent.isEmpty, source.lastPathComponent != "/",
            let folder = WeightFiles.searchedFolders().first
        else { throw TrainingError.option("--url", found: url, expected: "an address that begins with http(s)://") }
        let destination = "\(folder)/\(source.lastPathComponent)"
        if FileManager.default.fileExists(atPath: destination) { return StandardStreams.line("found \(destination)") }
        let meter = DownloadMeter()
        do {
            // Ended before an error is printed, on a line of its own.
            defer { meter.end() }
            try Download(source, to: destination).run { meter.update($0, of: $1) }
        }
        StandardStreams.line("fetched \(destination)")
    }
}

/// How far a download is: one line that is overwritten on a terminal, a line now and then elsewhere.
private final class DownloadMeter: Sendable {
    private struct State {
        var last = ContinuousClock.now - .seconds(10)
        var isLineOpen = false
    }

    private let state = Mutex(State())
    private let isLive = isatty(STDERR_FILENO) == 1

    func update(_ done: Int, of total: Int?) {
        let isLast = done == total
        state.withLock { state in
            guard isLast || state.last.duration(to: .now) > (isLive ? .milliseconds(100) : .seconds(2)) else { return }
            state.last = .now
            let text = Numbers.bytes(done) + (total.map { " of " + Numbers.bytes($0) } ?? "")
            if isLive {
                state.isLineOpen = true
                StandardStreams.write("\r\(text)   ", to: STDERR_FILENO)
            } else {
                StandardStreams.error(text)
            }
        }
    }

    func end() {
        state.withLock { state in
            if state.isLineOpen { StandardStreams.error("") }
            state.isLineOpen = false
        }
    }
}
