import Foundation
import ProcessTestSupport
import Testing

/// Runs the built program as a process, as a script would.
struct CommandHarness {
    struct Result {
        let code: Int32
        let output: String
        let error: String
    }

    /// Checkpoints that other libraries wrote.
    static let checkpointFixtures =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("CheckpointsTests/Fixtures/foreign").path + "/"

    /// A temporary folder that holds a picture folder and what a test adds.
    let folder: String
    var data: String { folder + "/data" }

    init(classes: [String] = ["cats", "dogs"], pictures: Int = 6) throws {
        folder = NSTemporaryDirectory() + "/frostline-command-\(UUID().uuidString)"
        for (number, name) in classes.enumerated() {
            let path = folder + "/data/" + name
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for index in 0..<pictures {
                try Self.picture(seed: number * 100 + index).write(to: URL(fileURLWithPath: "\(path)/\(index).ppm"))
            }
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// A binary PPM of 40×36 pixels.
    static func picture(seed: Int) -> Data {
        var data = Data("P6\n40 36\n255\n".utf8)
        for i in 0..<(40 * 36 * 3) { data.append(UInt8((i * (seed + 3) * 31 + seed * 17) % 251)) }
        return data
    }

    /// The program beside the test bundle.
    static let program: URL = {
        var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        while folder.path.count > 1, !FileManager.default.isExecutableFile(atPath: folder.path + "/frostline") {
            folder.deleteLastPathComponent()
        }
        return folder.appendingPathComponent("frostline")
    }()

    func run(
        _ arguments: [String], program: URL = program, environment: [String: String] = [:], without: [String] = [],
        input: FileHandle? = nil
    ) throws -> Result {
        var variables = ProcessInfo.processInfo.environment
        // Neither the machine's weights nor its cache.
        variables["TORCH_HOME"] = folder + "/torch"
        variables["XDG_CACHE_HOME"] = folder + "/cache"
        for name in without { variables[name] = nil }
        // Files, not pipes: a full pipe would stop the program.
        let (outputPath, errorPath) = (folder + "/out-\(UUID())", folder + "/err-\(UUID())")
        for path in [outputPath, errorPath] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        let child = try Child(
            program.path, arguments, folder: folder, environment: variables.merging(environment) { $1 }, input: input,
            output: try FileHandle(forWritingTo: URL(fileURLWithPath: outputPath)),
            error: try FileHandle(forWritingTo: URL(fileURLWithPath: errorPath)))
        return Result(
            code: child.code,
            output: String(decoding: try Data(contentsOf: URL(fileURLWithPath: outputPath)), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: URL(fileURLWithPath: errorPath)), as: UTF8.self))
    }

    /// What a script of the shell prints in the folder.
    func shell(_ script: String) throws -> String {
        try run(["-c", script], program: URL(fileURLWithPath: "/bin/sh")).output
    }

    /// Options that make a run quick.
    static let quick = ["--image-size", "32", "--batch-size", "4", "--epochs", "1", "--threads", "2"]
}
