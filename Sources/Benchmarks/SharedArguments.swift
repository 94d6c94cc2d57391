import ArgumentParser
import Foundation

/// What both commands ask for.
struct SharedArguments: ParsableArguments {
    @Option(help: "The program to time.") var frostline = ".build/release/frostline"
    @Option(
        help:
            "A Python with torch and torchvision (and safetensors, for the runs). Without it Frostline is timed alone.")
    var python: String?
    @Option(help: "The folder of the Python scripts.") var scripts = "Benchmarks"
    @Option(help: "Threads of each side. (default: 2 for compare, all cores for scaling)") var threads: Int?
    @Flag(help: "Hold both sides to AVX2, to see a processor without AVX-512.")
    var avx2 = false
    @Flag(help: "Print one JSON object.") var json = false

    func contestants() throws -> Contestants {
        guard FileManager.default.isExecutableFile(atPath: frostline) else {
            throw ValidationError("--frostline \(frostline): no such program; run `make build` first.")
        }
        let found = python.flatMap(Self.findProgram)
        if let python, found == nil {
            throw ValidationError("--python \(python): no such program; give the path of a Python with torch.")
        }
        return Contestants(frostline: frostline, python: found, scripts: scripts, avx2: avx2)
    }

    /// A path as it is; a bare name from the first folder of PATH that has it.
    private static func findProgram(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let candidates = name.contains("/") ? [name] : path.split(separator: ":").map { "\($0)/\(name)" }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// To standard error, so that standard output is the result alone.
    static func progress(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

/// A whole number that makes sense, or a clear error.
func require(_ value: Int, atLeast least: Int, _ option: String) throws {
    if value < least { throw ValidationError("\(option) \(value): expected a whole number, \(least) or more.") }
}
