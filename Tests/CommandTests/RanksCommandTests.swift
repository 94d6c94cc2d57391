import Foundation
import ProcessTestSupport
import Support
import Testing

private let hasLauncher = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .contains { FileManager.default.isExecutableFile(atPath: "\($0)/mpirun") }

/// `train --ranks`, which starts mpirun.
@Suite(.serialized, .enabled(if: hasLauncher, "mpirun is not installed (Debian's openmpi-bin)"))
struct RanksCommandTests {
    private let quick = ["train", "data", "--from-scratch", "--ranks", "2"] + CommandHarness.quick
    /// Longer than any test.
    private let long = ["--epochs", "100000", "--strategy", "full"]

    @Test func `two ranks train, and rank 0 alone prints`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(quick)
        #expect(result.code == 0 && result.error.isEmpty, "\(result.error)")
        let lines = result.output.split(separator: "\n").filter { $0.hasPrefix("finished after") }
        #expect(lines.count == 1, "\(result.output)")
    }

    @Test(arguments: ["head", "partial"])
    func `two ranks come to one process's losses, and resume each other`(_ strategy: String) throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let train = ["train", "data", "--from-scratch", "--strategy", strategy, "--epochs", "2", "--threads", "1"]
        let options = ["--image-size", "64", "--batch-size", "4"]
        func losses(_ folder: String) throws -> [Double] {
            let text = try String(contentsOfFile: "\(harness.folder)/\(folder)/metrics.jsonl", encoding: .utf8)
            return text.split(separator: "\n").compactMap { JSON.parse(Data($0.utf8)) }
                .filter { $0["kind"]?.text == "step" }.compactMap { $0["loss"]?.double }
        }
        #expect(try harness.run(train + options + ["--output", "one"]).code == 0)
        let result = try harness.run(train + options + ["--output", "two", "--ranks", "2"])
        #expect(result.code == 0, "\(result.error)")
        // A run of one process, which two go on with.
        #expect(try harness.run(train + options + ["--output", "both", "--epochs", "1"]).code == 0)
        let resumed = try harness.run(["train", "data", "--resume", "both", "--epochs", "2", "--ranks", "2"])
        #expect(resumed.code == 0, "\(resumed.error)")
        let (one, two, both) = (try losses("one"), try losses("two"), try losses("both"))
        #expect(one.count > 2 && one.count == two.count && one.count == both.count)
        for (a, b) in zip(one, zip(two, both)) {
            #expect(abs(a - b.0) <= 1e-5)
            #expect(abs(a - b.1) <= 1e-5)
        }
    }

    @Test func `evaluate says the same however many ranks share it`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let train = ["train", "data", "--from-scratch", "--output", "run"]
        #expect(try harness.run(train + CommandHarness.quick).code == 0)
        let alone = try harness.run(["evaluate", "run", "data", "--json"])
        let shared = try harness.run(["evaluate", "run", "data", "--json", "--ranks", "2"])
        #expect(alone.code == 0 && shared.code == 0 && alone.output == shared.output, "\(shared.error)")
    }

    @Test func `a rank that cannot read the pictures ends all, and rank 0 says so`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let quick = ["--from-scratch", "--output", "run"] + CommandHarness.quick
        let result = try harness.run(
            ["mpirun", "-q", "--oversubscribe", "-n", "1", CommandHarness.program.path, "train", "data"] + quick
                + [":", "-n", "1", CommandHarness.program.path, "train", "nowhere"] + quick,
            program: URL(fileURLWithPath: "/usr/bin/env"),
            environment: ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"])
        #expect(result.code == 1)
        #expect(result.error.contains("frostline: rank 1 on ") && result.error.contains(": nowhere: no such folder"))
    }

    @Test func `a refused option is said once, before mpirun is started`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(quick + ["--epochs", "0"])
        #expect(result.code == 1)
        #expect(result.error == "frostline: --epochs 0: expected a whole number from 1 to 1000000.\n")
    }

    @Test func `without mpirun it is said what to install`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(quick, environment: ["PATH": "/nowhere"])
        #expect(result.code == 1 && result.error.contains("install openmpi-bin"), "\(result.error)")
    }

    @Test func `a signal to the program stops the run after a save`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let (process, output) = try started(harness)
        kill(process.processIdentifier, SIGTERM)
        try end(of: process)
        let text = try String(contentsOfFile: output, encoding: .utf8)
        #expect(process.code == 0 && text.contains("saved in runs/data-1"), "\(text)")
    }

    @Test func `a killed rank ends the run with its name and code 1`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let (process, output) = try started(harness)
        let found = try Self.process(ofRank: 1, in: harness.folder)
        let rank = try #require(found)
        kill(rank, SIGKILL)
        try end(of: process)
        let text = try String(contentsOfFile: output, encoding: .utf8)
        #expect(process.code == 1, "\(text)")
        #expect(text.contains("frostline: rank 1 on ") && text.contains("(process \(rank)) has ended"), "\(text)")
    }

    @Test func `where mpirun does not end after rank 0 it is ended`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let folder = harness.folder + "/bin"
        let launcher = try harness.shell("command -v mpirun").trimmingCharacters(in: .newlines)
        _ = try harness.shell(
            """
            mkdir bin
            printf '#!/bin/sh\n%s "$@"\nexec sleep 1000\n' '\(launcher)' > bin/mpirun.openmpi
            chmod +x bin/mpirun.openmpi
            """)
        let result = try harness.run(quick, environment: ["PATH": folder + ":/usr/bin:/bin"])
        #expect(result.output.contains("saved in runs/data-1"), "\(result.output)")
        #expect(result.code == 1 && result.error.contains("mpirun had not ended 10 s after rank 0"), "\(result.error)")
    }

    @Test func `a detached run goes on in its ranks, and its log has all that rank 0 said`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(quick + long + ["--detach"])
        #expect(result.code == 0 && result.output.contains("frostline attach runs/data-1"), "\(result.error)")
        #expect(try harness.run(["tell", "runs/data-1", "stop"]).code == 0)
        let log = try String(contentsOfFile: harness.folder + "/runs/data-1/log.txt", encoding: .utf8)
        #expect(log.hasPrefix("resnet18") && log.contains("stopped after"), "\(log)")
    }

    // MARK: Processes

    /// A long run that has trained its first epoch, and the file with what it prints.
    private func started(_ harness: CommandHarness) throws -> (Child, output: String) {
        let output = harness.folder + "/output"
        #expect(FileManager.default.createFile(atPath: output, contents: nil))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        _ = fcntl(file.fileDescriptor, F_SETFL, O_APPEND)
        let process = try Child(
            CommandHarness.program.path, quick + long, folder: harness.folder, output: file, error: file)
        for _ in 0..<3000 {
            if try String(contentsOfFile: output, encoding: .utf8).contains(" done: ") { break }
            usleep(10_000)
        }
        return (process, output)
    }

    private func end(of process: Child) throws {
        for _ in 0..<2000 where process.isRunning { usleep(10_000) }
        #expect(!process.isRunning)
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
    }

    /// The process of a rank that was started in the folder.
    private static func process(ofRank rank: Int, in folder: String) throws -> pid_t? {
        let folder = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        let names = try FileManager.default.contentsOfDirectory(atPath: "/proc")
        return names.compactMap { pid_t($0) }.first { process in
            let path = "/proc/\(process)"
            guard (try? FileManager.default.destinationOfSymbolicLink(atPath: path + "/cwd")) == folder,
                let variables = FileManager.default.contents(atPath: path + "/environ")
            else { return false }
            return variables.split(separator: 0).contains { $0.elementsEqual("OMPI_COMM_WORLD_RANK=\(rank)".utf8) }
        }
    }
}
