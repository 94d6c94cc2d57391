import Foundation
import Images
import Support

extension ImageSets {
    /// A hash of the names below the folder, sizes and labels of all pictures in order: another folder, or another split,
    /// is another number; the same one that was moved is not.
    static func identity(of sources: [any ImageSource], below folder: String?) -> UInt64 {
        let prefix = folder.map { Array(($0.hasSuffix("/") ? $0 : $0 + "/").utf8) } ?? []
        var bytes: [UInt8] = []
        for source in sources {
            for index in 0..<source.count {
                let name = source.identity(index)
                bytes += name.starts(with: prefix) ? name[prefix.count...] : name[...]
                bytes.append(0)
                withUnsafeBytes(of: (source is FolderImages ? size(name) : 0).littleEndian) { bytes += $0 }
                withUnsafeBytes(of: Int32(source.label(index)).littleEndian) { bytes += $0 }
            }
            bytes.append(0)
        }
        return bytes.withUnsafeBytes { ContentHash.of($0) }
    }

    /// −1 for a file that is gone.
    private static func size(_ path: [UInt8]) -> Int64 {
        var status = stat()
        let name = path.map { CChar(bitPattern: $0) } + [0]
        return stat(name, &status) == 0 ? Int64(status.st_size) : -1
    }
}
