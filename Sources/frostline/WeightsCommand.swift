import ArgumentParser
import Foundation
import Training

struct WeightsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weights", abstract: "Where pretrained weights were looked for, and what was found.")

    func run() throws {
        for folder in WeightFiles.searchedFolders() { StandardStreams.line("looked in \(folder)") }
        guard let found = WeightFiles.newestPretrained() else { throw failure(WeightFiles.notFoundMessage) }
        StandardStreams.line("found \(found)")
    }
}
