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

    /// Deletes what writers of `path` that were killed have left. Only for who knows that no other process writes it.
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
    /// syncs the folder. Throws `.cannotWrite` with the system's reason; the temporary is gone then and `path` untouched.
    package static func write(
        to path: String, systemWrite: @escaping SystemWrite = systemWrite,
        _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        func failed() -> CheckpointError {
            let code = errno
            return .cannotWrite(file: path, reason: String(cString: strerror(code)), code: code)
        }
        let temporary = path + ".\(getpid()).part"
        // One that a killed process left is in nobody's use; O_EXCL then refuses whatever else is put there.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failed() }
        var isOpen = true
        do {
            try body { bytes in
                var done = 0
                while done < bytes.count {
                    let written = systemWrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                    if written < 0 {
                        if errno == EINTR { continue }
                        throw failed()
                    }
                    done += written
                }
            }
            guard fsync(descriptor) == 0 else { throw failed() }
            isOpen = false
            guard close(descriptor) == 0, rename(temporary, path) == 0 else { throw failed() }
        } catch {
            if isOpen { close(descriptor) }
            unlink(temporary)
            throw error
        }
        let folder = open(
            (path as NSString).deletingLastPathComponent.isEmpty ? "." : (path as NSString).deletingLastPathComponent,
            O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            _ = fsync(folder)
            close(folder)
        }
    }
}
