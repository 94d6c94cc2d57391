import Foundation
import ProcessTestSupport
import Ranks
import Testing

private let host: String = {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}()

/// Ranks as processes, over MPI.
@Suite(.serialized, .enabled(if: Exercise.launcher != nil, Exercise.reason)) struct MPIRanksTests {
    @Test func `a single process loads no MPI`() throws {
        let result = try Exercise("operations", ranks: 1).result()
        #expect(result.code == 0 && result.says("alone"), "\(result.text)")
    }

    @Test(arguments: [2, 4]) func `every operation gives the same bits on every rank`(_ ranks: Int) throws {
        let result = try Exercise("operations", ranks: ranks).result()
        #expect(result.code == 0 && result.says("all is right on \(ranks) ranks"), "\(result.text)")
    }

    @Test func `a rank that computes for long is not lost`() throws {
        let result = try Exercise("wait", ranks: 2, patience: 1.5).result()
        #expect(result.code == 0 && result.says("waited"), "\(result.text)")
    }

    @Test func `a rank's failure reaches rank 0, which says it once and ends with 1`() throws {
        let result = try Exercise("fail", ranks: 3).result()
        #expect(result.code == 1 && result.says("exercise: rank 2 on \(host): the disk is full"), "\(result.text)")
        #expect(!result.text.contains("rank 2 on \(host): exercise"), "\(result.text)")
    }

    @Test func `rank 0's failure ends all, and rank 0 alone says it`() throws {
        let result = try Exercise("fail-first", ranks: 3).result()
        #expect(result.code == 1 && result.says("exercise: the disk is full"), "\(result.text)")
        #expect(!result.text.contains("rank 1"), "\(result.text)")
    }

    @Test func `a rank that leaves without a word is noticed`() throws {
        let result = try Exercise("exit", ranks: 2).result()
        #expect(result.code == 1 && result.text.contains("exercise: rank 1 on \(host) (process "), "\(result.text)")
    }

    @Test func `without the library or the launcher's help it is said what is missing`() throws {
        let folder = NSTemporaryDirectory() + "/frostline-ranks-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: Exercise.program, toPath: folder + "/exercise")
        func run(_ program: String) throws -> String {
            let path = folder + "/error"
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            // As srun where MPI is not asked for.
            let environment = ProcessInfo.processInfo.environment
                .merging(["PMI_RANK": "0", "SLURM_NTASKS": "2"]) { $1 }
            let child = try Child(
                program, ["operations"], environment: environment,
                error: try FileHandle(forWritingTo: URL(fileURLWithPath: path)))
            #expect(child.code == 1)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            return text
        }
        #expect(try run(folder + "/exercise").contains("libfrostline-mpi.so beside the program"))
        #expect(try run(Exercise.program).contains("it finds 1 where the launcher has started 2 ranks"))
    }
}

/// Ranks that end or stop without a word.
@Suite(.serialized, .enabled(if: Exercise.launcher != nil, Exercise.reason)) struct LostRankTests {
    @Test(arguments: ["sums", "compute"]) func `a killed rank is noticed, in a sum as in a long step`(
        _ task: String
    ) throws {
        let exercise = try Exercise(task, ranks: 3)
        let processes = try exercise.processes()
        let killed = ContinuousClock.now
        kill(processes[1], SIGKILL)
        let result = try exercise.result()
        // A third of a second where nothing else runs; other tests do.
        #expect(killed.duration(to: .now) < .seconds(30))
        #expect(result.text.contains("rank 1 on \(host) (process \(processes[1])) has ended"), "\(result.text)")
        // mpirun gives the code of the first that ended; rank 0's own was 1.
        #expect(result.code != 0)
        for process in processes { #expect(!PeerWatch.isThere(process)) }
    }

    @Test func `the others notice that rank 0 was killed`() throws {
        let exercise = try Exercise("sums", ranks: 3)
        let processes = try exercise.processes()
        kill(processes[0], SIGKILL)
        let result = try exercise.result()
        let lost = "rank 0 on \(host) (process \(processes[0])) has ended"
        #expect(result.says("rank 1 on \(host): exercise: \(lost)"), "\(result.text)")
        #expect(result.says("rank 2 on \(host): exercise: \(lost)") && result.code != 0, "\(result.text)")
    }

    @Test(arguments: [0, 1]) func `a stopped rank is lost after a while`(_ stopped: Int) throws {
        let exercise = try Exercise("sums", ranks: 2, patience: 1)
        let processes = try exercise.processes()
        kill(processes[stopped], SIGSTOP)
        let result = try exercise.result()
        #expect(result.text.contains("rank \(stopped) on \(host) has not answered for 1 s"), "\(result.text)")
        #expect(result.code == 1)
    }

    @Test func `where the launcher seems to end the run, silence is a loss much sooner`() throws {
        let exercise = try Exercise("compute", ranks: 2)
        let processes = try exercise.processes()
        kill(processes[1], SIGSTOP)
        usleep(500_000)
        kill(processes[0], SIGTERM)
        let result = try exercise.result()
        #expect(result.text.contains("rank 1 on \(host) has not answered for 1 s"), "\(result.text)")
        #expect(result.code == 1)
    }
}
