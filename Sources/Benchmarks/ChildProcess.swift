import Foundation

/// A program that is run to its end, as from a shell.
struct ChildProcess {
    let program: String
    let arguments: [String]
    /// Variables to set, over the caller's own.
    var environment: [String: String] = [:]

    struct Outcome {
        let output: String
        /// From before the start to after the end.
        let seconds: Double
    }

    /// Variables that would make OpenBLAS another one than a user has.
    static let cleared = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]

    /// Throws `BenchmarkError` where it cannot be started or does not end with 0.
    func run() throws -> Outcome {
        let errorFile = NSTemporaryDirectory() + "/frostline-benchmarks-\(UUID().uuidString).log"
        defer { try? FileManager.default.removeItem(atPath: errorFile) }
        _ = FileManager.default.createFile(atPath: errorFile, contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        for name in Self.cleared { variables[name] = nil }
        process.environment = variables.merging(environment) { $1 }
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = FileHandle(forWritingAtPath: errorFile) ?? .nullDevice
        let start = ContinuousClock.now
        do { try process.run() } catch {
            throw BenchmarkError("\(program): cannot be started (\(error.localizedDescription)); check the path.")
        }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let seconds = start.duration(to: .now) / .seconds(1)
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            let printed = (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? ""
            let last = printed.split(separator: "\n").suffix(4).joined(separator: "\n  ")
            throw BenchmarkError(
                "\(program) \(arguments.joined(separator: " ")): ended with \(process.terminationStatus):\n  \(last)")
        }
        return Outcome(output: output, seconds: seconds)
    }
}

/// One line of text.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
