import Foundation
import ProcessTestSupport
import Testing

/// Runs ranks-exercise, the program of Tests/RanksExercise, with mpirun.
///
/// It waits without suspension: a suspended test goes on only once other tests leave a thread, which may be a minute later.
struct Exercise {
    static let reason: Comment = "mpirun is not installed (Debian's openmpi-bin)"

    /// mpirun, where it is installed.
    static let launcher: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/mpirun" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    /// The program beside the test bundle.
    static let program: String = {
        var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        while folder.path.count > 1, !FileManager.default.isExecutableFile(atPath: folder.path + "/ranks-exercise") {
            folder.deleteLastPathComponent()
        }
        return folder.path + "/ranks-exercise"
    }()

    struct Result {
        let code: Int32
        /// Standard output and error.
        let text: String
        let seconds: Double

        /// Whether a line is this text.
        func says(_ line: String) -> Bool { text.split(whereSeparator: \.isNewline).contains { $0 == line } }
    }

    private let child: Child
    private let began = ContinuousClock.now
    private let path = NSTemporaryDirectory() + "/frostline-ranks-\(UUID().uuidString)"

    /// Starts a task on so many ranks; see main.swift there.
    init(_ task: String, ranks: Int, patience: Double = 20) throws {
        let superuser = geteuid() == 0 ? ["--allow-run-as-root"] : []
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        // Both streams append to one file.
        _ = fcntl(file.fileDescriptor, F_SETFL, O_APPEND)
        child = try Child(
            try #require(Self.launcher),
            superuser
                + ["-n", "\(ranks)", "--oversubscribe", "--bind-to", "none", "-q", Self.program, task, "\(patience)"],
            output: file, error: file)
    }

    private var text: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    /// The ranks' processes, once the task has said them.
    func processes() throws -> [pid_t] {
        for _ in 0..<1000 {
            let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("processes ") }
            if let line { return line.split(separator: " ").dropFirst().compactMap { pid_t($0) } }
            usleep(10_000)
        }
        throw Problem("the ranks have not started:\n\(text)")
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// Seconds that mpirun may take, on a machine that other tests keep busy.
    private static let limit = 50.0

    /// Waits for mpirun, which is ended where it takes longer than that.
    func result() throws -> Result {
        defer { try? FileManager.default.removeItem(atPath: path) }
        while child.isRunning {
            let elapsed = began.duration(to: .now)
            if elapsed > .seconds(Self.limit) {
                kill(child.processIdentifier, elapsed > .seconds(Self.limit + 5) ? SIGKILL : SIGTERM)
                usleep(500_000)
            }
            usleep(5_000)
        }
        let seconds = began.duration(to: .now) / .seconds(1)
        if seconds > Self.limit { throw Problem("the ranks have not ended within \(Self.limit) s:\n\(text)") }
        return Result(code: child.code, text: text, seconds: seconds)
    }
}
