import Foundation

/// Opens and reads files whose name came from outside. A pipe would be waited for, a device might answer to being opened, and
/// a file may be larger than the memory: none of them is read.
package enum RegularFile {
    /// A descriptor for reading, and the file's size.
    package static func open(_ path: String) throws(FileError) -> (descriptor: Int32, size: Int) {
        try open(Array(path.utf8), name: path)
    }

    /// The same for a path that need not be UTF-8; `name` stands in messages.
    package static func open(_ path: [UInt8], name: String) throws(FileError) -> (descriptor: Int32, size: Int) {
        guard !path.contains(0) else { throw .cannotOpen(file: name, reason: "its name has a zero byte") }
        let path = path.map { CChar(bitPattern: $0) } + [0]
        // Asked before opening, and again afterwards, since another file may have taken the name.
        var status = stat()
        guard stat(path, &status) == 0 else { throw .cannotOpen(file: name, reason: systemMessage(errno)) }
        try require(status, name)
        let descriptor = Foundation.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw .cannotOpen(file: name, reason: systemMessage(errno)) }
        do throws(FileError) {
            guard fstat(descriptor, &status) == 0 else { throw .cannotOpen(file: name, reason: systemMessage(errno)) }
            try require(status, name)
        } catch {
            close(descriptor)
            throw error
        }
        return (descriptor, Int(status.st_size))
    }

    /// All bytes, `limit` at most.
    package static func read(_ path: String, limit: Int) throws(FileError) -> Data {
        let contents = try FileContents(Array(path.utf8), name: path, limit: limit)
        return withExtendedLifetime(contents) { Data(contents.bytes) }
    }

    private static func require(_ status: stat, _ name: String) throws(FileError) {
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG else { throw .notRegular(file: name, isFolder: kind == S_IFDIR) }
    }
}
