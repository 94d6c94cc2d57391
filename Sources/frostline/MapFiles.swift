import Experiments
import Foundation
import Support
import Training

/// The files of `predict --map`: the one that was named, or of several pictures one each.
struct MapFiles {
    /// By picture.
    let paths: [String]

    /// Throws `TrainingError` where the name does not end in .png, or a picture itself would be written over.
    init(_ path: String, pictures: [String]) throws {
        let ending = (path as NSString).pathExtension
        guard ending.lowercased() == "png" else {
            throw TrainingError.option("--map", found: path, expected: "a file name that ends in .png")
        }
        paths = Self.names(path, pictures)
        let inputs = Set(ArgumentBytes.paths(of: pictures).compactMap(Self.identity))
        for path in paths {
            if let file = Self.identity(Array(path.utf8)), inputs.contains(file) {
                throw TrainingError.option(
                    "--map", found: path, expected: "a file to write; this is one of the pictures")
            }
        }
    }

    /// `OUT-NAME.png` for each picture's name without folder and ending; where that is taken, `OUT-NAME-2.png` and so on.
    static func names(_ path: String, _ pictures: [String]) -> [String] {
        guard pictures.count > 1 else { return pictures.map { _ in path } }
        let (start, ending) = ((path as NSString).deletingPathExtension, (path as NSString).pathExtension)
        var taken: Set<String> = []
        return pictures.map { picture in
            let name = ((picture as NSString).lastPathComponent as NSString).deletingPathExtension
            var (path, number) = ("\(start)-\(name).\(ending)", 2)
            while !taken.insert(path).inserted {
                path = "\(start)-\(name)-\(number).\(ending)"
                number += 1
            }
            return path
        }
    }

    /// Replaces the file of this picture. Throws `FileError.cannotWrite`; what was there before is then untouched.
    func write(_ look: Look, at index: Int) throws {
        guard let bytes = look.overlaid.png() else {
            throw FileError.cannotWrite(file: paths[index], code: ENOMEM)
        }
        try AtomicFile.write(bytes, to: paths[index])
    }

    /// Which file a path leads to; nil where there is none.
    private static func identity(_ path: [UInt8]) -> [UInt64]? {
        var status = stat()
        let found = (path.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { path in
            path.baseAddress.map { stat($0, &status) } ?? -1
        }
        return found == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
    }
}
