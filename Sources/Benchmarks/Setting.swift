import Foundation
import Support
import Training

/// The machine and the programs, as they themselves say. (OpenBLAS chooses its kernels in the process that uses it.)
struct Setting {
    let lines: [(name: String, value: String)]

    static func ask(_ contestants: Contestants, threads: Int) throws -> Setting {
        let small = StepWork(strategy: "head", batchSize: 2, imageSize: 64, steps: 1, threads: threads)
        let ours = try contestants.frostline(small).json
        let memory = Double(ProcessInfo.processInfo.physicalMemory) / Double(1 << 30)
        var lines = [
            ("processor", ours["processor"]?.text ?? "unknown"),
            ("cores", "\(ProcessInfo.processInfo.activeProcessorCount), \(threads) threads used"),
            ("memory", String(format: "%.1f GiB", memory)),
            ("OpenBLAS", ours["openblas"]?.text ?? "unknown"),
            ("OpenBLAS's kernel", ours["kernel"]?.text ?? "unknown"),
        ]
        if let theirs = try contestants.pytorch(small)?.json {
            lines += [
                (
                    "torch",
                    "\(theirs["torch"]?.text ?? "unknown"), torchvision \(theirs["torchvision"]?.text ?? "unknown")"
                ),
                ("torch's CPU capability", theirs["capability"]?.text ?? "unknown"),
                ("oneDNN", theirs["oneDNN"]?.flag == true ? "on" : "off"),
                (
                    "PyTorch's memory at start",
                    theirs["startMemoryMiB"]?.double.map { TextTable.figure($0) + " MiB" } ?? "unknown"
                ),
                ("PyTorch's layout", theirs["layout"]?.text ?? "unknown"),
            ]
        }
        if contestants.avx2 { lines.append(("instructions", "both held to AVX2")) }
        return Setting(lines: lines)
    }

    var text: String { TextTable.render(lines.map { [$0.name + ":", $0.value] }, flushRight: false) }

    var json: JSON { .object(lines.map { ($0.name, .string($0.value)) }) }
}
