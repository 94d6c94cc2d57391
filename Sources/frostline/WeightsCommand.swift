import ArgumentParser
import Downloads
import Foundation
import Support
import Training

struct WeightsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weights",
        abstract: "Where pretrained weights were looked for, and what was found; fetches torchvision's file.")

    @Flag(help: "Fetch torchvision's file into the torch hub's cache folder, where it is not there yet.")
    var download = false
    @Option(help: "Fetch this instead; the hash in its name is checked where there is one.") var url = WeightFiles
        .source
    @OptionGroup var quiet: QuietArgument

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
        let meter = ProgressMeter(quiet: quiet.quiet)
        do {
            // Ended before an error is printed, on a line of its own.
            defer { meter.end() }
            try Download(source, to: destination).run { done, total in
                meter.update(isLast: done == total) {
                    Numbers.bytes(done) + (total.map { " of " + Numbers.bytes($0) } ?? "")
                }
            }
        }
        StandardStreams.line("fetched \(destination)")
    }
}
