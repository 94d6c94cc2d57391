import Foundation
import Support

/// The machine and the programs, as they report themselves. (OpenBLAS chooses its kernels in the process that uses it.)
struct Setting {
    let lines: [(name: String, value: String)]

    static func ask(_ contestants: Contestants, threads: Int) throws -> Setting {
        func text(_ json: JSON, _ key: String) -> String { json[key]?.text ?? "unknown" }
        let small = StepWork(strategy: "head", batchSize: 2, imageSize: 64, steps: 1, threads: threads)
        let ours = try contestants.frostline(small).json
        let memory = Double(ProcessInfo.processInfo.physicalMemory) / Double(1 << 30)
        var lines = [
            ("processor", text(ours, "processor")),
            ("cores", "\(ProcessInfo.processInfo.activeProcessorCount), \(threads) threads used"),
            ("memory", String(format: "%.1f GiB", memory)), ("OpenBLAS", text(ours, "openblas")),
            ("OpenBLAS's kernel", "\(text(ours, "kernel")) (\(text(ours, "kernelReason")))"),
            ("Frostline's instructions", text(ours, "instructions")),
        ]
        if let theirs = try contestants.pytorch(small)?.json {
            let memory = theirs["startMemoryMiB"]?.double.map { Numbers.norm($0) + " MiB" }
            lines += [
                ("torch", "\(text(theirs, "torch")), torchvision \(text(theirs, "torchvision"))"),
                ("torch's CPU capability", text(theirs, "capability")),
                ("oneDNN", theirs["oneDNN"]?.flag == true ? "on" : "off"),
                ("PyTorch's memory at start", memory ?? "unknown"),
                ("PyTorch's layout", text(theirs, "layout")),
            ]
        }
        if contestants.avx2 { lines.append(("instructions", "both held to AVX2")) }
        return Setting(lines: lines)
    }

    var text: String { TextTable.render(lines.map { [$0.name + ":", $0.value] }, flushRight: false) }

    var json: JSON { .object(lines.map { ($0.name, .string($0.value)) }) }
}
