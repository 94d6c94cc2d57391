import Foundation

/// Replaces files whole: what is there before stays until the new one is complete and on disk.
package enum AtomicFile {
    /// `write(2)`: how many bytes were written, or -1 and `errno`. Tests put a full disk in its place.
    package typealias SystemWrite = @Sendable (_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int
    package static let systemWrite: SystemWrite = { Glibc.write($0, $1, $2) }

    /// Writes `bytes`; see `write(to:_:)`.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        try write(to: path) { sink in
            try bytes.withUnsafeBytes { try sink($0) }
        }
    }

    /// Deletes what writers of `path` that were killed have left. Call it only while no other process can write there.
    package static func removeUnfinished(of path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        let prefix = (path as NSString).lastPathComponent + "."
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        where name.hasPrefix(prefix) && name.hasSuffix(".part") {
            guard Int(name.dropFirst(prefix.count).dropLast(".part".count)) != nil else { continue }
            unlink((folder.isEmpty ? "" : folder + "/") + name)
        }
    }

    /// Writes what `body` hands to its sink into a temporary file in the same folder, syncs it, renames it over `path` and
    /// syncs the folder. Throws `FileError.cannotWrite` with the system's reason, or what `beforeReplacing` throws, which is
    /// called just before the renaming; the temporary is gone then and `path` untouched.
    package static func write(
        to path: String, systemWrite: @escaping SystemWrite = systemWrite, beforeReplacing: () throws -> Void = {},
        _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        func failed(_ error: Int32) -> FileError { .cannotWrite(file: path, code: error) }
        let temporary = path + ".\(getpid()).part"
        // One that a killed process left is not in use; O_EXCL then refuses whatever else is put there.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failed(errno) }
        var isOpen = true
        do {
            try body { bytes in
                let (_, error) = writeAll(bytes, to: descriptor, by: systemWrite)
                if error != 0 { throw failed(error) }
            }
            guard fsync(descriptor) == 0 else { throw failed(errno) }
            isOpen = false
            guard close(descriptor) == 0 else { throw failed(errno) }
            try beforeReplacing()
            guard rename(temporary, path) == 0 else { throw failed(errno) }
        } catch {
            if isOpen { close(descriptor) }
            unlink(temporary)
            throw error
        }
        syncFolder(of: path)
    }
}
