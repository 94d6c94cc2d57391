import Foundation
import Images
import Kernels
import Support
import Training

/// Processor, OpenBLAS, memory, cores, libraries of pictures.
enum MachineCheck {
    static func findings() -> [Finding] {
        [program, processor, blas, memory, cores(), pictures()]
    }

    private static var program: Finding {
        var system = utsname()
        uname(&system)
        let kernel = withUnsafeBytes(of: &system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return .good("program", "frostline \(frostlineVersion), \(InterfaceSettings.executable), Linux \(kernel)")
    }

    private static var processor: Finding {
        let name =
            ProcFile.text("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }?
            .split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        let (can, used) = (InstructionSet.ofProcessor, InstructionSet.inUse)
        guard can != .baseline else {
            return .advice(
                "processor", "\(name), \(can.title) alone",
                "training takes several times as long; use a machine with AVX2")
        }
        let cap = used == can ? "" : ", held to \(used.title)"
        return .good("processor", "\(name), \(can.title)\(cap)")
    }

    private static var blas: Finding {
        // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …".
        let version = BLAS.version.split(separator: " ").prefix(2).joined(separator: " ")
        if let problem = BLAS.problem { return .bad("openblas", "\(version) is wrong here", problem) }
        return .good("openblas", "\(version), kernel \(BLAS.coreName), products right")
    }

    private static var memory: Finding {
        guard let free = AvailableMemory.now(), let total = AvailableMemory.total() else {
            return .advice("memory", "unknown", "/proc/meminfo cannot be read, so nothing warns before memory runs out")
        }
        let text = "\(Numbers.bytes(free.bytes)) of \(Numbers.bytes(total)) free (\(free.limit))"
        guard free.bytes >= 1 << 30 else {
            return .advice(
                "memory", text,
                "training everything at 224 pixels takes some 1.5 GiB; --batch-size 4 or --strategy head take less")
        }
        return .good("memory", text)
    }

    private static func cores() -> Finding {
        let (allowed, all) = (ProcessInfo.processInfo.activeProcessorCount, ProcessInfo.processInfo.processorCount)
        let affinity = allowed < all ? "\(allowed) of \(all) cores (affinity)" : "\(all) cores"
        guard let quota = CoreQuota.now(), quota < Double(allowed) else { return .good("cores", affinity) }
        return .advice(
            "cores", "\(affinity), and a control group's quota of \(Numbers.fixed(quota, 1))",
            "--threads \(max(1, Int(quota))) keeps threads from waiting for one another")
    }

    private static func pictures() -> Finding {
        let missing = OptionalFormat.allCases.filter { !$0.isThere }
        let known =
            ["JPEG", "PNG", "WebP", "TIFF", "BMP", "Netpbm"] + OptionalFormat.allCases.filter(\.isThere).map(\.title)
        let text = "reads " + known.joined(separator: ", ")
        if missing.isEmpty { return .good("pictures", text) }
        return .advice(
            "pictures", text,
            "for \(missing.map(\.title).joined(separator: ", ")) install "
                + missing.map(\.library).joined(separator: ", "))
    }
}
