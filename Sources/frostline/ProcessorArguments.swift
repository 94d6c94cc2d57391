import ArgumentParser
import Foundation
import Kernels
import Ranks
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
            let cap = avx2 ? "--avx2" : text.isEmpty ? "OPENBLAS_CORETYPE" : variable
            let option = blasKernel.map { "--blas-kernel \($0.name)" } ?? cap
            throw TrainingError.refused("\(option): \(error.problem).")
        }
        if let problem = BLAS.problem { throw TrainingError.refused(problem) }
        #if arch(x86_64)
            if InstructionSet.ofProcessor == .baseline, RankLaunch.place?.rank ?? 0 == 0 {
                StandardStreams.error(
                    "frostline: this processor has no AVX2: what is computed takes several times as long, on OpenBLAS "
                        + "(kernel \(BLAS.coreName)) and SSE4.2 alone.")
            }
        #endif
    }
}

/// A command that multiplies.
protocol ComputingCommand: ParsableCommand { var processor: ProcessorArguments { get } }
