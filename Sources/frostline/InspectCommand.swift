import ArgumentParser
import Checkpoints
import Support
import Training

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "What is in a .pth or .safetensors file, and whether it fits ResNet18.",
        discussion: "Exits 0 where it fits, 1 where it is readable but does not, 2 where it is unreadable or unsafe.")

    @Argument(help: "The checkpoint.", completion: .checkpoints) var file: String
    @OptionGroup var key: CheckpointKeyArgument
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
        let checkpoint: Checkpoint
        do {
            checkpoint = try Checkpoint.open(file, key: key.checkpointKey)
        } catch {
            if json {
                StandardStreams.json(.object([("file", .string(file)), ("error", .string("\(error)"))]))
            }
            Frostline.printError("\(error)")
            throw ExitCode(2)
        }
        let outputs = WeightFiles.headOutputs(of: checkpoint)
        let fit = checkpoint.fit(to: WeightFiles.expectations(classes: outputs ?? 1000))
        let fits = fit.fits && fit.nonFinite.isEmpty
        // Looks at every value once more, so only where that is not known yet.
        let trains = fits || (try? WeightFiles.requireFit(checkpoint)) != nil
        json ? printJSON(checkpoint, outputs, fit, fits, trains) : printText(checkpoint, outputs, fit, fits, trains)
        if !fits { throw ExitCode(1) }
    }

    private func printJSON(
        _ checkpoint: Checkpoint, _ outputs: Int?, _ fit: CheckpointFit, _ fits: Bool, _ trains: Bool
    ) {
        let tensors = checkpoint.tensors.map { tensor in
            JSON.object([
                ("name", .string(tensor.name)), ("type", .string(tensor.type.rawValue)),
                ("shape", .array(tensor.shape.map(JSON.integer))),
            ])
        }
        let misshapen = fit.shapeMismatches.map { mismatch in
            JSON.object([
                ("name", .string(mismatch.name)), ("expected", .array(mismatch.expected.map(JSON.integer))),
                ("found", .array(mismatch.found.map(JSON.integer))),
            ])
        }
        StandardStreams.json(
            .object([
                ("file", .string(file)), ("format", .string(checkpoint.format.rawValue)), ("fits", .bool(fits)),
                ("fitsWithoutHead", .bool(trains)),
                ("classes", outputs.map(JSON.integer) ?? .null), ("notes", .array(checkpoint.notes.map(JSON.string))),
                ("missing", .array(fit.missing.map { .string($0.name) })),
                ("extra", .array(fit.extra.map(JSON.string))),
                ("misshapen", .array(misshapen)), ("nonFinite", .array(fit.nonFinite.map(JSON.string))),
                ("tensors", .array(tensors)),
            ]))
    }

    private func printText(
        _ checkpoint: Checkpoint, _ outputs: Int?, _ fit: CheckpointFit, _ fits: Bool, _ trains: Bool
    ) {
        let printLine = StandardStreams.line
        printLine("\(file): \(checkpoint.format.rawValue), \(checkpoint.tensors.count) tensors")
        checkpoint.notes.forEach { printLine("  " + $0) }
        for tensor in checkpoint.tensors {
            printLine(
                "  \(tensor.name)  \(tensor.type.rawValue)  [\(tensor.shape.map(String.init).joined(separator: ", "))]")
        }
        if fits {
            printLine("fits ResNet18" + (outputs.map { " with \($0) classes" } ?? ""))
        } else {
            printLine("does not fit ResNet18:")
            fit.report().forEach { printLine("  " + $0) }
            if trains { printLine("but what lies before the head does: training takes it, and draws a new fc") }
        }
    }
}
