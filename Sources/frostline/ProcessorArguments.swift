import ArgumentParser
import Foundation
import Kernels
import Training

extension BLASKernel: ExpressibleByArgument {
    package init?(argument: String) { self.init(name: argument) }
    package static var allValueStrings: [String] { all.map(\.name) }
}

/// What of the processor is used.
struct ProcessorArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "OpenBLAS's kernels, as in OPENBLAS_CORETYPE: Nehalem, Haswell, SkylakeX, … (default: the best that are right)",
            valueName: "name"))
    var blasKernel: BLASKernel?
    @Flag(help: "Hold Frostline and OpenBLAS to AVX2, as on a processor without AVX-512.") var avx2 = false

    /// Has the loops and OpenBLAS's kernels chosen, for which the program may start again: to be called first of all.
    func apply() throws {
        let variable = "FROSTLINE_INSTRUCTIONS"
        let text = ProcessInfo.processInfo.environment[variable] ?? ""
        if !text.isEmpty {
            let names = InstructionSet.allCases.map(\.name).joined(separator: ", ")
            guard let limit = InstructionSet(name: text) else {
                throw TrainingError.option(variable, found: text, expected: "one of \(names)")
            }
            InstructionSet.cap(at: limit)
        }
        if avx2 { InstructionSet.cap(at: .avx2) }
        do { try BLAS.chooseKernel(demanded: blasKernel) } catch {
            let option = blasKernel.map { "--blas-kernel \($0.name)" } ?? (avx2 ? "--avx2" : variable)
            throw TrainingError.refused("\(option): \(error.problem).")
        }
        if let problem = BLAS.problem { throw TrainingError.refused(problem) }
    }
}

/// A command that multiplies.
protocol ComputingCommand: ParsableCommand { var processor: ProcessorArguments { get } }
