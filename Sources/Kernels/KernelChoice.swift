import COpenBLAS
import Glibc
import Support
import Synchronization

/// The kernel that is in use, and why.
package struct KernelChoice: Sendable, Equatable {
    /// As OpenBLAS names it.
    package let kernel: String
    package let reason: String

    /// For run.json.
    package var json: JSON {
        .object([
            ("version", .string(BLAS.version)), ("kernel", .string(kernel)), ("reason", .string(reason)),
            ("instructions", .string(InstructionSet.inUse.name)),
        ])
    }
}

/// A kernel that was demanded and cannot be had.
package struct KernelRefusal: Error { package let problem: String }

extension BLAS {
    /// Variables of the environment; docs/processors.md has those that users and tests may set.
    enum Variables {
        static let coreType = "OPENBLAS_CORETYPE"
        /// From one start of the program to the next.
        static let restart = "FROSTLINE_RESTART"
        static var coreTypeIsChoice: Bool { value("FROSTLINE_CORETYPE_IS_CHOICE") != nil }
        static var wrongKernels: [String] {
            (value("FROSTLINE_WRONG_KERNELS") ?? "").split(separator: ",").map(String.init)
        }

        /// nil where it is not set, or empty.
        static func value(_ name: String) -> String? {
            guard let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty else { return nil }
            return text
        }

        /// Only while there is one thread.
        static func set(_ name: String, _ value: String?) {
            if let value { setenv(name, value, 1) } else { unsetenv(name) }
        }
    }

    private static let chosen = Mutex<KernelChoice?>(nil)

    /// What `chooseKernel` found; without it, what OpenBLAS has by itself.
    package static var choice: KernelChoice {
        chosen.withLock { $0 }
            ?? KernelChoice(
                kernel: coreName,
                reason: Variables.value(Variables.coreType) == nil ? "chosen by OpenBLAS" : Variables.coreType)
    }

    /// Makes sure of the best kernel, where need be by starting the program again in the same process: OpenBLAS reads
    /// OPENBLAS_CORETYPE when it is loaded, and never again. Call it once `InstructionSet` is capped, and before there is a
    /// thread or a signal handler. Throws where `demanded` or the cap cannot be met.
    package static func chooseKernel(demanded: BLASKernel? = nil) throws(KernelRefusal) {
        let record = takeRecord()
        let decision = KernelDecision(
            inUse: coreName, isDynamic: version.contains("DYNAMIC_ARCH"), features: .ofProcessor,
            limit: InstructionSet.inUse < InstructionSet.ofProcessor ? InstructionSet.inUse : .avx512,
            fromEnvironment: Variables.coreTypeIsChoice ? nil : Variables.value(Variables.coreType),
            demanded: demanded, record: record, isSound: selfCheck)
        switch decision.verdict {
        case .keep(let reason): keep(reason)
        case .restart(let kernel, let record):
            let problem = restart(asking: kernel, record)
            if demanded != nil { throw KernelRefusal(problem: problem) }
            keep("chosen by OpenBLAS; \(problem)")
        case .refuse(let problem): throw KernelRefusal(problem: problem)
        }
    }

    private static func keep(_ reason: String) {
        chosen.withLock { $0 = KernelChoice(kernel: coreName, reason: reason) }
    }

    /// What an earlier start of this process passed on; the environment is then again what that start was given, for
    /// programs that this one starts.
    private static func takeRecord() -> KernelRecord? {
        guard let text = Variables.value(Variables.restart) else { return nil }
        Variables.set(Variables.restart, nil)
        let passed = Array(text.utf8).withUnsafeBytes { try? JSON.parse($0) }
        guard let passed, passed["process"]?.int == Int(getpid()) else { return nil }
        Variables.set(Variables.coreType, passed["coreType"]?.text)
        return KernelRecord(json: passed["record"])
    }

    /// Returns only where it fails, with the reason. Process, standard streams, command line, blocked and ignored signals
    /// stay as they are.
    private static func restart(asking kernel: String?, _ record: KernelRecord) -> String {
        guard frostline_is_own_executable() != 0 else { return "started through a dynamic linker, not started again" }
        let own = Variables.value(Variables.coreType)
        let passed = JSON.object([
            ("process", .integer(Int(getpid()))), ("coreType", own.map(JSON.string) ?? .null), ("record", record.json),
        ])
        Variables.set(Variables.restart, passed.line)
        Variables.set(Variables.coreType, kernel ?? own)
        // The path gives the process its name. Behind the link there is also a file that was replaced or removed since.
        _ = frostline_replace_program(executable ?? "/proc/self/exe", CommandLine.unsafeArgv)
        let problem = String(cString: strerror(errno))
        Variables.set(Variables.restart, nil)
        Variables.set(Variables.coreType, own)
        return "the program could not be started again (\(problem))"
    }

    private static var executable: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return access(path, X_OK) == 0 ? String(cString: path) : nil
    }
}
