import Foundation
import ProcessTestSupport
import Testing
import Training

/// The program on disks that refuse: no file may grow beyond a limit, or the folder is another user's.
@Suite struct RefusingDiskTests {
    /// Runs the program from a shell that prepares its process.
    private func run(_ harness: CommandHarness, after preparation: String, _ arguments: [String]) throws
        -> CommandHarness.Result
    {
        // Blocked here, as on a dispatch thread, it would be blocked in the program too and could not end it.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGXFSZ)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        return try harness.run(
            ["-c", preparation + #" "$0" "$@""#, CommandHarness.program.path] + arguments,
            program: URL(fileURLWithPath: "/bin/sh"))
    }

    /// Blocks of 512 bytes: 20 MB, less than the weights.
    private static let limit = "ulimit -f 40000; exec"

    @Test func `a file size limit is an error that names the file and the limit, and leaves nothing half written`()
        throws
    {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let train = ["train", harness.data, "--from-scratch", "--headless"] + CommandHarness.quick
        let limited = try run(harness, after: Self.limit, train + ["--output", "limited"])
        #expect(limited.code == 1, "\(limited.code): \(limited.error)")
        #expect(limited.error.contains("File too large") && limited.error.contains("ulimit -f"))
        let left = try FileManager.default.contentsOfDirectory(atPath: harness.folder + "/limited")
        #expect(Set(left) == [RunFolder.descriptionName, RunFolder.metricsName])

        #expect(try harness.run(train + ["--output", "run"]).code == 0)
        for file in ["out.safetensors", "out.pth", "out.onnx"] {
            let export = try run(harness, after: Self.limit, ["export", "run", file])
            #expect(export.code == 1, "\(export.code): \(export.error)")
            #expect(export.error.contains(file) && export.error.contains("ulimit -f"), "\(export.error)")
            #expect(!FileManager.default.fileExists(atPath: harness.folder + "/" + file))
        }
    }

    /// How a shell becomes a user that file modes hold for; nil where there is no way.
    private static let asUser: String? = {
        if geteuid() != 0 { return "exec" }
        let exec = "exec setpriv --reuid=65534 --regid=65534 --clear-groups"
        let probe = try? Child("/bin/sh", ["-c", exec + #" test -x "$0""#, CommandHarness.program.path])
        return probe?.code == 0 ? exec : nil
    }()

    @Test(.enabled(if: asUser != nil))
    func `a folder that may not be written is refused before anything is read, with what to do`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let asUser = try #require(Self.asUser)
        let locked = harness.folder + "/locked"
        try FileManager.default.createDirectory(atPath: locked, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: locked)
        defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: locked) }
        for output in ["locked", "locked/run"] {
            let result = try run(
                harness, after: asUser,
                ["train", harness.data, "--from-scratch", "--headless", "--output", output] + CommandHarness.quick)
            #expect(result.code == 1, "\(result.code): \(result.error)")
            #expect(
                result.error.contains(output) && result.error.lowercased().contains("permission"), "\(result.error)")
            #expect(result.error.contains("--output"))
        }
    }
}
