import Foundation
import Images
import Support
import Training

/// Pictures as commands take them: files, folders, and `-` for names on standard input.
enum PictureArguments {
    /// Throws `TrainingError.refused` where a folder cannot be read or has no picture, or where no name is left.
    static func paths(_ arguments: [[UInt8]], zero: Bool) throws -> [[UInt8]] {
        var paths: [[UInt8]] = []
        for argument in arguments {
            if argument == Array("-".utf8) {
                paths += names([UInt8](FileHandle.standardInput.readDataToEndOfFile()), zero: zero)
            } else if isFolder(argument) {
                let found = try pictures(in: argument)
                if found.isEmpty {
                    throw TrainingError.refused(
                        "\(String(decoding: argument, as: UTF8.self)): no picture is in this folder")
                }
                paths += found
            } else {
                paths.append(argument)
            }
        }
        if paths.isEmpty { throw TrainingError.refused("no name came on standard input; give one a line, or with -0") }
        return paths
    }

    /// One name a line, without the line's end; with `zero` each ends with a zero byte.
    static func names(_ bytes: [UInt8], zero: Bool) -> [[UInt8]] {
        bytes.split(separator: zero ? 0 : 0x0A).map { line in
            Array(!zero && line.last == 0x0D ? line.dropLast() : line)
        }.filter { !$0.isEmpty }
    }

    private static func isFolder(_ path: [UInt8]) -> Bool {
        var status = stat()
        return path.withCString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func pictures(in folder: [UInt8]) throws -> [[UInt8]] {
        do { return try FolderPictures.paths(in: folder) } catch {
            throw TrainingError.refused("\(String(decoding: folder, as: UTF8.self)): \(error)")
        }
    }
}
